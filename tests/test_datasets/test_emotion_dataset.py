"""The data sets that read the neutral form, and the configs that use them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmda_ext.datasets import IEMOCAPDataset, MSPImprovDataset
from mmda_ext.datasets.emotion.table import COLUMNS, Row, format_table, read_table
from mmda_ext.registry import DATASETS
from tests.recipes import recipe
from tests.test_datasets.media import write_wave
from tests.test_datasets.test_emotion_transforms import PIECES

LABELS = ('neutral', 'happy', 'sad', 'angry')


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten utterances in each half: eight train, one validates, one tests; lengths differ."""
    folder = tmp_path_factory.mktemp('neutral')
    for domain in ('source', 'target'):
        rows = []
        for index in range(10):
            name = f'{domain[0]}{index}'
            write_wave(folder / 'wav' / f'{name}.wav', np.sin(np.arange(2000 + 100 * index)).astype(np.float32) * .3)
            (folder / 'faces' / name).mkdir(parents=True)
            for number in range(1, 4 + index):
                cv2.imwrite(str(folder / 'faces' / name / f'{number:04d}.jpg'), np.full((16, 16, 3), 200, np.uint8))
            part = {8: 'val', 9: 'test'}.get(index, 'train')
            rows.append(Row(name, LABELS[index % 4], 'hello, "world"\nhello hello', f'S{index % 2}', '1', part,
                            f'faces/{name}', f'wav/{name}.wav', str(3 + index) if index % 2 else ''))
        (folder / f'{domain}.csv').write_text(format_table(rows))
    (folder / 'vocab.txt').write_text('\n'.join(PIECES) + '\n')
    return folder


@pytest.mark.parametrize('kind', [IEMOCAPDataset, MSPImprovDataset])
def test_entries(root: Path, kind: Any) -> None:
    data = kind(data_root=str(root), domains=('source', 'target'))
    assert len(data) == 16
    info = data.get_data_info(1)
    assert (info['gt_label'], info['domain'], info['domain_label'], info['is_target']) == (1, 'source', 0, False)
    assert info['sample_id'] == 'source/s1'
    assert list(info['modalities']) == ['speech', 'face', 'text']
    speech, face, text = info['modalities'].values()
    assert speech['audio_path'] == str(root / 'wav' / 's1.wav')
    assert (speech['start_time'], speech['stop_time']) == (None, None)
    assert face['face_files'] == [str(root / 'faces' / 's1' / f'{number:04d}.jpg') for number in range(1, 5)]
    assert text['text'] == 'hello, "world"\nhello hello'
    assert (text['speaker'], text['session']) == ('S1', '1')
    assert len(data.get_data_info(2)['modalities']['face']['face_files']) == 5, 'the folder is asked'
    target = data.get_data_info(9)
    assert (target['domain'], target['domain_label'], target['is_target']) == ('target', -1, True)
    assert data.metainfo['classes'] == LABELS


def test_labels_of_the_target_are_withheld(root: Path) -> None:
    data = IEMOCAPDataset(str(root), ('source', 'target'), unlabeled_target=True)
    assert ['gt_label' in data.get_data_info(index) for index in range(16)] == [True] * 8 + [False] * 8


def test_withheld_labels_are_kept_for_monitoring_only_where_asked(root: Path) -> None:
    data = IEMOCAPDataset(str(root), ('source', 'target'), unlabeled_target=True, monitor_labels=True)
    infos = [data.get_data_info(index) for index in range(16)]
    assert ['monitor_label' in info for info in infos] == [False] * 8 + [True] * 8
    assert [info['monitor_label'] for info in infos[8:]] == [0, 1, 2, 3] * 2
    assert not any('gt_label' in info for info in infos[8:])
    plain = IEMOCAPDataset(str(root), ('source', 'target'), unlabeled_target=True)
    assert not any('monitor_label' in plain.get_data_info(index) for index in range(16))
    with pytest.raises(ValueError, match='monitor_labels=True belongs to unlabeled_target=True'):
        IEMOCAPDataset(str(root), ('source', 'target'), monitor_labels=True)


@pytest.mark.parametrize(('split', 'count'), [('train', 8), ('val', 1), ('test', 1), ('all', 10)])
def test_parts(root: Path, split: str, count: int) -> None:
    data = IEMOCAPDataset(str(root), ('target', ), split=split)
    assert len(data) == count
    assert data.get_data_info(count - 1)['gt_label'] == {'train': 3, 'val': 0, 'test': 1, 'all': 1}[split]


def test_modalities_are_chosen_and_files_only_of_those(root: Path, tmp_path: Path) -> None:
    (tmp_path / 'source.csv').write_text((root / 'source.csv').read_text())
    data = IEMOCAPDataset(str(tmp_path), ('source', ), modalities=('text', ))
    assert list(data.get_data_info(0)['modalities']) == ['text']
    with pytest.raises(FileNotFoundError, match='no sample is left.*prepare the data again with tools/data/prepare_ie'):
        IEMOCAPDataset(str(tmp_path), ('source', ), modalities=('text', 'speech'))
    data = IEMOCAPDataset(str(root), ('source', ), ann_dir=str(tmp_path))
    assert len(data) == 8


def test_missing_files_are_counted(root: Path, tmp_path: Path) -> None:
    text = (root / 'source.csv').read_text().replace('faces/s3', 'faces/lost').replace('wav/s4', 'wav/lost')
    (tmp_path / 'source.csv').write_text(text)
    data = IEMOCAPDataset(str(root), ('source', ), ann_dir=str(tmp_path), max_missing=.25)
    assert (len(data), data.num_missing) == (6, 2)
    with pytest.raises(FileNotFoundError, match='2 of 8 samples lack a file'):
        IEMOCAPDataset(str(root), ('source', ), ann_dir=str(tmp_path), missing='error')


def table(**changes: str) -> str:
    values = dict(utterance='u', label='sad', text='a', speaker='S', session='1', split='train', faces='f', wav='w')
    values.update(changes)
    return ','.join(values) + '\n' + ','.join(values.values()) + '\n'


@pytest.mark.parametrize(('text', 'message'), [
    (table(label='joy'), "source.csv, line 2: label 'joy' is unknown, the classes are"),
    (table(split='dev'), "source.csv, line 2: split='dev' is unknown"),
    (table(split='val'), "source.csv: no row has split='train'"),
    (table(wav=''), 'source.csv, line 2: u has no speech: prepare the data with --modalities speech'),
    (table(num_faces='many'), "source.csv, line 2: num_faces='many'"),
    (table().replace('wav', 'sound'), r"source.csv, line 1: columns \['wav'\] are missing"),
    (table() + 'v,sad,a\n', 'source.csv, line 3: fewer fields'),
    (','.join(COLUMNS) + '\n', 'source.csv has no rows: make it again with tools/data/prepare_iemocap.py'),
])
def test_faults_of_a_table_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'source.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        IEMOCAPDataset(str(tmp_path), ('source', ))


def test_options_are_checked(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split='dev'"):
        IEMOCAPDataset(str(root), ('source', ), split='dev')
    with pytest.raises(ValueError, match=r"names \['video'\]"):
        IEMOCAPDataset(str(root), ('source', ), modalities=('video', ))
    with pytest.raises(ValueError, match='domains are'):
        IEMOCAPDataset(str(root), ('D1', ))
    with pytest.raises(FileNotFoundError, match='prepare_iemocap.py'):
        IEMOCAPDataset(str(tmp_path), ('source', ))


def test_classes_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / 'source.csv').write_text(table(label='joy', extra='passed over'))
    data = IEMOCAPDataset(str(tmp_path), ('source', ), modalities=('text', ), metainfo=dict(classes=('fear', 'joy')))
    assert data.get_data_info(0)['gt_label'] == 1


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = [Row('a', 'sad', 'line\nbreak, "quote"', 'S', '1', 'val', 'f', 'w'),
            Row('b', 'sad', '', 'S', '1', 'test', '', '')]
    (tmp_path / 'source.csv').write_text(format_table(rows))
    assert [row for _, row in read_table(tmp_path / 'source.csv')] == rows


def config(root: Path, name: str, **flags: Any) -> Config:
    init_default_scope('mmaction')
    cfg = recipe('erm', name, **flags)
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers = 0
        loader.dataset.data_root = str(root)
        for step in loader.dataset.pipeline:
            for inner in step.get('text', ()):
                inner.tokenizer = str(root / 'vocab.txt')
    return cfg


KINDS = {'avl': ('speech', 'face', 'text'), 'al': ('speech', 'text'), 'av': ('speech', 'face'), 'vl': ('face', 'text')}


@pytest.mark.parametrize('corpus', ['iemocap', 'msp-improv'])
@pytest.mark.parametrize(('kind', 'modalities'), KINDS.items())
def test_configs(root: Path, corpus: str, kind: str, modalities: tuple[str, ...]) -> None:
    cfg = config(root, corpus, modalities=modalities)
    parts = {part: DATASETS.build(cfg[f'{part}_dataloader'].dataset) for part in ('train', 'val', 'test')}
    expected = IEMOCAPDataset if corpus == 'iemocap' else MSPImprovDataset
    assert all(type(data) is expected for data in parts.values())
    assert [len(data) for data in parts.values()] == [16, 1, 10]
    assert [parts['test'].get_data_info(index)['split'] for index in (0, 8, 9)] == ['train', 'val', 'test']
    assert (parts['val'].domains, parts['test'].domains) == (('source', ), ('target', ))
    first = parts['train'][0]['inputs']
    shapes = {'speech': (2000, ), 'face': (8, 3, 224, 224), 'text': (9, )}
    assert {name: tuple(value.shape) for name, value in first.items()} == {name: shapes[name] for name in modalities}
    if 'text' in modalities:
        assert first['text'].dtype == torch.int64


def test_both_protocols_are_reported(root: Path) -> None:
    """One test of the whole half says what the held-out part and what all of it give."""
    cfg = config(root, 'iemocap')
    data, evaluator = DATASETS.build(cfg.test_dataloader.dataset), Evaluator(cfg.test_evaluator)
    samples = [data[index]['data_samples'] for index in range(10)]
    for index, sample in enumerate(samples):
        right = torch.eye(4)[sample.gt_label.item()]
        sample.set_pred_score(right if index in (0, 9) else 1 - right)
        sample.set_field({'speech': right}, 'modality_scores')
    evaluator.process(samples)
    metrics = evaluator.evaluate(10)
    assert metrics['f1/weighted'] == metrics['acc/top1'] == metrics['acc/unweighted'] == 100.
    assert metrics['acc/top1_transductive'] == pytest.approx(20.)
    assert metrics['f1/weighted_transductive'] < 50
    assert metrics['modality/speech/acc/unweighted_transductive'] == 100.


def test_only_the_target_is_corrupted_and_lengths_may_differ(root: Path) -> None:
    cfg = config(root, 'iemocap')
    cfg.train_dataloader.batch_size = 4
    cfg.train_dataloader.batch_sampler.update(n_source=2, n_target=2)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    samples = batch['data_samples']
    assert [sample.is_target for sample in samples] == [False, False, True, True]
    assert ['gt_label' in sample for sample in samples] == [True, True, False, False]
    means = [float(face.mean()) for face in batch['inputs']['face']]
    assert means[:2] == pytest.approx([200 / 255] * 2, abs=.01)
    assert means[2:] == pytest.approx([200 / 255 * .2] * 2, abs=.01)
    powers = [float(wave.square().mean()) for wave in batch['inputs']['speech']]
    assert powers == pytest.approx([.045, .045, .09, .09], rel=.05)
    assert len({len(wave) for wave in batch['inputs']['speech']}) > 1
    masks = [int((ids == PIECES.index('mask')).sum()) for ids in batch['inputs']['text']]
    assert masks == [0, 0, 2, 2]
