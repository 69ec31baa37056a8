"""Loading published weights into one backbone, strictly."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

#: Where published files keep the weights.
CONTAINERS = ('state_dict', 'model_state_dict')


def load_backbone(module: nn.Module, path: str, prefixes: Sequence[str] = ('backbone.', )) -> None:
    """Load every parameter and statistic of ``module`` from the file at ``path``; further entries there are left out.

    Args:
        module (nn.Module): The backbone.
        path (str): Local file or address of a checkpoint.
        prefixes (Sequence[str]): Prefixes of the keys that are dropped where present.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file belongs to another architecture; names the first tensor that does not fit.
    """
    state = _strip(_contents(CheckpointLoader.load_checkpoint(path, map_location='cpu')), prefixes)
    own = module.state_dict()
    # Checkpoints of the torch 1.0 era lack this counter, which plays no part in the result.
    wanted = [key for key in own if not key.endswith('num_batches_tracked')]
    bad = [key for key in wanted if key not in state or state[key].shape != own[key].shape]
    if bad:
        found = tuple(state[bad[0]].shape) if bad[0] in state else 'nothing'
        raise ValueError(f'{path} is a checkpoint of another architecture than {type(module).__name__}: {len(bad)} of '
                         f'{len(wanted)} tensors do not fit, first {bad[0]}: {tuple(own[bad[0]].shape)} wanted, '
                         f'{found} found')
    module.load_state_dict({key: state[key] for key in wanted}, strict=False)
    print_log(f'{type(module).__name__}: {len(wanted)} tensors loaded from {path}', logger='current')


def _contents(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((checkpoint[name] for name in CONTAINERS if name in checkpoint), checkpoint)


def _strip(state: Mapping[str, Any], prefixes: Sequence[str]) -> dict[str, Any]:
    out = {}
    for key, value in state.items():
        for prefix in ('module.', *prefixes):
            key = key.removeprefix(prefix)
        out[key] = value
    return out
