"""Recipes by the names of their method and dataset."""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from mmengine.config import Config

from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.recipe_files import VARIABLES
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


@contextmanager
def each_file_read_once() -> Iterator[None]:
    """MMEngine reads a file anew for every config that inherits it; here once for each choice of data."""
    read, known = Config._file2dict, {}

    def reading(filename, *args, **kwargs):
        key = (os.path.abspath(filename), *map(os.environ.get, VARIABLES.values()))
        if key not in known:
            known[key] = read(filename, *args, **kwargs)
        return copy.deepcopy(known[key])

    with patch.object(Config, '_file2dict', staticmethod(reading)):
        yield
