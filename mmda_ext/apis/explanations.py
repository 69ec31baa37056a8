"""Which errors a user can mend, and the sentence for each."""

import errno
import os
import re
import traceback
from pathlib import Path

from mmda_ext.apis import refusals

_PACKAGE = Path(__file__).resolve().parents[1]
_WORKER_FRAME = re.compile(r'File "(.+)", line \d+, in .+\n\s+(.+)')
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
#: How gloo, NCCL and the store say that another process is gone.
_PEER_GONE = re.compile(r'Connection (closed|reset) by (peer|remote)|NCCL|gloo/|recvValue failed|Broken pipe|'
                        r'[Tt]imed out waiting|wait timeout')


def explain(error: Exception) -> str | None:
    """Sentence for an error that the user can mend, None for one that needs its traceback.

    The user can mend missing files, missing packages, a full disk, what a config says wrongly about a component, and
    whatever this package raises on purpose (the innermost line of the traceback is a ``raise`` of ours).
    """
    if _is_disk_full(error):
        return (f'{getattr(error, "filename", None) or "a file"} could not be written, because the disk is full or a '
                'quota is reached; make room, then give the same command again (training goes on with --resume)')
    if 'EADDRINUSE' in str(error):
        return ('the port on which the processes meet is taken, perhaps by another run: name another one with PORT=... '
                f'before tools/dist_*.sh, MASTER_PORT=... before tools/slurm_*.sh ({_message(error)})')
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}; check this path in the config, on the command line or in the data'
    if is_consequence(error):
        return ('another process of this run has ended or no longer answers, and its own message says why; this one '
                f'cannot go on without it ({_message(error)[:200]})')
    if isinstance(error, (FileNotFoundError, ImportError)) or _raised_on_purpose(error):
        return _message(error)
    if isinstance(error, KeyError) and 'is not in the' in str(error) and 'registry' in str(error):
        return f'{_message(error)} (check the `type` in the config; types of this package begin with "mmda_ext.")'
    return refusals.explain(error, _message(error))


def is_consequence(error: BaseException) -> bool:
    """Whether a process fails because another one of its run is gone."""
    return (is_one_of_several() and isinstance(error, (RuntimeError, ConnectionError))
            and bool(_PEER_GONE.search(str(error))))


def is_one_of_several() -> bool:
    """Whether a launcher started this process beside others."""
    return int(os.environ.get('WORLD_SIZE') or os.environ.get('SLURM_NTASKS') or 1) > 1


def _is_disk_full(error: Exception) -> bool:
    # torch.save reports it without its number.
    return getattr(error, 'errno', None) in _DISK_FULL or 'PytorchStreamWriter failed writing file' in str(error)


def _raised_on_purpose(error: Exception) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    # A data loader's worker sends its traceback as text.
    worker = _WORKER_FRAME.findall(str(error))
    file, line = worker[-1] if worker else (frames[-1].filename, frames[-1].line or '') if frames else ('', '')
    return _PACKAGE in Path(file).resolve().parents and line.lstrip().startswith('raise')


def _message(error: Exception) -> str:
    # str() of a KeyError is the repr of its argument.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if _WORKER_FRAME.search(text):
        text = text.rstrip().splitlines()[-1]
    return ' '.join(text.split())
