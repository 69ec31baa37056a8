"""Makes, completes or reuses a folder of demo data."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmda_ext.datasets.synthetic import epic, hac
from mmda_ext.datasets.synthetic.motion import motion_names
from mmda_ext.datasets.synthetic.sound import sound_names
from mmda_ext.datasets.synthetic.spec import GENERATOR_VERSION, DemoSpec
from mmda_ext.datasets.synthetic.writer import write_text
from mmda_ext.folder_lock import LOCK_NAME, lock_folder

MARKER = 'demo_data.json'
_LAYOUTS = {'hac': hac, 'epic': epic}

#: Called with the number of finished and of all jobs.
Progress = Callable[[int, int], None]


def read_marker(root: Path) -> dict[str, Any] | None:
    """Content of a folder's marker, or None when there is none.

    Raises:
        ValueError: If the marker is not what the generator writes.
    """
    path = root / MARKER
    if not path.exists():
        return None
    try:
        marker = json.loads(path.read_text())
        return {'hash': marker['hash'], 'complete': bool(marker['complete']), 'spec': dict(marker['spec']),
                'files': int(marker.get('files', 0))}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is not a marker of demo data ({error}): remove the folder and make it anew'
        ) from error


def _write_marker(root: Path, spec: DemoSpec, complete: bool, files: int) -> None:
    marker = {'hash': spec.digest, 'complete': complete, 'files': files, 'version': GENERATOR_VERSION,
              'spec': asdict(spec)}
    marker['classes'] = [list(pair) for pair in zip(motion_names(spec.classes), sound_names(spec.classes))]
    write_text(root / MARKER, json.dumps(marker, indent=2) + '\n')


def _count_files(root: Path) -> int:
    """Files of the data set, without the marker."""
    return sum(path.is_file() and path.name not in (MARKER, LOCK_NAME) for path in root.rglob('*'))


def _is_complete(root: Path, spec: DemoSpec) -> bool:
    """Whether all is there; what somebody else put there is refused."""
    marker = read_marker(root)
    if marker is None:
        if root.is_dir() and any(path.name != LOCK_NAME for path in root.iterdir()):
            raise FileExistsError(f'{root} has files but no {MARKER}: name an empty or a new folder')
        return False
    if marker['hash'] == spec.digest:
        return bool(marker['complete']) and _count_files(root) >= marker['files']
    ours = asdict(spec)
    differing = [
        f'{k}={marker["spec"].get(k)!r} there, {v!r} asked for' for k, v in ours.items() if marker['spec'].get(k) != v
    ]
    reason = '; '.join(differing) or 'made by another version of the generator'
    raise FileExistsError(f'{root} holds other demo data ({reason}): name another folder or remove this one')


def make_demo_data(root: str | Path, spec: DemoSpec, workers: int = 2, progress: Progress | None = None) -> bool:
    """Make a demo data set; what is already there is kept, and what has gone is made again.

    Args:
        root (str | Path): Folder of the data set.
        spec (DemoSpec): What to make.
        workers (int): Clips made at the same time; has no influence on the bytes.
        progress (Callable | None): Called with finished and total after every clip or video.

    Returns:
        bool: Whether anything was made: False when the folder was complete.

    Raises:
        FileExistsError: If the folder holds something else, lacks files and what is there hides which, or another
            process writes there.
    """
    root, layout = Path(root), _LAYOUTS[spec.layout]
    # A complete folder may be one that must not be written to.
    if _is_complete(root, spec):
        return False
    with lock_folder(root):
        if _is_complete(root, spec):
            return False
        expected = (read_marker(root) or {}).get('files', 0)
        _write_marker(root, spec, False, expected)
        layout.write_splits(root, spec)
        _run(list(layout.jobs(root, spec)), workers, progress)
        found = _count_files(root)
        if found < expected:
            raise FileExistsError(f'{root} lacks {expected - found} of {expected} files, what is there hides which: '
                                  'remove the folder and make it anew')
        _write_marker(root, spec, True, found)
    return True


def _run(jobs: list[Callable[[], None]], workers: int, progress: Progress | None) -> None:
    # Threads suffice: encoders and array operations release the interpreter's lock.
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for finished, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(finished, len(futures))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
