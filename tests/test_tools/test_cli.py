"""``tools/train.py`` and ``tools/test.py`` as a user meets them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from mmda_ext import compat
from mmda_ext.apis import cli, config_edits, resume
from mmda_ext.apis.explanations import explain
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.stop_signals import SIGNALS
from mmda_ext.folder_lock import LOCK_NAME, FolderInUseError
from tests.toy_run import toy_config, write_config

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=2))


def train(*argv):
    return run_with_one_line_errors(lambda: cli.run_training([str(arg) for arg in argv]))


def test(*argv):
    return run_with_one_line_errors(lambda: cli.run_test([str(arg) for arg in argv]))


test.__test__ = False


def result(folder):
    return json.loads((folder / 'result.json').read_text())


def test_train_then_test(config, tmp_path):
    assert train(config, '--seed', 7, '--work-dir', tmp_path / 'w') == 0
    record = result(tmp_path / 'w')
    assert (record['seed'], record['config'], record['epoch']) == (7, 'toy.py', 2)
    dump = tmp_path / 'scores.pkl'
    assert test(config, tmp_path / 'w' / record['checkpoint'], '--dump', dump, '--work-dir', tmp_path / 't') == 0
    predictions = compat.read_dump(dump)
    assert len(predictions) == 24
    assert {'pred_score', 'gt_label', 'domain', 'sample_id'} <= set(predictions[0])
    metrics = json.loads(next((tmp_path / 't').glob('*/*.json')).read_text())
    assert metrics['T/acc/top1'] == pytest.approx(record['test']['T/acc/top1'], abs=1e-3)


@pytest.mark.parametrize(('text', 'argv', 'message'), [
    ('', ['nowhere.py'], 'config file nowhere.py does not exist'),
    ('', ['{config}s'], 'toy.pys does not exist; did you mean .*toy.py'),
    ('', ['{config}', '--auto-scale-lr'], 'add it, with the total batch size'),
    ('', ['{config}', '--resume', 'no.pth'], '--resume no.pth: there is no such checkpoint'),
    ('', ['{config}', '--cfg-options', 'model.type=mmda_ext.Absent'], 'Absent is not in the .*types of this package'),
    ('', ['{config}', '--cfg-options', 'train_cfg.max_epochs.x=1'], "`train_cfg.max_epochs` has no key 'x'"),
    ('', ['{config}', '--cfg-options', 'optim_wrapper.optimiser.lr=1'], 'did you mean optim_wrapper.optimizer; if'),
    ('', ['{config}', '--new-options', 'train_cfg.max_epochs.x=1'], 'does not fit'),
    ('', ['{config}', '--cfg-options', 'train_cfg.max_epochs=0'], 'train_cfg.max_epochs=0 trains nothing'),
    ('', ['{config}', '--cfg-options', 'train_dataloader.dataset.domains=[A,T]'],
     r"trains on the labels of \['T'\], and test_dataloader tests there"),
    ('', ['{config}', '--amp', '--cfg-options', 'optim_wrapper.dtype=float16'],
     "optim_wrapper.dtype='float16': on a CPU mixed precision is bfloat16 only"),
    ('', ['{config}', '--cfg-options', 'optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.dtype=float16'],
     "optim_wrapper.dtype='float16': on a CPU"),
    ('model = (', ['{config}'], 'toy.py cannot be read: SyntaxError'),
    ('work_dir = "x"', ['{config}'], 'toy.py defines no `model`'),
    ('model = dict(); custom_imports = dict(imports=["absent_package"], allow_failed_imports=False)', ['{config}'],
     'absent_package'),
    ('', ['{config}', '--cfg-options', 'load_from=gone.pth'], 'checkpoint gone.pth does not exist'),
    ('', ['{config}', '--cfg-options', 'train_dataloader.dataset.type=AudioDataset',
          'train_dataloader.dataset._delete_=True', 'train_dataloader.dataset.ann_file=gone/list.txt',
          'train_dataloader.dataset.pipeline=[]'], 'gone/list.txt.*check this path|gone/list.txt'),
])
def test_mistakes_are_one_sentence(config, capsys, text, argv, message):
    if text:
        config.write_text(text)
    capsys.readouterr()
    assert train(*(arg.format(config=config) for arg in argv)) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]


def test_test_checks_its_flags(config, capsys):
    assert test(config, 'gone.pth') == 1
    assert 'checkpoint gone.pth does not exist' in capsys.readouterr().err
    assert test(config, 'gone.pth', '--dump', 'scores.json') == 1
    assert 'must end in .pkl' in capsys.readouterr().err
    assert test(config, 'gone.pth', '--show-dir', 'x') == 1
    assert 'add `visualization=' in capsys.readouterr().err
    assert test(config, 'gone.pth', '--cfg-options', 'test_dataloader.batchsize=2') == 1
    assert 'did you mean test_dataloader.batch_size' in capsys.readouterr().err


def test_show_flags_reach_the_hook():
    cfg = Config({'default_hooks': {'visualization': {'type': 'VisualizationHook'}}})
    config_edits.set_visualization(
        cfg, Namespace(show=False, show_dir='d', wait_time=1., interval=3, config='c.py'))
    assert cfg.default_hooks.visualization == {'type': 'VisualizationHook', 'enable': True, 'show': False,
                                               'wait_time': 1., 'out_dir': 'd', 'interval': 3}


def test_faults_of_the_program_keep_their_traceback(monkeypatch):
    assert explain(ValueError('from elsewhere')) is None
    assert explain(AttributeError('a bug')) is None

    def fail():
        raise FileNotFoundError(2, 'No such file or directory', 'data/x.txt')

    assert run_with_one_line_errors(fail) == 1
    monkeypatch.setenv('MMDA_EXT_TRACEBACK', '1')
    with pytest.raises(FileNotFoundError):
        run_with_one_line_errors(fail)


def test_error_of_a_data_loader_worker_is_its_last_line():
    package = Path(cli.__file__).parents[1]
    text = ('Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
            f'  File "{package}/datasets/hac.py", line 3, in f\n    raise ValueError(\nValueError: clip x is short\n')
    assert explain(ValueError(text)) == 'ValueError: clip x is short'
    assert explain(ValueError(text.replace(str(package), '/other'))) is None


def train_args(*argv):
    return cli.train_parser().parse_args(['c.py', *argv])


def test_flags_win_over_the_randomness_of_the_config():
    cfg = Config({'randomness': {'seed': 1, 'deterministic': True}})
    config_edits.set_randomness(cfg, train_args('--seed', '5', '--diff-rank-seed'))
    assert cfg.randomness == {'seed': 5, 'deterministic': True, 'diff_rank_seed': True}
    config_edits.set_randomness(cfg, train_args())
    assert cfg.randomness.seed == 5


def test_auto_scale_lr_is_switched_on():
    cfg = Config({'auto_scale_lr': {'enable': False, 'base_batch_size': 16}})
    cfg.optim_wrapper = dict(accumulative_counts=2)
    with pytest.raises(ValueError, match='does not count optim_wrapper.accumulative_counts=2'):
        config_edits.set_auto_scale_lr(cfg, train_args('--auto-scale-lr'))
    del cfg.optim_wrapper['accumulative_counts']
    config_edits.set_auto_scale_lr(cfg, train_args('--auto-scale-lr'))
    assert cfg.auto_scale_lr.enable


@pytest.mark.parametrize(('processes', 'size', 'parts', 'told'), [
    (1, 16, 1, None), (8, 2, 1, None), (2, 4, 2, None),
    (8, 16, 1, '128 samples .8 processes, batch 16, 1 parts.*for 16'), (1, 16, 4, '64 samples'), (1, 8, 1, '8 samples'),
])
def test_another_batch_at_an_unchanged_rate_is_told(processes, size, parts, told):
    cfg = Config(dict(auto_scale_lr=dict(enable=False, base_batch_size=16), train_dataloader=dict(batch_size=size),
                      optim_wrapper=dict(accumulative_counts=parts)))
    text = config_edits.batch_warning(cfg, processes)
    assert text is None if told is None else re.search(told, text)
    cfg.auto_scale_lr.enable = True
    assert config_edits.batch_warning(cfg, processes) is None
    assert config_edits.batch_warning(Config(dict(train_dataloader=dict(batch_size=3))), processes) is None


def test_rate_is_scaled_with_the_batch(config, tmp_path):
    options = ('--cfg-options', 'auto_scale_lr.base_batch_size=20', 'auto_scale_lr.enable=False',
               'train_cfg.max_epochs=1')
    assert train(config, '--work-dir', tmp_path / 'w', *options) == 0
    assert next((tmp_path / 'w').glob('*/*.log')).read_text().count('was chosen for 20') == 1
    assert train(config, '--work-dir', tmp_path / 's', '--auto-scale-lr', *options) == 0
    rates = [json.loads(next((tmp_path / name).glob('*/vis_data/scalars.json')).read_text().splitlines()[0])['lr']
             for name in 'ws']
    assert rates == [pytest.approx(0.01), pytest.approx(0.0025)]


@pytest.mark.parametrize('spelling', ['--local_rank', '--local-rank'])
def test_both_spellings_of_local_rank(spelling):
    assert train_args(f'{spelling}=3').local_rank == 3


def test_work_dir_priority():
    for argv, in_config, expected in [(('--work-dir', 'a'), 'b', 'a'), ((), 'b', 'b'), ((), None, 'work_dirs/c')]:
        cfg = Config({'work_dir': in_config})
        config_edits.set_work_dir(cfg, train_args(*argv))
        assert cfg.work_dir == expected


def test_amp_finds_the_variant_of_any_wrapper():
    assert config_edits.amp_variant('OptimWrapper') == 'AmpOptimWrapper'
    assert config_edits.amp_variant('AmpOptimWrapper') == 'AmpOptimWrapper'
    assert config_edits.amp_variant('mmda_ext.BalancedOptimWrapper') == 'mmda_ext.AmpBalancedOptimWrapper'
    OPTIM_WRAPPERS.register_module(name='ToyWrapper', module=OptimWrapper, force=True)
    with pytest.raises(ValueError, match="'ToyWrapper' has no mixed-precision variant 'AmpToyWrapper'"):
        config_edits.amp_variant('ToyWrapper')


def test_amp_trains_on_a_cpu(config, tmp_path):
    assert train(config, '--amp', '--work-dir', tmp_path / 'w') == 0
    logs = ''.join(path.read_text() for path in (tmp_path / 'w').glob('*/*.log'))
    assert 'mixed precision on a CPU: computed in bfloat16' in logs
    dumped = Config.fromfile(tmp_path / 'w' / 'toy.py')
    assert (dumped.optim_wrapper.type, dumped.optim_wrapper.dtype) == ('AmpOptimWrapper', 'bfloat16')
    assert result(tmp_path / 'w')['test']
    assert train(config, '--amp', '--resume', '--work-dir', tmp_path / 'w') == 0


def test_no_validate(config, tmp_path):
    assert train(config, '--no-validate', '--work-dir', tmp_path / 'w') == 0
    assert result(tmp_path / 'w')['selected_by'] == 'last'


def test_resume_without_a_checkpoint_starts_afresh(config, tmp_path):
    said = []
    cfg = Config({'work_dir': str(tmp_path / 'empty')})
    resume.set_resume(cfg, train_args('--resume'), said.append)
    assert cfg.resume is False
    assert said == [f'--resume: no checkpoint in {tmp_path / "empty"}, so training starts from the beginning']
    assert train(config, '--resume', '--work-dir', tmp_path / 'w') == 0


def test_damaged_last_checkpoint_is_passed_over(config, tmp_path):
    work_dir = tmp_path / 'run'
    assert train(config) == 0
    expected = torch.load(work_dir / 'epoch_2.pth', weights_only=False)['state_dict']
    data = (work_dir / 'epoch_2.pth').read_bytes()
    said = []
    for damaged in (data[:len(data) // 2], data[:800] + bytes(200) + data[1000:], b''):
        (work_dir / 'epoch_2.pth').write_bytes(damaged)
        assert resume.latest_checkpoint(work_dir, said.append) == work_dir / 'epoch_1.pth'
        assert 'epoch_2.pth is damaged' in said.pop()
    assert train(config, '--resume', work_dir / 'epoch_2.pth') == 1
    assert train(config, '--resume') == 0
    actual = torch.load(work_dir / 'epoch_2.pth', weights_only=False)['state_dict']
    assert all(torch.equal(expected[key], actual[key]) for key in expected)


@pytest.mark.parametrize('text', ['{"test": {"acc', '[]', '{}', '{"test": null}'])
def test_a_damaged_result_is_tested_again(config, tmp_path, text, caplog):
    assert train(config) == 0
    whole = result(tmp_path / 'run')
    (tmp_path / 'run' / 'result.json').write_text(text)
    assert train(config, '--resume') == 0
    assert result(tmp_path / 'run') == whole


def test_missing_test_data_is_told_before_training(config, tmp_path, capsys):
    assert train(config, '--cfg-options', 'test_dataloader.dataset.type=AudioDataset',
                 'test_dataloader.dataset._delete_=True', 'test_dataloader.dataset.ann_file=gone/list.txt',
                 'test_dataloader.dataset.pipeline=[]') == 1
    assert 'gone/list.txt' in capsys.readouterr().err
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_moved_work_dir_can_be_continued(config, tmp_path):
    assert train(config) == 0
    (tmp_path / 'run').rename(tmp_path / 'moved')
    (tmp_path / 'moved' / 'result.json').unlink()
    assert train(config, '--work-dir', tmp_path / 'moved', '--resume') == 0
    assert result(tmp_path / 'moved')['test']


def start(config, *argv, cwd):
    return subprocess.Popen([sys.executable, str(ROOT / 'tools' / 'train.py'), str(config), *argv], env=ENV, cwd=cwd,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def wait_for(path, process):
    for _ in range(2400):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.kill()
    raise TimeoutError(path)


def test_killed_run_is_resumed_and_finishes_alike(tmp_path):
    # Long enough that it is killed before its end.
    whole, long = (write_config(tmp_path / f'{name}.py', toy_config(tmp_path / name, epochs=30))
                   for name in ('whole', 'parts'))
    process = start(long, cwd=tmp_path)
    wait_for(tmp_path / 'parts' / 'last_checkpoint', process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / 'parts' / LOCK_NAME).exists()
    assert not (tmp_path / 'parts' / 'result.json').exists()
    assert train(long, '--resume') == 0
    assert train(whole) == 0
    records = [result(tmp_path / name) for name in ('whole', 'parts')]
    assert records[0].pop('config') != records[1].pop('config')
    assert records[0] == records[1]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP])
def test_a_signal_says_how_to_continue_and_a_second_run_is_refused(tmp_path, number, capsys):
    """The loaders end, too, and so does the lock."""
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=10000, workers=2))
    process = start(config, '--seed', '3', cwd=tmp_path)
    wait_for(tmp_path / 'run' / 'epoch_1.pth', process)
    before = (tmp_path / 'run' / 'toy.py').read_text()
    for flags in ((), ('--resume', ), ('--resume', tmp_path / 'run' / 'epoch_1.pth')):
        assert train(config, '--cfg-options', 'optim_wrapper.optimizer.lr=7.', *flags) == FolderInUseError.exit_code
        assert f'in use by process {process.pid} on ' in capsys.readouterr().err
    assert (tmp_path / 'run' / 'toy.py').read_text() == before
    os.killpg(process.pid, number)  # as a terminal does, the loaders too
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number, output
    last = output.splitlines()[-1]
    assert last.startswith(SIGNALS[number] + ' in epoch ')
    assert f'{config} --work-dir {tmp_path / "run"} --resume' in last
    assert 'Traceback' not in output
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert not (tmp_path / 'run' / LOCK_NAME).exists()


@pytest.mark.parametrize(('launcher', 'variable', 'locks'), [
    ('none', 'RANK', True), ('pytorch', 'RANK', False), ('slurm', 'SLURM_PROCID', False),
    ('mpi', 'OMPI_COMM_WORLD_RANK', False), ('slurm', 'RANK', True)])
def test_the_processes_of_one_run_share_a_lock(tmp_path, monkeypatch, launcher, variable, locks):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    cfg = Config({'work_dir': str(tmp_path), 'launcher': launcher})
    with cli._only_user(cfg):
        assert (tmp_path / LOCK_NAME).exists()
    monkeypatch.setenv(variable, '1')
    with cli._only_user(cfg):
        assert (tmp_path / LOCK_NAME).exists() == locks


def test_a_test_leaves_the_config_of_the_training(config, tmp_path):
    work_dir = tmp_path / 'run'
    assert train(config) == 0
    before = (work_dir / 'toy.py').read_text()
    assert test(config, work_dir / 'epoch_2.pth', '--cfg-options', 'test_dataloader.batch_size=3') == 0
    assert (work_dir / 'toy.py').read_text() == before
    assert Config.fromfile(work_dir / 'test_toy.py').test_dataloader.batch_size == 3


def test_resume_of_the_config_reads_the_own_folder(config, tmp_path):
    """MMEngine's pointer to the last checkpoint is absolute, so in a copied folder it leads out of it."""
    assert train(config, '--cfg-options', 'train_cfg.max_epochs=1') == 0
    copy = tmp_path / 'copy'
    shutil.copytree(tmp_path / 'run', copy)
    (tmp_path / 'run' / 'epoch_1.pth').unlink()
    assert train(config, '--work-dir', copy, '--cfg-options', 'resume=True') == 0
    assert {'epoch_1.pth', 'epoch_2.pth', result(copy)['checkpoint']} <= {path.name for path in copy.iterdir()}


def test_dist_scripts_on_a_cpu(tmp_path):
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1))
    env = {**ENV, 'PORT': str(29600 + os.getpid() % 2000), 'PATH': f'{Path(sys.executable).parent}:{ENV["PATH"]}'}

    def call(name, *argv):
        done = subprocess.run(['bash', str(ROOT / 'tools' / name), *map(str, argv)], env=env, cwd=tmp_path, text=True,
                              capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    call('dist_train.sh', config, 2, '--seed', 4)
    record = result(tmp_path / 'run')
    assert record['seed'] == 4
    call('dist_test.sh', config, tmp_path / 'run' / record['checkpoint'], 2, '--dump', tmp_path / 'd.pkl')
    assert len(compat.read_dump(tmp_path / 'd.pkl')) == 24


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test', 'make_venv'])
def test_scripts_explain_themselves(script):
    done = subprocess.run(['bash', str(ROOT / 'tools' / f'{script}.sh')], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f'usage: bash tools/{script}.sh ')
    helped = subprocess.run(['bash', str(ROOT / 'tools' / f'{script}.sh'), '-h'], capture_output=True, text=True,
                            check=False)
    assert (helped.returncode, helped.stdout) == (0, done.stderr)


@pytest.mark.parametrize(('script', 'positional'), [('slurm_train', ['c.py']), ('slurm_test', ['c.py', 'k.pth'])])
def test_slurm_scripts_hand_on_arguments_and_environment(tmp_path, script, positional):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    env = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': '4', 'CPUS_PER_TASK': '2', 'SRUN_ARGS': '--quiet -x n1'}
    done = subprocess.run(['bash', str(ROOT / 'tools' / f'{script}.sh'), 'part', 'job', *positional, '--seed', '1 2'],
                          env=env, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:10] == ['-p', 'part', '--job-name=job', '--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4',
                          '--cpus-per-task=2', '--kill-on-bad-exit=1', '--quiet', '-x']
    assert lines[-len(positional) - 4:] == [*positional, '--launcher', 'slurm', '--seed', '1 2']
