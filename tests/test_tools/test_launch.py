"""``tools/launch.py``: several processes, one sentence. The run is a stand-in that only meets the others."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
RUN = """
import os, signal, sys, time
from mmda_ext.apis.one_line_errors import run_with_one_line_errors

def main():
    import torch, torch.distributed as dist
    dist.init_process_group('gloo')
    rank, mode = dist.get_rank(), sys.argv[1]
    dist.barrier()
    if mode == 'alone':
        if rank == 1:
            raise FileNotFoundError(2, 'No such file or directory', 'data/x.csv')
    if mode == 'killed' and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == 'bug' and rank == 1:
        raise AttributeError('a fault')
    if mode == 'signal':
        open(sys.argv[2], 'w').close()
        time.sleep(60)
    dist.all_reduce(torch.ones(3))

sys.exit(run_with_one_line_errors(main))
"""


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path):
    (tmp_path / 'run.py').write_text(RUN)

    def launch(*argv):
        command = [sys.executable, str(ROOT / 'tools' / 'launch.py'), '--nproc_per_node=2', '--master_addr=127.0.0.1',
                   f'--master_port={free_port()}', str(tmp_path / 'run.py'), *argv]
        return subprocess.Popen(command, env=ENV, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    return launch


@pytest.mark.parametrize(('mode', 'code', 'sentence'), [
    ('alone', 1, '[rank 1] error: data/x.csv: No such file or directory; check this path in the config, on the command '
     'line or in the data (MMDA_EXT_TRACEBACK=1 shows where it was raised)\n'),
    ('killed', 137, 'error: [rank 1] was killed by SIGKILL, perhaps by the system for want of memory; the other '
     'processes were ended; to continue: the same command with --resume\n'),
])
def test_the_first_end_is_said_alone(start, mode, code, sentence):
    process = start(mode)
    output = process.communicate(timeout=100)[0]
    # Gloo itself may warn of a lost neighbour.
    lines = [line for line in output.splitlines(keepends=True) if not line.startswith('[W')]
    assert (process.returncode, ''.join(lines)) == (code, sentence)


def test_a_fault_keeps_its_traceback(start):
    process = start('bug')
    output = process.communicate(timeout=100)[0]
    assert process.returncode == 1
    assert output.count('AttributeError: a fault') == 1
    assert output.splitlines()[-1] == '[rank 1] error: AttributeError, with the traceback above'
    assert 'ChildFailedError' not in output


def test_a_signal_ends_all_with_one_sentence(start, tmp_path):
    process = start('signal', 'there')
    while not (tmp_path / 'there').exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(.05)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=100)[0] == '[rank 0] ended by SIGTERM\n'
    assert process.returncode == 143


def test_survivors_without_the_launcher_say_so(tmp_path):
    """As under Slurm: each process speaks for itself."""
    (tmp_path / 'run.py').write_text(RUN)
    env = {**ENV, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': free_port(), 'WORLD_SIZE': '2'}
    both = [subprocess.Popen([sys.executable, 'run.py', 'killed'], env={**env, 'RANK': str(rank)}, cwd=tmp_path,
                             stderr=subprocess.PIPE, text=True) for rank in range(2)]
    output = both[0].communicate(timeout=100)[1]
    both[1].communicate(timeout=10)
    assert both[0].returncode == 1
    assert both[1].returncode == -signal.SIGKILL
    assert output.splitlines()[-1].startswith('[rank 0] error: another process of this run has ended or no longer ')
    assert 'Traceback' not in output


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        command = [sys.executable, str(ROOT / 'tools' / 'launch.py'), '--nproc_per_node=2', '--master_addr=127.0.0.1',
                   f'--master_port={other.getsockname()[1]}', 'run.py']
        done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith('error: the port on which the processes meet is taken')
    assert 'Traceback' not in done.stderr
