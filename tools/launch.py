"""Start several processes of one run, and say in one sentence how they ended; dist_train.sh and dist_test.sh call it.

    python tools/launch.py --nproc_per_node=2 tools/train.py CONFIG --launcher pytorch

Flags and meaning are those of torchrun. When one process ends, the others are ended, too.
"""

import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    from mmda_ext.apis.one_line_errors import LAUNCHER_VARIABLE, run_with_one_line_errors
except KeyboardInterrupt:
    print('interrupted', file=sys.stderr)
    sys.exit(130)


def main() -> int:
    """Run torchrun, and read what its processes left."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run
    args = parse_args(sys.argv[1:])
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ.setdefault(name, '1')  # as torchrun and MMEngine do, each with a warning
    os.environ[LAUNCHER_VARIABLE] = '1'
    with tempfile.TemporaryDirectory(prefix='mmda_ext_') as folder, _hushed():
        args.log_dir = args.log_dir or folder
        try:
            run(args)
        except ChildFailedError as error:
            first = min(error.failures.values(), key=lambda failure: _is_consequence(failure.error_file_data))
            print(_sentence(first), file=sys.stderr)
            return first.exitcode if first.exitcode > 0 else 128 - first.exitcode
        except SignalException as stop:
            print(_of_signal(Path(args.log_dir)) or f'ended by {signal.Signals(stop.sigval).name}', file=sys.stderr)
            return 128 + int(stop.sigval)
    return 0


@contextmanager
def _hushed() -> Iterator[None]:
    """Without what torchrun logs of ended processes: it is said in one sentence. ``LOGLEVEL`` shows it."""
    before = logging.root.manager.disable
    if 'LOGLEVEL' not in os.environ:
        logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _is_consequence(record: dict[str, Any]) -> bool:
    return bool(record.get('is_consequence'))


def _sentence(failure: Any) -> str:
    """What the process said of its end, or what can be said for it."""
    if isinstance(failure.error_file_data.get('timestamp'), int):
        return failure.message
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        hint = ', perhaps by the system for want of memory' if name == 'SIGKILL' else ''
        return (f'error: [rank {failure.local_rank}] was killed by {name}{hint}; the other processes were ended; to '
                'continue: the same command with --resume')
    return (f'error: [rank {failure.local_rank}] ended with exit code {failure.exitcode}, its message is above; the '
            'other processes were ended')


def _of_signal(folder: Path) -> str:
    """What the first process said when a signal ended all."""
    said = [json.loads(file.read_text(encoding='utf-8')) for file in sorted(folder.rglob('error.json'))]
    return next((record['message'] for record in said), '')


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
