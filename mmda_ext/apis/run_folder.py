"""Which config and which checkpoint a run left in its folder."""

import json
from pathlib import Path
from typing import Any


def find_run(folder: Path) -> tuple[str, str]:
    """Config and checkpoint of a run: those of its ``result.json``, else the best checkpoint, else the newest.

    Args:
        folder (Path): The work directory of a training.

    Raises:
        FileNotFoundError: If the folder has no config, or no checkpoint.
        ValueError: If it has several configs and nothing says which one trained.
    """
    result = _result(folder / 'result.json')
    return str(_config(folder, result.get('config'))), str(_checkpoint(folder, result.get('checkpoint')))


def _result(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _config(folder: Path, named: str | None) -> Path:
    if named and (folder / Path(named).name).is_file():
        return folder / Path(named).name
    found = sorted(path for path in folder.glob('*.py') if not path.name.startswith('test_'))
    if not found:
        raise FileNotFoundError(f'{folder} holds no config (*.py), so it is no folder of a run: name the --work-dir of '
                                'a training, or a config and a checkpoint')
    if len(found) > 1:
        raise ValueError(f'{folder} holds {len(found)} configs ({", ".join(path.name for path in found)}) and no '
                         'result.json that says which one trained: name config and checkpoint')
    return found[0]


def _checkpoint(folder: Path, named: str | None) -> Path:
    if named:
        tested = folder / Path(named).name
        if not tested.is_file():
            raise FileNotFoundError(f'{tested}, the checkpoint that result.json names, is not there any more: put it '
                                    'back, or name config and checkpoint')
        return tested
    for patterns in (('best_*.pth', ), ('epoch_*.pth', 'iter_*.pth')):
        found = [path for pattern in patterns for path in folder.glob(pattern)]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime)
    raise FileNotFoundError(f'{folder} holds no checkpoint (best_*.pth, epoch_*.pth): train until the end of an epoch, '
                            'or name config and checkpoint')
