"""Where a run continues."""

import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config

from mmda_ext.apis.resumed_recipe import check_resumed_recipe

Warn = Callable[[str], None]


def set_resume(cfg: Config, args: Namespace, warn: Warn) -> None:
    """Turn ``--resume [CKPT]``, or ``resume = True`` of the config, into the checkpoint to continue from.

    Args:
        cfg (Config): The config; ``resume`` and ``load_from`` are set.
        args (Namespace): ``resume`` is None, 'auto' or a path. ``resume = True`` in the config means the same, with its
            ``load_from`` as the path.
        warn (Callable): Takes what the user should know.

    Raises:
        FileNotFoundError: If the named checkpoint does not exist.
        ValueError: If the named checkpoint is damaged, or does not fit the config.
    """
    wanted = args.resume or (cfg.get('load_from') or 'auto' if cfg.get('resume') else None)
    if wanted is None:
        return
    checkpoint = latest_checkpoint(Path(cfg.work_dir), warn) if wanted == 'auto' else _named(wanted)
    if checkpoint is None:
        warn(f'--resume: no checkpoint in {cfg.work_dir}, so training starts from the beginning')
        cfg.resume = False
        return
    cfg.resume, cfg.load_from = True, str(checkpoint)
    for sentence in check_resumed_recipe(cfg, str(checkpoint)):
        warn(f'--resume: {sentence}')


def latest_checkpoint(work_dir: Path, warn: Warn) -> Path | None:
    """Newest whole checkpoint that carries a state to continue from.

    Args:
        work_dir (Path): Where the checkpoints lie; it may have been moved since.
        warn (Callable): Told of each damaged file that is passed over.

    Returns:
        Path or None: None when there is none at all.
    """
    for path in _candidates(work_dir):
        if is_whole(path):
            return path
        warn(f'--resume: {path} is damaged, perhaps cut short while it was written; trying the one before')
    return None


def is_whole(path: Path) -> bool:
    """Whether all parts of a checkpoint file have the check sums that its table of contents names."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False


def _candidates(work_dir: Path) -> list[Path]:
    found = [path for pattern in ('epoch_*.pth', 'iter_*.pth') for path in work_dir.glob(pattern)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file():
        # The name alone, because the folder may have been moved.
        last = work_dir / Path(pointer.read_text(encoding='utf-8').strip()).name
        if last.is_file():
            found = [last, *(path for path in found if path != last)]
    return found


def _named(text: str) -> Path:
    if '://' in text:
        raise ValueError(f'--resume {text}: training continues from a file on this machine; download it, or begin '
                         'a new run from its weights with --cfg-options load_from=...')
    path = Path(text).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'--resume {text}: there is no such checkpoint')
    if not is_whole(path):
        raise ValueError(f'--resume {text}: the file is damaged; name an earlier checkpoint')
    return path
