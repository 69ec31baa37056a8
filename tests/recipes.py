"""Recipes by the names of their method and dataset."""

from pathlib import Path

from mmengine.config import Config

from mmda_ext.apis.compose import load_recipe
from tests.conftest import ROOT

METHODS = ROOT / 'configs' / 'methods'


def recipe(method: str, dataset: str = 'ravdess', **flags: str | list[str]) -> Config:
    """The config of a method on a dataset; flags as in :class:`mmda_ext.apis.compose.Choice`."""
    return load_recipe(METHODS / f'{method}.py', dataset=dataset, **flags)


def recipe_file(path: Path, method: str, text: str, dataset: str = 'ravdess', **flags: list[str]) -> Path:
    """Write a recipe that inherits a method and states its data, followed by ``text``."""
    stated = dict(dataset=dataset, **flags)
    path.write_text(f'_base_ = [{str(METHODS / f"{method}.py")!r}]\nrecipe = {stated!r}\n{text}', encoding='utf-8')
    return path
