"""A forked trainer behaves like a started one."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT


@pytest.fixture
def preload(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    module = importlib.import_module('preload')
    monkeypatch.setattr(module, 'MODULES', ['json'])
    monkeypatch.setenv('OWN_VALUE', 'before')
    return module


def trainer(tmp_path, text):
    path = tmp_path / 'trainer.py'
    path.write_text(f'import os, sys, time\n{text}\n')
    return path


def forked(preload, path, log, *arguments):
    return preload.Forked([sys.executable, str(path), *arguments], log, {'OWN_VALUE': 'seen'})


def test_arguments_environment_output_and_exit_code(preload, tmp_path):
    path = trainer(tmp_path, 'if __name__ == "__main__":\n    print(sys.argv[1:], os.environ["OWN_VALUE"])\n'
                   '    print("oops", file=sys.stderr)\n    sys.exit(3)')
    log = tmp_path / 'log.txt'
    log.write_text('$ command\n')
    run = forked(preload, path, log, '--seed', '1')
    assert run.wait(60) == 3
    assert run.poll() == run.returncode == 3
    assert log.read_text().splitlines() == ['$ command', "['--seed', '1'] seen", 'oops']


def test_a_forked_trainer_is_stopped_with_its_session(preload, tmp_path):
    path = trainer(tmp_path, 'print("up", flush=True)\ntime.sleep(60)')
    log = tmp_path / 'log.txt'
    run = forked(preload, path, log)
    for _ in range(300):
        if log.exists() and 'up' in log.read_text():
            break
        time.sleep(.1)
    assert run.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(.1)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL
