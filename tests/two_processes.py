"""Run a function in two processes of a gloo group."""

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import torch.distributed as dist
import torch.multiprocessing as mp


def _start(rank: int, port: int, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank),
                      WORLD_SIZE='2', OMP_NUM_THREADS='1')
    dist.init_process_group('gloo', rank=rank, world_size=2)
    try:
        function(rank, *args)
    except BaseException:
        dist.destroy_process_group()
        raise
    leave_together()


def leave_together() -> None:
    """End this process after what it has done well, as the tools do.

    gloo aborts a process whose peer has gone already, and the interpreter's own end now and then finds a thread of
    gloo that still runs, and aborts ("terminate called without an active exception").
    """
    dist.barrier()
    dist.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def run_in_two_processes(function: Callable[..., None], *args: Any) -> None:
    """Call ``function(rank, *args)`` in both; an exception in either fails the test."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(_start, (port, function, args), nprocs=2)
