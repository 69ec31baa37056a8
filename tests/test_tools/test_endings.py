"""How a tool ends: one sentence for what a user can mend, for signals, and for processes that end beside others."""

import argparse
import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.registry import METRICS

from mmda_ext.apis import cli
from mmda_ext.apis.explanations import explain, is_consequence
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.option_values import ConfigOptions
from mmda_ext.apis.stop_signals import SIGNALS, Stopped
from tests.conftest import ROOT
from tests.toy_run import ToyDataset, toy_config, write_config

ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1, log_level='INFO'))


@pytest.fixture
def handlers():
    """Signal handlers and hooks as they were, also after a stop."""
    numbers = (*SIGNALS, signal.SIGCHLD)
    former, hooks = {number: signal.getsignal(number) for number in numbers}, (sys.unraisablehook, sys.excepthook)
    yield
    sys.unraisablehook, sys.excepthook = hooks
    for number, handler in former.items():
        signal.signal(number, handler)


def train(*argv):
    return run_with_one_line_errors(lambda: cli.run_training([str(arg) for arg in argv]))


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('optim_wrapper.optimizer.lr', -1, r'Adam cannot be built with lr=-1: Invalid learning rate: -1; change it in'),
    ('optim_wrapper.optimizer.lr', 'abc', "Adam cannot be built with lr='abc': "),
    ('train_dataloader.batch_size', 0, 'train_dataloader cannot be built with batch_size=0, .*positive integer value'),
    ('val_dataloader.num_workers', -1, 'val_dataloader cannot be built with .*num_workers=-1: num_workers option'),
    ('test_dataloader.batch_size', 0, 'test_dataloader cannot be built with batch_size=0'),
    ('train_cfg.max_epochs', 'abc', "train_cfg cannot be built with max_epochs='abc'"),
    ('train_cfg.val_interval', 0, 'train_cfg: val_interval=0 must be 1 or more'),
    ('randomness', {'seed': -5}, 'randomness cannot be built with seed=-5: Seed must be between'),
    ('log_level', 'LOUD', "the logger cannot be built with log_level='LOUD'"),
    ('val_evaluator', 'acc', 'val_cfg cannot be built with its values: evaluator must be'),
    ('val_evaluator.type', ['a'], "the evaluator cannot be built .*: type must be a str"),
    ('model.bad_itr', 1, r"ToyModel has no argument 'bad_itr' \(bad_itr=1; did you mean bad_iter\?\): it takes bad_it"),
    ('optim_wrapper.optimizer.lrr', 1, r"Adam has no argument 'lrr' \(lrr=1; did you mean lr\?\): it takes amsgrad"),
    ('train_dataloader.workers', 1, "DataLoader has no argument 'workers' .*did you mean num_workers"),
    ('train_cfg.epochs', 1, "EpochBasedTrainLoop has no argument 'epochs' .*did you mean max_epochs"),
    ('test_evaluator.prefx', 'x', "DomainAccuracy has no argument 'prefx' .*did you mean prefix.*collect_device"),
    ('optim_wrapper.optimizer', {'_delete_': True, 'type': 'Adam', 'paramz': 1}, "Adam has no argument 'paramz'"),
    ('train_dataloader.sampler', {'_delete_': True, 'type': 'InfiniteSampler', 'dataset': 1}, 'Infinite'),
    ('custom_hooks.0', {'type': 'mmda_ext.EpochSeedHook', 'x': 1}, 'EpochSeedHook takes no arguments, but is given x'),
    ('default_hooks.checkpoint.each', 1, 'checkpoint hook: each is no argument of it'),
    ('optim_wrapper', {'_delete_': True, 'type': 'OptimWrapper'}, 'optim_wrapper cannot be built .*optimizer'),
])
def test_refused_values_are_one_sentence_and_nothing_else(tmp_path, capfd, key, value, message):
    changes = {'log_level': 'INFO', key: value}
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1, **changes))
    assert train(config) == 1
    out, err = capfd.readouterr()
    assert re.fullmatch(f'error: .*{message}.*\n', err), err
    assert not [line for line in out.splitlines() if 'looking for data' not in line and 'WARNING' not in line]
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_a_fault_of_this_package_keeps_its_traceback(config):
    scope = {'__name__': 'mmda_ext.made_up'}
    exec('class Faulty:\n    def __init__(self, **kwargs):\n        None + 1\n', scope)
    METRICS.register_module(name='Faulty', module=scope['Faulty'], force=True)
    with pytest.raises(TypeError, match='unsupported operand'):
        train(config, '--cfg-options', 'val_evaluator.type=Faulty')
    # An argument that no config named is a program's own.
    exec('def wrong(self, **kwargs):\n    (lambda x: x)(bogus=1)\n', scope)
    scope['Faulty'].__init__ = scope['wrong']
    with pytest.raises(TypeError, match='bogus'):
        train(config, '--cfg-options', 'val_evaluator.type=Faulty')


def test_the_start_is_shown_when_it_succeeded(config, tmp_path, capfd):
    assert train(config) == 0
    out = capfd.readouterr().out
    places = [out.index(text) for text in ('looking for data and weights', 'System environment', 'Hooks will be',
                                           'Epoch(train)')]
    assert places == sorted(places)
    assert out.count('System environment') == 1


def test_a_failed_start_shows_its_warnings_and_logs_the_rest(config, tmp_path, capfd, monkeypatch):
    from mmengine.logging import print_log

    def missing(self, **kwargs):
        print_log('a sample is odd', logger='current', level=30)
        raise FileNotFoundError(2, 'No such file or directory', 'data/x.csv')

    monkeypatch.setattr(ToyDataset, '__init__', missing)
    assert train(config) == 1
    out, err = capfd.readouterr()
    assert 'a sample is odd' in out
    assert 'System environment' not in out
    assert err.splitlines()[-1].startswith('error: data/x.csv: No such file or directory; check this path')
    log = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert 'System environment' in log


@pytest.mark.parametrize(('text', 'value'), [
    ('x=[dict(type="A", n=[1, 2]), dict(type="B")]', [{'type': 'A', 'n': [1, 2]}, {'type': 'B'}]),
    ("x={'a': (1, None), 'b': dict()}", {'a': (1, None), 'b': {}}),
    ('x=[a,b]', ['a', 'b']),
    ('x=1e-3', 1e-3),
    ('x=a=b', 'a=b'),
    ('x=(1,2)', (1, 2)),
])
def test_options_are_read(text, value):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions)
    assert parser.parse_args(['--cfg-options', 'z=1', text]).cfg_options == {'z': 1, 'x': value}


@pytest.mark.parametrize(('text', 'message'), [
    ('x', "'x' is not KEY=VALUE"), ('=3', "'=3' is not KEY=VALUE"), ('x=[dict(type=A)]', 'write words in quotes'),
    ('x=[dict(', 'the dict cannot be read'), ('x=[(1,2]', 'Imbalanced brackets'), ('x=dict(f())', 'cannot be read')])
def test_options_that_cannot_be_read_are_refused(config, capsys, text, message):
    with pytest.raises(SystemExit) as end:
        train(config, '--cfg-options', text)
    assert end.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_list_of_evaluators_evaluates(config, tmp_path):
    option = 'test_evaluator=[dict(type="mmda_ext.DomainAccuracy"), dict(type="DumpResults", out_file_path="{}")]'
    assert train(config, '--cfg-options', option.format(tmp_path / 'all.pkl')) == 0
    assert (tmp_path / 'all.pkl').stat().st_size


def test_a_full_disk_is_named(config, tmp_path, capfd, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full)
    assert train(config) == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith(f'error: {tmp_path / "run"} could not be written, because the disk is full')
    torch_says = RuntimeError('[enforce fail at x.cc] PytorchStreamWriter failed writing file data/0')
    assert explain(torch_says).startswith('a file could not be written')


def test_a_lost_peer_is_a_consequence(monkeypatch):
    error = RuntimeError('[third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1')
    assert not is_consequence(error)
    assert explain(error) is None
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert is_consequence(error)
    assert explain(error).startswith('another process of this run has ended or no longer answers')
    assert not is_consequence(RuntimeError('shapes differ'))


@pytest.mark.parametrize('number', SIGNALS)
def test_signals_end_with_a_sentence_and_their_code(handlers, capsys, number):
    def main():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)  # the user's second Ctrl-C does not break the ending
            time.sleep(.01)
            ended.append(number)

    ended = []
    assert run_with_one_line_errors(main) == 128 + number
    assert ended == [number]
    assert capsys.readouterr().err == SIGNALS[number] + '\n'


def test_a_process_that_goes_on_is_not_killed(handlers, capsys):
    """As in a notebook: whoever called the tool has heard of the end."""
    def main():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    assert run_with_one_line_errors(main, grace_s=.05) == 143
    time.sleep(.2)
    assert capsys.readouterr().err == 'ended by SIGTERM\n'


def test_a_stop_that_python_drops_comes_again(handlers, capsys):
    class Deaf:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(.01)

    def main():
        deaf = Deaf()
        del deaf
        time.sleep(20)

    began = time.monotonic()
    assert run_with_one_line_errors(main) == 143
    assert time.monotonic() - began < 5
    assert capsys.readouterr().err == 'ended by SIGTERM\n'


def test_handlers_are_back_and_ignored_signals_stay_so(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before, hook = [signal.getsignal(number) for number in SIGNALS], sys.excepthook

    def main():
        os.kill(os.getpid(), signal.SIGHUP)
        return 3

    assert run_with_one_line_errors(main) == 3
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert sys.excepthook is hook


HANGS_UP = """
import os, sys
from mmda_ext.apis.one_line_errors import run_with_one_line_errors

def tell(error):  # as the thread of multiprocessing.resource_sharer does
    try:
        raise error
    except Exception:
        sys.excepthook(*sys.exc_info())

def main():
    tell(ConnectionResetError('of the parent'))
    if not os.fork():
        for error in (ConnectionResetError(1), EOFError(2), ValueError('of the loader')):
            tell(error)
        os._exit(0)
    os.wait()

raise SystemExit(run_with_one_line_errors(main))
"""


def test_a_loader_whose_parent_hung_up_has_nothing_to_tell():
    done = subprocess.run([sys.executable, '-c', HANGS_UP], env=ENV, capture_output=True, text=True, timeout=50,
                          check=False)
    told = [line for line in done.stderr.splitlines() if 'Error' in line and line[0] != ' ']
    assert (done.returncode, told) == (0, ['ConnectionResetError: of the parent', 'ValueError: of the loader'])


LAST = """
import atexit
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
atexit.register(print, 'registered')
code = run_with_one_line_errors(lambda: print('done') or 3)
print('goes on')
raise SystemExit(code)
"""


@pytest.mark.parametrize(('size', 'said'), [('1', 'done\ngoes on\nregistered\n'), ('2', 'done\nregistered\n')])
def test_one_of_several_processes_ends_where_its_work_is_done(size, said):
    done = subprocess.run([sys.executable, '-c', LAST], env={**ENV, 'WORLD_SIZE': size}, capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stdout) == (3, said), done.stderr


TALKS = """
import os
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
if {other}:
    read, write = os.pipe()
    os.close(read)
raise SystemExit(run_with_one_line_errors(lambda: os.write(write, b'x') if {other} else print('x' * 100_000)))
"""


@pytest.mark.parametrize(('other', 'code'), [(False, 141), (True, 1)])
def test_a_reader_that_leaves_is_no_fault_and_other_pipes_are(other, code):
    tool = subprocess.Popen([sys.executable, '-c', TALKS.format(other=other)], env=ENV, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    if not other:
        tool.stdout.close()
    assert ('Broken pipe' in tool.stderr.read(), tool.wait(timeout=50)) == (other, code)


CHILDREN = """
import os, signal, time
from mmda_ext.apis.one_line_errors import run_with_one_line_errors

def main():
    child = os.fork()
    if not child:
        time.sleep(60)
    time.sleep(.1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), number
        os.kill(child, number)
        time.sleep(.1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    os.kill(os.getpid(), signal.SIGHUP)

def deaf():
    try:
        main()
    except KeyboardInterrupt:
        print('deaf', flush=True)
        time.sleep(60)

raise SystemExit(run_with_one_line_errors(deaf, grace_s=.3))
"""


def test_forked_children_and_a_process_that_hangs():
    done = subprocess.run([sys.executable, '-c', CHILDREN], env=ENV, capture_output=True, text=True, timeout=50,
                          check=False)
    assert (done.returncode, done.stdout) == (129, 'deaf\n')
    assert done.stderr.splitlines()[-1] == f'{SIGNALS[signal.SIGHUP]}; it did not end in 0 s and is killed'


def test_stops_are_found_behind_other_errors(handlers, capsys):
    def main():
        try:
            raise Stopped(signal.SIGTERM, ' in epoch 2')
        except KeyboardInterrupt:
            raise SyntaxError('while saving')  # noqa: B904

    assert run_with_one_line_errors(main) == 143
    assert capsys.readouterr().err == 'ended by SIGTERM in epoch 2\n'


def test_ctrl_c_while_everything_is_imported(tmp_path):
    process = subprocess.Popen([sys.executable, str(ROOT / 'tools' / 'train.py'), 'x.py'], env=ENV, cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def listens():
        status = Path(f'/proc/{process.pid}/status').read_text()
        return int(re.search(r'SigCgt:\s+(\w+)', status)[1], 16) >> (signal.SIGHUP - 1) & 1

    while process.poll() is None and not listens():
        time.sleep(.01)
    time.sleep(.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=50)[0] == 'interrupted\n'
    assert process.returncode == 130
