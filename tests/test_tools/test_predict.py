"""Predictions and features of a trained model, from Python and from the shell."""

import csv
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import load

from mmda_ext.apis import MMDAInferencer, cli, extract_features, init_recognizer
from mmda_ext.datasets import FeatureDataset
from tests.conftest import ROOT
from tests.test_datasets.recordings import make_recordings

sys.path.insert(0, str(ROOT / 'tools'))
import extract
import predict

PAGE = (ROOT / 'docs' / 'predict.md').read_text()


def write_features(path: Path) -> Path:
    generator = np.random.default_rng(0)
    label, domain = np.arange(90) % 3, np.array(['siteA', 'siteB', 'siteC'])[np.arange(90) // 30]
    face, audio = (5 * generator.normal(size=(90, width)) + 9 * label[:, None] for width in (4, 6))
    np.savez(path, face=face, audio=audio.reshape(90, 2, 3), label=label, domain=domain, classes=np.array(list('xyz')))
    return path


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Features, a run of `heads` and one of `erm` on them, and the dump of the first one's test."""
    path = tmp_path_factory.mktemp('predict')
    file = write_features(path / 'mine.npz')
    for method in ('heads', 'erm'):
        cli.run_training([method, '--dataset', str(file), '--target', 'siteB', '--work-dir', str(path / method),
                          '--cfg-options', 'train_cfg.max_epochs=2', 'train_dataloader.batch_size=8'])
    run = path / 'heads'
    best = next(run.glob('best_*.pth'))
    cli.run_test(['heads', str(best), '--dataset', str(file), '--target', 'siteB', '--dump', str(path / 'd.pkl'),
                  '--work-dir', str(path / 'test')])
    return path


@pytest.fixture
def table(place):
    """The features of three samples of siteB as files, and a table of them."""
    with np.load(place / 'mine.npz') as file:
        arrays = {name: file[name][30:33] for name in ('face', 'audio')}
    for row in range(3):
        for name, values in arrays.items():
            (place / 'files' / name).mkdir(parents=True, exist_ok=True)
            np.save(place / 'files' / name / f's{row}.npy', values[row])
    lines = ['face,audio,note', *(f'files/face/s{row}.npy,files/audio/s{row}.npy,n{row}' for row in range(3))]
    (place / 'clips.csv').write_text('\n'.join(lines) + '\n')
    return place / 'clips.csv', arrays


def scores(predictions):
    return np.array([list(one.scores.values()) for one in predictions])


def test_scores_are_those_of_the_test_bit_for_bit(place):
    dumped = {sample['sample_id']: sample for sample in load(place / 'd.pkl')}
    assert len(dumped) == 30
    with np.load(place / 'mine.npz') as file:
        inputs = [dict(id=f'{row:06d}', face=file['face'][row], audio=torch.tensor(file['audio'][row]))
                  for row in range(30, 60)]
    found = MMDAInferencer(place / 'heads')(inputs)
    for one in found:
        own = next(sample for name, sample in dumped.items() if name.endswith(one.id))
        assert torch.equal(torch.tensor(list(one.scores.values())), own['pred_score'].cpu())
        assert one.label == 'xyz'[one.index] == 'xyz'[int(own['pred_label'])]
        assert list(one.modality_scores) == ['face', 'audio']
        assert {'fused', 'head_face', 'all'} <= set(one.predictor_scores)


def test_one_sample_a_list_a_table_a_folder_and_arrays(place, table):
    file, arrays = table
    np.savez(place / 'three.npz', **arrays)
    inferencer = MMDAInferencer(place / 'heads')
    from_table = inferencer(str(file))
    assert [one.row['note'] for one in from_table] == ['n0', 'n1', 'n2']
    dicts = [{name: arrays[name][row] for name in arrays} for row in range(3)]
    for other in (place / 'files', place / 'three.npz', dicts):
        np.testing.assert_array_equal(scores(inferencer(other)), scores(from_table))
    one = inferencer(dict(face=place / 'files/face/s1.npy', audio=arrays['audio'][1]))
    np.testing.assert_allclose(scores([one]), scores(from_table)[1:2], atol=1e-6)


def test_a_model_with_heads_goes_without_a_modality(place, table):
    _, arrays = table
    inferencer = MMDAInferencer(place / 'heads')
    alone, both = inferencer([dict(face=arrays['face'][0]), dict(face=arrays['face'][0], audio=arrays['audio'][0])])
    assert alone.scores == pytest.approx(both.predictor_scores['head_face'], abs=1e-6)
    assert alone.scores != pytest.approx(both.scores, abs=1e-3)
    with pytest.raises(ValueError, match=r"input 0 lacks audio: fill='left-out' needs a class head for every modality"):
        MMDAInferencer(place / 'erm')([dict(face=arrays['face'][0])])


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """A table of videos, sounds, sensors and words, some rows are segments; a run on it, and the dump of its test."""
    pytest.importorskip('av')
    path = tmp_path_factory.mktemp('recorded')
    table = make_recordings(path)
    columns, *rows = [line.split(',') for line in table.read_text().splitlines()]
    cut = [[*columns, 'start', 'stop', 'sensor_rate'],
           *([*row, *(('.25', '.75') if number % 2 else ('', '')), '20'] for number, row in enumerate(rows))]
    table.write_text('\n'.join(map(','.join, cut)) + '\n')
    cli.run_training(['erm', '--dataset', str(table), '--target', 'siteB', '--work-dir', str(path / 'run'),
                      '--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=4',
                      *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test'))])
    cli.run_test(['erm', str(next((path / 'run').glob('best_*.pth'))), '--dataset', str(table), '--target', 'siteB',
                  '--dump', str(path / 'd.pkl'), '--work-dir', str(path / 'test'), '--cfg-options',
                  'test_dataloader.num_workers=0'])
    return path, [dict(zip(cut[0], row)) for row in cut[1:]]


def test_rows_of_a_table_to_train_on_are_predicted_as_in_its_test(recorded):
    """Files of every kind, and the part of them that a row stands for."""
    path, _ = recorded
    dumped = {sample['sample_id'].rpartition('line')[2]: sample['pred_score'] for sample in load(path / 'd.pkl')}
    found = [one for one in MMDAInferencer(path / 'run')(str(path / 'own.csv')) if one.row['domain'] == 'siteB']
    assert len(found) == len(dumped) == 8
    for one in found:
        scores_of_test = dumped[one.id.rpartition('line ')[2]]
        torch.testing.assert_close(torch.tensor(list(one.scores.values())), scores_of_test.cpu(), atol=1e-6, rtol=0)
    whole, part = ({name: cells.get(name) for name in ('start', 'stop')} for cells in (found[0].row, found[1].row))
    assert whole == dict(start='', stop='')
    assert part == dict(start='.25', stop='.75')


def test_one_clip_of_a_run_on_a_table(recorded):
    """Files, an array in memory and words; a whole clip is a row without start and stop."""
    path, rows = recorded
    row = rows[2]
    assert (row['domain'], row['start']) == ('siteB', '')
    files = {name: path / row[name] for name in ('video', 'audio', 'sensor')}
    inferencer = MMDAInferencer(path / 'run')
    one = inferencer(dict(files, text=row['text']))
    in_memory = inferencer(dict(files, sensor=np.load(files['sensor']), text=row['text']))
    from_table = inferencer(str(path / 'own.csv'), batch_size=1)[2]
    assert one.scores == in_memory.scores == pytest.approx(from_table.scores, abs=1e-6)
    assert one.label in ('clap', 'wave')
    lines = (path / 'own.csv').read_text().splitlines()
    (path / 'wrong.csv').write_text('\n'.join([*lines[:2], lines[2].replace('.75', 'abc')]))
    with pytest.raises(ValueError, match='line 3, column stop: .abc. is no number that is at least 0'):
        inferencer(str(path / 'wrong.csv'))


@pytest.mark.parametrize(('source', 'message'), [
    ({}, 'the input has none of the modalities of the model, face, audio'),
    ({'fase': 1}, "the input has 'fase': did you mean 'face'"),
    ({'face': 'gone.npy', 'audio': np.zeros((2, 3))}, 'the input, face: gone.npy does not exist'),
    ({'face': np.zeros(5), 'audio': np.zeros((2, 3))}, r'face: the features have shape \(5,\), .* on \(4,\)'),
    ({'face': np.full(4, np.nan), 'audio': np.zeros((2, 3))}, r'face: the features hold nan at \(0,\)'),
    ({'face': np.array(list('abcd')), 'audio': np.zeros((2, 3))}, 'is no number'),
    ([], 'there is no input'), (['a'], "input 0 is 'a': write dict"), ('gone.csv', 'input gone.csv does not exist'),
    (7, 'int is no input')])
def test_bad_inputs_are_named(place, monkeypatch, source, message):
    monkeypatch.chdir(place)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        MMDAInferencer(place / 'heads')(source)


def test_bad_tables_and_folders_are_named(place):
    inferencer = MMDAInferencer(place / 'heads')
    for name, text, message in [('a.csv', 'x,y\n1,2\n', 'line 1: the columns are x, y, and none is a modality'),
                                ('b.csv', 'face,audio\n', 'b.csv has no row'),
                                ('c.csv', 'face,audio\n,\n', 'c.csv, line 2 has none of the modalities')]:
        (place / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            inferencer(place / name)
    (place / 'empty').mkdir()
    with pytest.raises(ValueError, match='folder .*empty has no folder face or audio'):
        inferencer(place / 'empty')
    np.savez(place / 'uneven.npz', face=np.zeros((2, 4)), audio=np.zeros((3, 2, 3)))
    with pytest.raises(ValueError, match=r"the arrays have \{'face': 2, 'audio': 3\} rows"):
        inferencer(place / 'uneven.npz')


def test_runs_and_checkpoints_that_cannot_be_used_are_named(place, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'holds no config \(\*.py\), so it is no folder of a run'):
        MMDAInferencer(tmp_path)
    with pytest.raises(ValueError, match='is a config, and random weights predict nothing'):
        MMDAInferencer('heads')
    (tmp_path / 'heads.py').write_text(next((place / 'heads').glob('*.py')).read_text())
    with pytest.raises(FileNotFoundError, match='holds no checkpoint'):
        MMDAInferencer(tmp_path)
    torch.save({'state_dict': {'other.weight': torch.zeros(1)}}, tmp_path / 'best_other.pth')
    with pytest.raises(ValueError, match='none of their names, so another package may have written it'):
        MMDAInferencer(tmp_path)


def test_mmactions_own_function_loads_a_checkpoint(place):
    code = ('import sys, mmda_ext\nfrom mmaction.apis import init_recognizer\n'
            "print(type(init_recognizer(sys.argv[1], sys.argv[2], device='cpu')).__name__)")
    config, best = next((place / 'heads').glob('*.py')), next((place / 'heads').glob('best_*.pth'))
    done = subprocess.run([sys.executable, '-c', code, config, best], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ['MultimodalRecognizer'], done.stderr[-2000:]
    ours = init_recognizer(config, best)
    assert (ours.training, ours.dataset_meta['classes']) == (False, ('x', 'y', 'z'))


def test_extracted_features_are_those_of_the_encoders_and_train(place, capsys):
    assert extract.main([str(place / 'heads'), str(place / 'f.npz')]) == 0
    assert capsys.readouterr().out == f'written: {place / "f.npz"}\n'
    with np.load(place / 'f.npz') as file:
        held = {name: file[name] for name in file.files}
    assert held['face'].shape == held['audio'].shape == (90, 64)
    assert dict(zip(*np.unique(held['split'], return_counts=True))) == dict(train=48, val=12, test=30)
    assert set(held['domain'][held['split'] == 'test']) == {'siteB'}
    model = init_recognizer(place / 'heads')
    data = FeatureDataset(str(place / 'mine.npz'), ['siteB'], ['siteA', 'siteC'], ['face', 'audio'], split='test',
                          pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
    inputs = {name: torch.stack([data[row]['inputs'][name] for row in range(30)]) for name in ('face', 'audio')}
    with torch.no_grad():
        own = model.extract_feat(inputs, 30)
    np.testing.assert_allclose(held['face'][held['split'] == 'test'], own['face'], atol=1e-5)
    labels = [int(data[row]['data_samples'].gt_label) for row in range(30)]
    assert held['label'][held['split'] == 'test'].tolist() == labels
    cli.run_training(['gmp', '--dataset', str(place / 'f.npz'), '--target', 'siteB', '--work-dir',
                      str(place / 'second'), '--cfg-options', 'train_cfg.max_epochs=1'])
    assert (place / 'second' / 'result.json').exists()
    with pytest.raises(ValueError, match=r'f\.pkl: the file must end in \.npz'):
        extract_features(place / 'heads', out='f.pkl')


def test_the_tool_prints_one_and_writes_many(place, table, capsys):
    file, _ = table
    parts = [f'{name}={place}/files/{name}/s0.npy' for name in ('face', 'audio')]
    assert predict.main([str(place / 'heads'), *parts]) == 0
    assert re.match(r'the input: [xyz] [01]\.\d{3}, face alone [xyz] ', capsys.readouterr().out)
    assert predict.main([str(place / 'heads'), str(file), '--out', str(place / 'p.csv')]) == 0
    with (place / 'p.csv').open() as stream:
        lines = list(csv.DictReader(stream))
    assert [line['note'] for line in lines] == ['n0', 'n1', 'n2']
    for line, one in zip(lines, MMDAInferencer(place / 'heads')(file)):
        assert line['label'] == one.label
        assert float(line['score y']) == one.scores['y']
    with pytest.raises(SystemExit):
        predict.main([str(place / 'heads'), 'face=a.npy', 'b.npy'])


def test_code_of_the_page_runs(place, table, monkeypatch):
    _, arrays = table
    code = re.search(r'```python\n(.*?)```', PAGE, flags=re.S).group(1).replace('work_dirs/run', 'heads')
    monkeypatch.chdir(place)
    np.save('a.npy', arrays['face'][0])
    np.save('b.npy', arrays['audio'][0])
    names = {}
    exec(code, names)
    assert (names['one'].label, len(names['many'])) == (names['many'][0].label, 3)


def mmda(*words, **options):
    return subprocess.run([sys.executable, '-m', 'mmda_ext.command', *map(str, words)], capture_output=True, text=True,
                          check=False, **options)


def test_the_command_answers_at_once_and_knows_its_words(tmp_path):
    began = time.monotonic()
    help_text = mmda('--help').stdout
    assert time.monotonic() - began < 2, 'nothing heavy is imported'
    assert all(f'\n  {name} ' in help_text for name in
               ('train', 'test', 'predict', 'extract', 'sweep', 'report', 'plot', 'data', 'doctor'))
    for words, message in [(('trian', ), "error: mmda has no command 'trian': did you mean train?"),
                           (('data', 'prepare'), "error: mmda data has no command 'prepare'")]:
        done = mmda(*words)
        assert (done.returncode, done.stderr.startswith(message)) == (2, True), done.stderr
    assert 'prepare-features' in mmda('data').stdout
    assert 'torch' not in mmda('data', 'prepare-features', '--help', cwd=tmp_path).stderr


def test_the_command_trains_and_predicts_from_another_folder(place, table, tmp_path):
    file, _ = table
    done = mmda('train', 'erm', '--dataset', place / 'mine.npz', '--target', 'siteB', '--work-dir', 'run',
                '--cfg-options', 'train_cfg.max_epochs=1', cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    done = mmda('predict', 'run', file, cwd=tmp_path)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3), done.stderr[-2000:]
