"""What all data sets share: whole pipelines, missing files, files that cannot be decoded."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmda_ext.datasets import HACDataset, MediaError, multimodal_dataset
from tests.test_datasets.media import make_hac

PIPELINE = [
    {'type': 'mmda_ext.PerModality', 'video': [{'type': 'mmda_ext.OpenVideo'}]},
    {'type': 'mmda_ext.SampleAlignedClips', 'clips': {'video': {'clip_len': 4, 'frame_interval': 2}}, 'test_mode': True,
     'drop_last_frames': 1, 'index_shift': -1, 'follow': {'audio': {'reference': 'video', 'fps': 24.}}},
    {'type': 'mmda_ext.PerModality',
     'video': [{'type': 'mmda_ext.DecodeVideo'}, {'type': 'Resize', 'scale': (-1, 32)},
               {'type': 'FormatShape', 'input_format': 'NCTHW'}],
     'audio': [{'type': 'mmda_ext.LoadAudio'}]},
    {'type': 'mmda_ext.PackMultimodalInputs'},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_hac(tmp_path, ('a', 'b', 'c'), count=30)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def keep(message: str, logger: Any = None, level: int = logging.INFO) -> None:
        assert level == logging.WARNING
        lines.append(message)

    monkeypatch.setattr(multimodal_dataset, 'print_log', keep)
    return lines


def human(root: Path, **options: Any) -> HACDataset:
    options = {'pipeline': PIPELINE, 'split': 'all'} | options
    return HACDataset(str(root / 'splits'), str(root), ('human', ), ('human', 'animal'), **options)


def test_a_whole_pipeline(root: Path, logged: list[str]) -> None:
    packed = human(root)[1]
    assert {name: tuple(value.shape) for name, value in packed['inputs'].items()} == {
        'video': (1, 3, 4, 32, 43), 'audio': (4000, )
    }
    assert packed['inputs']['video'].dtype == torch.uint8
    assert packed['data_samples'].sample_id == 'human/ha'
    assert logged == []


@pytest.mark.parametrize('serialize', [True, False])
def test_lazy_and_serialised_like_a_base_dataset(root: Path, serialize: bool) -> None:
    data = human(root, lazy_init=True, serialize_data=serialize)
    assert not data._fully_initialized
    data.full_init()
    assert len(data) == 3
    assert len(data.get_subset(2)) == 2
    assert len(human(root, indices=1)) == 1
    assert data.get_cat_ids(0) == [0]
    once = data.get_data_info(0)
    once['modalities'].clear()
    assert data.get_data_info(0)['modalities'], 'a transform must not change the list'


def test_missing_files_are_counted_logged_and_left_out(root: Path, logged: list[str]) -> None:
    (root / 'human' / 'audio' / 'ha.wav').unlink()
    data = human(root, max_missing=.34)
    assert (len(data), data.num_missing) == (2, 1)
    assert [data.get_data_info(i)['sample_id'] for i in range(len(data))] == ['human/hc', 'human/hb']
    assert len(logged) == 1
    for part in ('1 of 3 samples', "'human/ha'", 'ha.wav', 'HAC_test_only_human.csv', 'check_data.py'):
        assert part in logged[0]
    assert human(root, modalities=('video', )).num_missing == 0, 'a file of a modality that is not used may be missing'
    with pytest.raises(FileNotFoundError, match=r"1 of 3 samples.*missing='skip'"):
        human(root, missing='error')


def test_too_many_missing_files_are_an_error(root: Path, logged: list[str]) -> None:
    (root / 'human' / 'audio' / 'ha.wav').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 3 samples lack.*more than max_missing=0\.05 of them: check'):
        human(root)
    with pytest.raises(FileNotFoundError, match='max_missing=0.33 of'):
        human(root, max_missing=.33)
    with pytest.raises(ValueError, match='max_missing=1.5 is a share'):
        human(root, max_missing=1.5)
    (root / 'human' / 'audio' / 'hb.wav').unlink()
    (root / 'human' / 'audio' / 'hc.wav').unlink()
    with pytest.raises(FileNotFoundError, match=r"no sample is left of the 3 that .*domains \('human',\)"):
        HACDataset(str(root / 'splits'), str(root), ('human', 'animal'), ('human', ), split='all', max_missing=1.)
    assert logged == []


def test_nothing_left_names_folder_split_file_and_remedy(root: Path, tmp_path: Path) -> None:
    message = 'no sample is left of the 3.*HAC_test_only_human.csv.*elsewhere.*data_root'
    with pytest.raises(FileNotFoundError, match=message):
        HACDataset(str(root / 'splits'), str(tmp_path / 'elsewhere'), ('human', ), ('human', ), split='all')


def test_training_draws_another_sample_and_logs_a_file_once(root: Path, logged: list[str]) -> None:
    (root / 'human' / 'videos' / 'ha.mp4').write_bytes(b'rubbish')
    data = human(root)
    np.random.seed(0)
    drawn = [data[1]['data_samples'].sample_id for _ in range(6)]
    assert set(drawn) == {'human/hb', 'human/hc'}
    assert len(logged) == 1
    assert 'ha.mp4' in logged[0]
    assert sum(data.decode_failures.values()) >= 6
    replaced = [data[index]['data_samples'].get('replaced') for index in (0, 1, 0)]
    assert replaced == [None, ('human/ha', ), None], 'the sample that stands in says so, once'
    np.random.seed(0)
    assert [human(root)[1]['data_samples'].sample_id for _ in range(1)] == drawn[:1], 'follows the seed'


def test_testing_stops_and_names_the_file(root: Path, logged: list[str]) -> None:
    (root / 'human' / 'audio' / 'ha.wav').write_bytes(b'rubbish')
    data = human(root, test_mode=True)
    data[0]
    with pytest.raises(MediaError, match=r"ha\.wav.*audio of sample 'human/ha'.*never replaced"):
        data[1]
    assert logged == []


def test_training_on_rubbish_stops(root: Path, logged: list[str]) -> None:
    for name in 'abc':
        (root / 'human' / 'videos' / f'h{name}.mp4').write_bytes(b'rubbish')
    with pytest.raises(MediaError, match=r'11 samples in a row.*--decode'):
        human(root, max_refetch=10)[0]
    assert len(logged) == len(set(logged)) <= 3


def test_a_fault_of_the_program_is_never_replaced(root: Path) -> None:
    def broken(results: dict) -> dict:
        raise ValueError('a fault')

    with pytest.raises(ValueError, match='a fault'):
        human(root, pipeline=[broken])[0]


def test_the_largest_labels_are_known(root: Path) -> None:
    data = HACDataset(str(root / 'splits'), str(root), ('cartoon', 'human'), ('animal', 'human'))
    assert data.largest_labels == {'gt_label': 1, 'domain_label': 1}
    target = HACDataset(str(root / 'splits'), str(root), ('cartoon', ), ('human', ), unlabeled_target=True)
    assert target.largest_labels == {'gt_label': -1, 'domain_label': -1}


def test_unlabelled_target(root: Path) -> None:
    data = HACDataset(str(root / 'splits'), str(root), ('human', 'cartoon'), ('human', ), unlabeled_target=True)
    assert ['gt_label' in data.get_data_info(i) for i in (0, len(data) - 1)] == [True, False]


def test_workers_give_what_one_process_gives(root: Path) -> None:
    from torch.utils.data import DataLoader
    data = human(root)
    loader = DataLoader(data, batch_size=1, num_workers=2, collate_fn=lambda batch: batch[0])
    for index, packed in enumerate(loader):
        assert torch.equal(packed['inputs']['video'], data[index]['inputs']['video'])
