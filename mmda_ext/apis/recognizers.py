"""A recognizer with its weights, from the folder of a run, or from a config and a checkpoint."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mmda_ext import compat
from mmda_ext.apis.compose import Choice
from mmda_ext.apis.config_edits import load_config
from mmda_ext.apis.run_folder import find_run
from mmda_ext.apis.weights import check_weights
from mmda_ext.engine.hooks.fitting_checkpoint_hook import check_fit
from mmda_ext.registry import MODELS


def init_recognizer(config: str | Path | Config, checkpoint: str | Path | None = None, device: str | None = None,
                    **flags: Any) -> Any:
    """Build a recognizer in evaluation mode, as MMAction2's function of this name does.

    Beyond that: a folder of a run will do, and the name of a method; a checkpoint that does not fit is refused, where
    MMAction2 prints what is missing and predicts with random weights; without one the weights are the published ones
    that the config names.

    Args:
        config (str | Path | Config): Folder of a run, config, or name of a method.
        checkpoint (str | Path, optional): File or address; of a run, by default the one that it tested.
        device (str, optional): By default a GPU, where there is one.
        **flags: ``dataset``, ``target``, ``sources``, ``modalities`` of a method.

    Returns:
        nn.Module: With ``cfg``, ``checkpoint`` (empty without one) and ``dataset_meta``, what the checkpoint tells of
        the data that it was trained on: ``classes`` and more.

    Raises:
        FileNotFoundError: If a file is missing, or the folder is none of a run.
        ValueError: If config or checkpoint cannot be used, or do not fit each other.
    """
    if isinstance(config, (str, Path)) and Path(config).is_dir():
        config, tested = find_run(Path(config))
        checkpoint = checkpoint or tested
    cfg = config if isinstance(config, Config) else load_config(str(config), choice=Choice(**flags))
    _mend()
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    with compat.tensors_only():
        model: Any = MODELS.build(cfg.model)
        found = _read(str(checkpoint)) if checkpoint else {}
        if checkpoint:
            _fill(model, found, str(checkpoint))
        else:
            check_weights(cfg)
            model.init_weights()
    meta = found.get('meta')
    model.cfg, model.checkpoint = cfg, str(checkpoint or '')
    model.dataset_meta = (meta.get('dataset_meta') if isinstance(meta, dict) else None) or {}
    return model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')).eval()


def _mend() -> None:
    compat.allow_mmengine_checkpoints()
    compat.fix_numpy_aliases()
    compat.fix_color_jitter()


def _read(checkpoint: str) -> dict[str, Any]:
    found = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    if not isinstance(found, dict):
        raise ValueError(f'checkpoint {checkpoint} holds a {type(found).__name__} and no weights by name: name one '
                         'that this package has written')
    return found


def _fill(model: nn.Module, found: dict[str, Any], name: str) -> None:
    """Load all that predicts; objectives are for training only."""
    weights = found.get('state_dict', found)
    wanted = {key: value for key, value in model.state_dict().items() if not key.startswith('objectives.')}
    check_fit(wanted, weights, name)
    model.load_state_dict(weights, strict=False)
