"""The demo's order of steps and its table of adaptation, without training."""

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / 'tools'))
import demo


def write_results(folder: Path, row: str, seed: int, accuracy: float) -> None:
    """What a sweep with one cell leaves."""
    result = {'test': {'acc/top1': accuracy, 'f1/weighted': accuracy - 10}, 'checkpoint': 'best.pth'}
    cell = {'row': row, 'target': 'human', 'seed': seed, 'state': 'done', 'folder': 'x', 'result': result}
    record = folder / row / 'human' / f'seed{seed}' / 'result.json'
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(result))
    (folder / 'results.json').write_text(
        json.dumps({'rows': [row], 'targets': ['human'], 'seeds': [seed], 'cells': [cell]}))


def test_table_of_adaptation(tmp_path):
    for seed in range(2):
        for row, accuracy in (('direct-transfer', 40.), ('Boomda', 50.)):
            write_results(tmp_path / f'seed{seed}' / row, row, seed, accuracy + 2 * seed)
    lines = demo.adaptation_table(tmp_path).splitlines()
    assert lines[0] == '| adaptation to human | accuracy | weighted F1 |'
    assert lines[2] == '| direct transfer | 41.0 ± 1.4 (n=2) | 31.0 ± 1.4 (n=2) |'
    assert lines[3] == '| Boomda | 51.0 ± 1.4 (n=2) | 41.0 ± 1.4 (n=2) |'
    assert 'no evidence' in lines[5]


def test_rows_of_two_test_sets_are_no_table(tmp_path):
    for row, size in (('direct-transfer', 5), ('Boomda', 4)):
        write_results(tmp_path / 'seed0' / row, row, 0, 50.)
        file = tmp_path / 'seed0' / row / 'results.json'
        content = json.loads(file.read_text())
        content['cells'][0]['result']['test_set'] = dict(all=dict(samples=size, fingerprint=f'f{size}'))
        file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'direct-transfer on all, 5 samples \(f5\); Boomda on all, 4 samples'):
        demo.adaptation_table(tmp_path)


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Folder, seeds and options of the sweeps that ran; ``status`` says how each ends."""
    calls, status = [], {}

    def sweep(arguments):
        known, options = demo.sweep.parse_args(arguments), arguments[arguments.index('--work-dir') + 2:]
        name = known.work_dir.name
        calls.append((name, known.seeds, options))
        row = known.rows[0].partition('=')[0]
        known.work_dir.mkdir(parents=True, exist_ok=True)
        write_results(known.work_dir, row, known.seeds[0], 50.)
        return status.get(name, 0)

    monkeypatch.setattr(demo.sweep, 'main', sweep)
    monkeypatch.setattr(demo.make_demo_data, 'main', lambda arguments: 0)
    monkeypatch.setattr(demo.contact_sheet, 'main', lambda arguments: 0)
    monkeypatch.setattr(demo.report_results, 'main', lambda arguments: 0)
    monkeypatch.setattr(demo.prepare_features, 'prepare', lambda known, file, out: calls.append((str(out), [], [])))
    monkeypatch.chdir(tmp_path)
    return calls, status


def test_generalization_then_adaptation_from_the_direct_transfer(steps, tmp_path, capsys):
    calls, _ = steps
    assert demo.main(['--work-dir', str(tmp_path / 'run')]) == 0
    assert [(name, seeds) for name, seeds, _ in calls] == [
        ('run', [0]), ('direct-transfer', [0]), ('Boomda', [0]), ('data/watch', []), ('watch', [0, 1, 2])]
    start = tmp_path / 'run/adaptation/seed0/direct-transfer/direct-transfer/human/seed0/best.pth'
    assert calls[2][2] == ['--cfg-options', f'load_from={start}']
    assert calls[1][2] == []
    assert '| Boomda |' in capsys.readouterr().out
    assert (tmp_path / 'run' / 'adaptation' / 'table.md').exists()


@pytest.mark.parametrize(('name', 'code', 'count'), [('run', 130, 1), ('direct-transfer', 143, 2), ('watch', 130, 5)])
def test_a_stopped_demo_does_not_go_on(steps, tmp_path, name, code, count):
    calls, status = steps
    status[name] = code
    assert demo.main(['--work-dir', str(tmp_path / 'run')]) == code
    assert len(calls) == count


def test_a_failed_cell_is_reported_at_the_end(steps, tmp_path):
    calls, status = steps
    status['run'] = 1
    assert demo.main(['--work-dir', str(tmp_path / 'run')]) == 1
    assert [name for name, *_ in calls] == ['run', 'direct-transfer', 'Boomda', 'data/watch', 'watch']


def test_data_that_are_here_are_not_fetched(steps, tmp_path):
    calls, status = steps
    (tmp_path / 'data/watch').mkdir(parents=True)
    (tmp_path / 'data/watch/watch.npz').touch()
    status['watch'] = 1
    assert demo.real(tmp_path / 'watch') == 1
    assert [name for name, *_ in calls] == ['watch']
