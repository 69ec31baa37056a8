"""A forked trainer behaves like a started one."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

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


SERVER = """
import sys
sys.path.insert(0, {tools!r})
import preload
if __name__ == '__main__':
    preload.MODULES = {modules!r}
    run = preload.Forked([sys.executable, {trainer!r}], {log!r}, {env!r})
    sys.exit(run.wait(100))
"""


def log_of_a_fork(tmp_path, text, modules, env):
    """What a trainer writes, forked by a process of its own: a server is never asked twice what it imports."""
    log, script = tmp_path / 'log.txt', trainer(tmp_path, text)
    (tmp_path / 'server.py').write_text(SERVER.format(
        tools=str(ROOT / 'tools'), modules=modules, trainer=str(script), log=str(log), env=env))
    # Before Python 3.12.4 the server has the path of a new interpreter.
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run([sys.executable, str(tmp_path / 'server.py')], env={**os.environ, 'PYTHONPATH': path},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + log.read_text()
    return log.read_text().splitlines()[-1]


@pytest.mark.parametrize('lost', [False, True])
def test_a_fork_that_cannot_use_cuda_starts_anew(tmp_path, lost):
    """And the server is told to look for a GPU without starting CUDA."""
    (tmp_path / 'early.py').write_text(
        'import os, sys, types\n'
        f'cuda = types.SimpleNamespace(_is_in_bad_fork=lambda: {lost})\n'
        "sys.modules['torch'] = types.SimpleNamespace(cuda=cuda, checks=os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'])")
    found = log_of_a_fork(tmp_path, "early = sys.modules.get('torch')\nprint(early and early.checks)", ['early'], {})
    assert found == ('None' if lost else '1')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('check', ['1', '0'])
def test_a_forked_trainer_uses_the_gpu(tmp_path, check):
    text = ("warm = 'mmda_ext.apis.warm' in sys.modules\nimport torch\n"
            "print(warm, int(torch.ones(2, device='cuda').sum()))")
    found = log_of_a_fork(tmp_path, text, ['mmda_ext.apis.warm'], {'PYTORCH_NVML_BASED_CUDA_CHECK': check})
    assert found == f'{check == "1"} 2'


GRID_TRAINER = """
import json, pathlib, signal
folder = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
calls = folder / 'calls'
calls.mkdir(exist_ok=True)
(calls / str(os.getppid())).touch()
if sys.argv[1].endswith('dies_a.py') and not (folder / 'half').exists():
    (folder / 'half').touch()
    os.kill(os.getpid(), signal.SIGKILL)
(folder / 'result.json').write_text(json.dumps({'test': {'acc/top1': 50.0}}))
"""


def test_forked_cells_share_a_parent_and_a_killed_one_loses_nothing_but_itself(preload, tmp_path):
    sweep = importlib.import_module('sweep')
    path = trainer(tmp_path, GRID_TRAINER)
    for row in ('dies', 'good'):
        (tmp_path / f'{row}_a.py').write_text('')
    command = ['--rows', f'dies={tmp_path}/dies_{{target}}.py', f'good={tmp_path}/good_{{target}}.py', '--targets', 'a',
               '--work-dir', str(tmp_path / 'w'), '--trainer', str(path), '--preload', '--jobs', '2']

    def states():
        cells = sweep.read_json(tmp_path / 'w' / 'results.json')['cells']
        return {cell['row']: (cell['state'], cell['reason']) for cell in cells}

    assert sweep.main(command) == 1
    assert states() == {'dies': ('failed', 'exit code -9'), 'good': ('done', '')}
    assert sweep.main(command) == 0
    assert states() == {'dies': ('done', ''), 'good': ('done', '')}
    parents = {row: sorted(own.name for own in (tmp_path / 'w' / row).glob('a/seed0/calls/*')) for row in states()}
    assert parents['dies'] == parents['good']
    assert parents['good'] != [str(os.getpid())]


def test_the_trainer_of_the_package_is_forked_and_another_is_not(preload):
    sweep = importlib.import_module('sweep')
    base = ['--rows', 'gmp', '--targets', 'a', '--work-dir', 'w']
    own = ['--trainer', 'mine.py']
    assert [sweep.parse_args([*base, *more]).preload for more in ([], own, ['--no-preload'], [*own, '--preload'])] == [
        True, False, False, True]
