"""MMEngine's checkpoint hook in a run that was resumed from another folder, or from a copy of its own."""

import filecmp
import os
import shutil
from pathlib import Path
from typing import Any


def keep_checkpoints_at_home() -> None:
    """Let ``CheckpointHook`` delete and name files of the run's own folder only.

    Upstream, a checkpoint remembers where its run kept the best one, and a run that continues from it elsewhere deletes
    that file when it finds a better one, although the other run's result still names it (mmengine 0.10.7).
    """
    from mmengine.hooks import CheckpointHook
    original = CheckpointHook.before_train
    if getattr(original, 'keeps_at_home', False):
        return

    def before_train(self: Any, runner: Any) -> None:
        move_home(runner, _home(self, runner))
        original(self, runner)

    before_train.keeps_at_home = True  # type: ignore[attr-defined]
    CheckpointHook.before_train = before_train


def _home(hook: Any, runner: Any) -> Path:
    work_dir = Path(runner.work_dir)
    return work_dir if hook.out_dir is None else Path(hook.out_dir) / work_dir.name


def move_home(runner: Any, home: Path) -> None:
    """Turn the paths that a resumed state remembers into those of ``home``.

    What the run was resumed from, and the best checkpoint beside it, are copied there first.

    Args:
        runner (Runner): Its state is loaded.
        home (Path): Where its checkpoints go.

    Raises:
        FileExistsError: If the run comes from another folder and ``home`` holds files of a third.
    """
    from mmengine.dist import barrier, is_main_process
    info = runner.message_hub.runtime_info
    paths = {key: Path(value).name for key, value in info.items()
             if value and (key == 'last_ckpt' or key.startswith('best_ckpt'))}
    if not paths:
        return
    source = _source(runner, home)
    if source is not None and is_main_process():
        _refuse_a_third(source.parent, home)
        for key, name in paths.items():
            _copy(source if key == 'last_ckpt' else source.parent / name, home / name)
    barrier()
    for key, name in paths.items():
        runner.message_hub.update_info(key, str(home / name))


def _source(runner: Any, home: Path) -> Path | None:
    """The checkpoint that the run was resumed from, if it lies in another folder of this machine."""
    path = Path(runner._load_from) if runner._resume and runner._load_from else None
    return None if path is None or not path.is_file() or path.resolve().parent == home.resolve() else path


def _refuse_a_third(source: Path, home: Path) -> None:
    for path in sorted([*home.glob('*.pth'), *home.glob('result.json')]):
        twin = source / path.name
        if not (twin.is_file() and filecmp.cmp(path, twin)):
            raise FileExistsError(
                f'--resume from {source}: {home} holds another run ({path.name}), which would be overwritten: name a '
                'new --work-dir, or continue that run with --resume alone')


def _copy(source: Path, target: Path) -> None:
    if source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f'{target.name}.partial')
        shutil.copy2(source, partial)
        os.replace(partial, target)
