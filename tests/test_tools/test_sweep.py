"""The sweep: a grid that survives failures, stops and restarts. The trainer is a stand-in."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'

TRAINER = """
import json, pathlib, sys, time
argv = sys.argv
folder = pathlib.Path(argv[argv.index('--work-dir') + 1])
seed = int(argv[argv.index('--seed') + 1])
assert '--resume' in argv
with open(folder.parents[2] / 'calls.txt', 'a') as calls:
    calls.write(f'{argv[1]} {seed} {argv[argv.index("--resume") + 1:]}\\n')
mode = pathlib.Path(argv[1]).read_text().strip()
print('Epoch(train)  [1][ 5/10]  lr: 1e-3  eta: 0:01:40  time: 1.0', flush=True)
if mode == 'fail':
    print(f'error: the dog ate it in {folder.resolve()}/non_finite.json; keep it away from dogs')
    sys.exit(3)
if mode == 'silent':
    sys.exit(0)
if mode == 'slow':
    (folder / 'started').touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / 'interrupted').touch()
        sys.exit(130)
result = {'val': {'acc/top1': 80.0}, 'test': {'acc/top1': 50.0 + seed}, 'epoch': 1, 'checkpoint': 'x', 'seed': seed,
          'config': argv[1]}
(folder / 'result.json').write_text(json.dumps(result))
"""


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / 'trainer.py').write_text(TRAINER)
    for row in ('good', 'other'):
        for target in ('a', 'b'):
            (tmp_path / f'{row}_{target}.py').write_text('good')
    return tmp_path


def command(
    place: Path, *more: str, rows: tuple[str, ...] = ('good',), seeds: tuple[str, ...] = ('0', '1')
) -> list[str]:
    named = [f'{row}={place}/{row}_{{target}}.py' for row in rows]
    base = [sys.executable, str(TOOLS / 'sweep.py'), '--rows', *named, '--targets', 'a', 'b', '--seeds', *seeds]
    return [*base, '--work-dir', str(place / 'w'), '--trainer', str(place / 'trainer.py'), *more]


def run(*args, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(command(*args, **kwargs), capture_output=True, text=True, timeout=60)


def results(place: Path) -> dict:
    return json.loads((place / 'w' / 'results.json').read_text())


def calls(place: Path) -> list[str]:
    return (place / 'w' / 'calls.txt').read_text().splitlines()


def test_whole_grid_then_nothing_left_to_do(place):
    options = ('--cfg-options', 'lr=1', '--new-options', 'x=2')
    first = run(place, *options, rows=('good', 'other'), seeds=('0',))
    assert first.returncode == 0, first.stdout + first.stderr
    content = results(place)
    assert content['rows'] == ['good', 'other']
    assert len(content['cells']) == len(calls(place)) == 4
    assert all(line.endswith(str(list(options))) for line in calls(place))
    assert (content['cfg_options'], content['new_options']) == (['lr=1'], ['x=2'])
    cell = next(c for c in content['cells'] if (c['row'], c['target'], c['seed']) == ('other', 'b', 0))
    assert (cell['state'], cell['result']['test']['acc/top1']) == ('done', 50.0)
    assert cell['wall_time_s'] > 0
    assert cell['versions']['python'] == sys.version.split()[0]
    assert str(place) not in cell['folder']

    again = run(place, *options, rows=('good', 'other'), seeds=('0',))
    assert again.returncode == 0
    assert '4 of them done already' in again.stdout
    assert len(calls(place)) == 4


def test_methods_by_name_on_a_dataset(place):
    """Each target in turn is handed to the trainer; another dataset in the same folder is refused."""
    methods = place / 'configs' / 'methods'
    methods.mkdir(parents=True)
    for name in ('gmp', 'base'):
        (methods / f'{name}.py').write_text('good')
    words = [sys.executable, str(TOOLS / 'sweep.py'), '--rows', 'base', 'gmp', '--targets', 'D1', 'D2', '--sources',
             'D3', '--work-dir', str(place / 'w'), '--trainer', str(place / 'trainer.py'), '--dataset']
    done = subprocess.run([*words, 'epic'], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    flags = ['--dataset', 'epic', '--target', 'D2', '--sources', 'D3']
    assert f'configs/methods/gmp.py 0 {flags}' in calls(place)
    content = results(place)
    assert (content['dataset'], content['sources'], content['rows']) == ('epic', ['D3'], ['base', 'gmp'])
    clash = subprocess.run([*words, 'hac'], cwd=place, capture_output=True, text=True)
    assert (clash.returncode, len(calls(place))) == (2, 4)
    assert "made with data ['--dataset', 'epic', '--target', 'D1', '--sources', 'D3'], now it is" in clash.stdout


def test_failed_cell_is_shown_and_the_rest_goes_on(place):
    (place / 'good_a.py').write_text('fail')
    (place / 'good_b.py').write_text('silent')
    done = run(place, rows=('good', 'other'), seeds=('0',))
    assert done.returncode == 1
    assert 'the dog ate it' in done.stdout
    assert 'wrote no result.json' in done.stdout
    reasons = {c['target']: c['reason'] for c in results(place)['cells'] if c['reason']}
    assert reasons == dict(a='exit code 3: the dog ate it in non_finite.json', b='ended well, but wrote no result.json')
    states = {(c['row'], c['target']): c['state'] for c in results(place)['cells']}
    assert states == {('good', 'a'): 'failed', ('good', 'b'): 'failed', ('other', 'a'): 'done', ('other', 'b'): 'done'}

    (place / 'good_a.py').write_text('good')
    (place / 'good_b.py').write_text('good')
    assert run(place, rows=('good', 'other'), seeds=('0',)).returncode == 0
    assert len(calls(place)) == 6


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_ends_the_trainer_and_a_restart_goes_on(place, number):
    (place / 'good_b.py').write_text('slow')
    process = subprocess.Popen(command(place, seeds=('0',)), stdout=subprocess.PIPE, text=True)
    started = place / 'w' / 'good' / 'b' / 'seed0' / 'started'
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert '1/2 cells done; the same command goes on' in output
    assert started.with_name('interrupted').exists()
    assert [c['state'] for c in results(place)['cells']] == ['done', 'not run']
    (place / 'good_b.py').write_text('good')
    assert run(place, seeds=('0',)).returncode == 0
    assert len(calls(place)) == 3


def test_a_folder_of_another_recipe_is_refused(place):
    assert run(place, seeds=('0',)).returncode == 0
    for flag, name in (('--cfg-options', 'options'), ('--new-options', 'new_options')):
        clash = run(place, flag, 'lr=2', seeds=('0',))
        assert clash.returncode == 2
        assert f"made with {name} [], now it is ['lr=2']" in clash.stdout


def test_damaged_records_are_told(place):
    assert run(place, seeds=('0',)).returncode == 0
    folder = place / 'w' / 'good' / 'a' / 'seed0'
    for text in ('{"test": ', '[]', '{"test": null}'):
        (folder / 'result.json').write_text(text)
        again = run(place, seeds=('0',))
        assert f'{folder / "result.json"} is damaged: the cell is tested again' in again.stdout
        assert [cell['result']['test'] for cell in results(place)['cells']] == [{'acc/top1': 50.0}] * 2
    (folder / 'cell.json').write_text('{"config"')
    refused = run(place, seeds=('0',))
    assert refused.returncode == 2
    assert f'{folder / "cell.json"} is damaged' in refused.stdout


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('good=nowhere_{target}.py', 'does not exist'),
        ('=good', 'NAME=CONFIG'),
        ('good', 'good=configs/methods/good.py: with several targets, name a --dataset'),
        ('good={place}/good_a.py', 'name a --dataset or write {target}'),
    ],
)
def test_bad_rows_are_refused_before_anything_runs(place, row, message):
    args = command(place)
    args[args.index('--rows') + 1] = row.replace('{place}', str(place))
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stdout
    assert not (place / 'w').exists()


def test_progress_is_read_from_the_log(place, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from sweep_cell import Cell, Run, position, seconds_of

    cell = Cell('r', 'a', 0, 'c', place)
    cell.log.write_text(
        'x\nEpoch(train)  [2][ 8/10]  base_lr: 1e-3  eta: 1 day, 0:00:10  time: 1\nEpoch(val) [2][1/2]\n'
    )
    assert position(Run(cell, None)) == ('epoch 2, iteration 8/10', 86410.0)
    cell.log.write_text(cell.log.read_text() + '$ python tools/train.py\nresumed\n')
    assert position(Run(cell, None)) == ('starting', None)
    assert seconds_of('0:01:40') == 100


def test_two_jobs_run_at_the_same_time(place):
    assert run(place, '--jobs', '2', seeds=('0',)).returncode == 0
    assert len(calls(place)) == 2


def wait_for(path):
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


#: A stand-in that locks its folder as the trainer does, and stays there until it is told to end.
LOCKED = """
import json, pathlib, sys, time
from mmda_ext.folder_lock import FolderInUseError, lock_folder
folder = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
mode = pathlib.Path(sys.argv[1]).read_text()
late = folder / 'met'
if mode == 'meets another' and not late.exists():
    late.touch()
    sys.exit(FolderInUseError.exit_code)
with lock_folder(folder):
    with open(folder.parents[2] / 'calls.txt', 'a') as calls:
        calls.write(f'{folder}\\n')
    (folder / 'started').touch()
    while mode == 'slow' and not (folder / 'end').exists():
        time.sleep(0.02)
    (folder / 'result.json').write_text(json.dumps({'val': {}, 'test': {'acc/top1': 50.0}}))
"""


@pytest.fixture
def locked(place, monkeypatch) -> Path:
    monkeypatch.setenv('PYTHONPATH', str(TOOLS.parent))
    (place / 'trainer.py').write_text(LOCKED)
    return place


def test_a_sweep_that_follows_a_killed_one_waits_for_its_orphan(locked):
    (locked / 'good_b.py').write_text('slow')
    first = subprocess.Popen(command(locked, seeds=('0',)), stdout=subprocess.DEVNULL)
    cell = locked / 'w' / 'good' / 'b' / 'seed0'
    wait_for(cell / 'started')
    beside = run(locked, seeds=('0',))
    assert beside.returncode == 2
    assert f'is in use by process {first.pid} on' in beside.stdout
    first.kill()
    first.wait()

    (locked / 'good_b.py').write_text('good')
    second = subprocess.Popen(command(locked, seeds=('0', '1')), stdout=subprocess.PIPE, text=True)
    wait_for(locked / 'w' / 'good' / 'b' / 'seed1' / 'result.json')
    assert second.poll() is None
    cell.joinpath('end').touch()
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 0, output
    assert 'good / b / seed 0 waits: process' in output
    assert '4/4 cells done' in output
    assert sorted(calls(locked)) == [str(locked / 'w' / 'good' / name) for name in
                                     ('a/seed0', 'a/seed1', 'b/seed0', 'b/seed1')]
    assert [c['state'] for c in results(locked)['cells']] == ['done'] * 4


def test_a_trainer_that_meets_another_is_started_again_later(locked):
    """The other one had not taken its lock yet when the sweep looked."""
    (locked / 'good_a.py').write_text('meets another')
    done = run(locked, seeds=('0',))
    assert done.returncode == 0, done.stdout
    assert 'FAILED' not in done.stdout
    assert (locked / 'w' / 'good' / 'a' / 'seed0' / 'met').exists()
    assert len(calls(locked)) == 2


def test_a_cell_of_another_machine_is_refused(locked):
    from mmda_ext.folder_lock import LOCK_NAME, lock_folder

    place = locked
    cell = place / 'w' / 'good' / 'a' / 'seed0'
    with lock_folder(cell):
        text = (cell / LOCK_NAME).read_text()
    (cell / LOCK_NAME).touch()
    record = {**json.loads(text), 'host': 'elsewhere', 'inode': (cell / LOCK_NAME).stat().st_ino}
    (cell / LOCK_NAME).write_text(json.dumps(record))
    done = run(place, seeds=('0',))
    assert done.returncode == 1
    assert 'on elsewhere since' in done.stdout
    assert f'delete {cell / LOCK_NAME} and start again' in done.stdout
    assert [c['state'] for c in results(place)['cells']] == ['failed', 'done']
    assert len(calls(place)) == 1


@pytest.mark.parametrize(('option', 'name'), [('--rows', '../x={place}/good_{target}.py'), ('--targets', '../a')])
def test_names_that_leave_the_folder_are_refused(place, option, name):
    args = command(place)
    args[args.index(option) + 1] = name.replace('{place}', str(place))
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 2
    assert f'{option}: \'../' in done.stdout
    assert 'leaves the folder' in done.stdout
