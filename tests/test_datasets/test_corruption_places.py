"""Where in a pipeline a corruption goes: behind cropping, before spectrograms, tokens and formats."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmda_ext.datasets.corruptions import KINDS, Facts
from mmda_ext.datasets.corruptions.entries import corrupt_entry, kind_of
from mmda_ext.datasets.corruptions.places import find_places, single_steps
from mmda_ext.datasets.transforms import CorruptModality
from mmda_ext.registry import DATASETS
from tests.recipes import recipe
from tests.test_datasets.media import make_hac
from tests.test_datasets.test_features import SOURCES, write_features

PICTURE = np.zeros((8, 6, 3), np.uint8)


@pytest.mark.parametrize(('entry', 'kind'), [
    (dict(imgs=[PICTURE, PICTURE]), 'video'),
    (dict(imgs=[PICTURE[..., :2]]), 'video'),
    (dict(imgs=np.zeros((4, 3, 8, 6), np.float32)), 'video'),
    (dict(imgs=np.zeros((4, 3, 8, 6), np.float32) - .1), None),
    (dict(imgs=[PICTURE.astype(np.float32) + 2]), None),
    (dict(imgs=[PICTURE, PICTURE[:4]]), None),
    (dict(imgs=np.zeros((1, 3, 4, 8, 6), np.uint8)), None),
    (dict(imgs=[PICTURE], inputs=torch.zeros(3)), None),
    (dict(audios=np.zeros(9)), 'waveform'),
    (dict(audios=np.zeros((1, 9, 9))), 'spectrogram'),
    (dict(text='two words'), 'text'),
    (dict(text='two words', feature=np.array([3, 4])), None),
    (dict(feature=np.zeros(3, np.float32)), 'features'),
    (dict(filename='a.mp4'), None),
    (None, None),
])
def test_kind_of_the_data_at_a_step(entry: dict | None, kind: str | None) -> None:
    assert kind_of(entry) == kind


def test_the_layout_of_pictures_stays() -> None:
    frames = np.random.default_rng(0).random((4, 8, 6, 3)).astype(np.float32)
    entry = dict(imgs=frames.transpose(0, 3, 1, 2), other=1)
    done = corrupt_entry(entry, KINDS['video'], 'contrast', 3, 'a', 0, Facts())
    expected = KINDS['video'].corrupt(frames, 'contrast', 3, 'a')
    assert (done['imgs'].transpose(0, 2, 3, 1) == expected).all()
    assert done['imgs'].flags['C_CONTIGUOUS']
    assert entry['imgs'] is not done['imgs']
    assert done['other'] == 1


def test_every_view_stops_by_itself() -> None:
    images = [np.full((4, 4, 3), number, np.uint8) for number in range(12)]
    done = corrupt_entry(dict(imgs=images, clip_len=6), KINDS['video'], 'freeze', 4, 'a', 0, Facts())['imgs']
    assert [int(image.max()) for image in done] == [0, 1, 2, 2, 2, 2, 6, 7, 8, 8, 8, 8]
    noisy = corrupt_entry(dict(imgs=images[:1] * 2, clip_len=1), KINDS['video'], 'gaussian_noise', 4, 'a', 0, Facts())
    assert (noisy['imgs'][0] != noisy['imgs'][1]).any()


def test_single_steps_are_the_same_pipeline() -> None:
    steps = single_steps([
        dict(type='A'), dict(type='mmda_ext.PerModality', video=[dict(type='B'), dict(type='C')], audio=[]),
        dict(type='mmda_ext.PerModality', audio=[dict(type='D')])])
    assert steps == [
        dict(type='A'), dict(type='mmda_ext.PerModality', video=[dict(type='B')]),
        dict(type='mmda_ext.PerModality', video=[dict(type='C')]),
        dict(type='mmda_ext.PerModality', audio=[dict(type='D')])]


def corrupted(config: dict, place: Any, **step: Any) -> Any:
    """The data set with a corruption in its place."""
    steps = single_steps(config['pipeline'])
    steps.insert(place.index, dict(type='mmda_ext.CorruptModality', facts=place.facts, neighbours=place.neighbours,
                                   **step))
    return DATASETS.build({**config, 'pipeline': steps})


def test_pictures_and_sound_of_a_recipe(tmp_path: Path) -> None:
    root = make_hac(tmp_path, count=40)
    config = copy.deepcopy(recipe('erm', 'demo').test_dataloader.dataset.to_dict())
    config.update(ann_dir=str(root / 'splits'), data_root=str(root))
    steps = single_steps(config['pipeline'])
    with DefaultScope.overwrite_default_scope('mmaction'):
        clean = DATASETS.build(config)
        places = find_places(clean, steps)
        video, audio = places['video'], places['audio']
        assert steps[video.index]['video'][0]['type'] == 'FormatShape'
        assert (video.kind.name, video.data.shape, video.data.dtype) == ('video', (16, 56, 56, 3), np.uint8)
        assert steps[audio.index]['audio'][0]['type'] == 'mmda_ext.LogSpectrogram'
        assert (audio.kind.name, audio.data.ndim) == ('waveform', 1)
        assert not video.obstacle('snow')
        before = clean[0]['inputs']
        same = corrupted(config, video, modality='video', family='fog', severity=0)[0]['inputs']
        assert all(torch.equal(same[name], before[name]) for name in before)
        foggy = corrupted(config, video, modality='video', family='fog', severity=5)[0]['inputs']
        noisy = corrupted(config, audio, modality='audio', family='gaussian_noise', severity=1)[0]['inputs']
    for done, changed in ((foggy, 'video'), (noisy, 'audio')):
        for name in before:
            assert (done[name].shape, done[name].dtype) == (before[name].shape, before[name].dtype)
            assert torch.equal(done[name], before[name]) == (name != changed)


def features(path: Path, **options: Any) -> dict[str, Any]:
    return dict(type='mmda_ext.FeatureDataset', ann_file=str(path), domains=('c', ), source_domains=SOURCES,
                split='test', modalities=('face', 'sound'), pipeline=[dict(type='mmda_ext.PackMultimodalInputs')],
                **options)


def test_statistics_are_those_of_the_training_samples_in_the_file(tmp_path: Path) -> None:
    config = features(write_features(tmp_path / 'x.npz'))
    data = DATASETS.build(config)
    train = DATASETS.build({**config, 'domains': SOURCES, 'split': 'train', 'standardize': False})
    raw = np.stack([train.get_data_info(index)['modalities']['face']['feature'] for index in range(len(train))])
    found = data.source_statistics('face')
    for value, expected in ((found.deviation, raw.std(0)), (found.low, raw.min(0)), (found.high, raw.max(0)),
                            (found.shift, raw.mean(0)), (found.scale, raw.std(0))):
        assert value == pytest.approx(expected, rel=1e-5)
    handed_out = train.source_statistics('face')
    assert (handed_out.shift, handed_out.scale) == (0, 1)
    same = np.ones((90, 4), np.float32)
    constant = DATASETS.build(features(write_features(tmp_path / 'y.npz', face=same)))
    assert constant.source_statistics('face').deviation.tolist() == [0] * 4
    assert constant.source_statistics('face').scale.tolist() == [1] * 4


def test_features_are_corrupted_as_the_file_has_them(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    config = features(path)
    data = DATASETS.build(config)
    places = find_places(data, single_steps(config['pipeline']))
    assert not any(places['sound'].obstacle(name) for name in KINDS['features'].families)
    assert [name for name in KINDS['features'].families if places['face'].obstacle(name)] == ['step_drop']
    with np.load(path) as file:
        raw = file['face'][60:]
    statistics = data.source_statistics('face')
    done = corrupted(config, places['face'], modality='face', family='gain', severity=5)
    rows = np.stack([done[index]['inputs']['face'].numpy() for index in range(30)])
    assert rows == pytest.approx((.1 * raw - statistics.shift) / statistics.scale, rel=1e-4)
    mixed = corrupted(config, places['face'], modality='face', family='crosstalk', severity=5)
    rows = np.stack([mixed[index]['inputs']['face'].numpy() for index in range(30)])
    others = (rows * statistics.scale + statistics.shift - .5 * raw) / .5
    nearest = np.abs(others[:, None] - raw[None]).sum(-1)
    assert nearest.min(1) == pytest.approx(0, abs=.01), 'samples of the same domain'
    assert (nearest.argmin(1) != np.arange(30)).all(), 'and another one'
    assert len(set(nearest.argmin(1))) > 10


def test_workers_and_order_change_nothing(tmp_path: Path) -> None:
    config = features(write_features(tmp_path / 'x.npz'))
    place = find_places(DATASETS.build(config), single_steps(config['pipeline']))['face']
    data = corrupted(config, place, modality='face', family='crosstalk', severity=3)
    seen = []
    for workers, shuffle in ((0, True), (2, False)):
        loader = Runner.build_dataloader(dict(
            batch_size=4, num_workers=workers, dataset=data, collate_fn=dict(type='pseudo_collate'),
            sampler=dict(type='DefaultSampler', shuffle=shuffle)), seed=workers)
        seen.append({sample.sample_id: values for batch in loader
                     for sample, values in zip(batch['data_samples'], batch['inputs']['face'])})
    assert seen[0].keys() == seen[1].keys()
    assert all(torch.equal(seen[0][name], seen[1][name]) for name in seen[0])


class Tokens:
    """Words to numbers."""

    unknown_token = '<unk>'

    def __call__(self, results: dict) -> dict:
        return {**results, 'feature': np.arange(len(results['text'].split()))}


class Words:
    """A data set of words, and of something that is no data at all."""

    def get_data_info(self, index: int) -> dict[str, Any]:
        modalities = dict(text=dict(text='one two'), ids=dict(feature=np.arange(3)))
        return dict(modalities=modalities, sample_id='a', domain='d')

    def __len__(self) -> int:
        return 1


def test_words_are_corrupted_before_they_are_numbers() -> None:
    steps = single_steps([dict(type='mmda_ext.PerModality', text=[Tokens()]),
                          dict(type='mmda_ext.PackMultimodalInputs')])
    places = find_places(Words(), steps)
    assert places['ids'] is None
    assert (places['text'].index, places['text'].kind.name, places['text'].facts.unknown) == (0, 'text', '<unk>')


def test_what_cannot_be_corrupted_is_named() -> None:
    sample = dict(modalities=dict(video=dict(filename='a.mp4')), sample_id='d/a', domain='d')
    with pytest.raises(ValueError, match="modality 'video' of sample 'd/a' has no data at this step"):
        CorruptModality('video', 'fog', 1)(sample)
    with pytest.raises(ValueError, match="severity='7' is unknown"):
        CorruptModality('video', 'fog', 7)
    with pytest.raises(ValueError, match="family='frog' is unknown: choose one of 'gaussian_noise'"):
        CorruptModality('video', 'frog', 1)
    with pytest.raises(ValueError, match='dict has samples without `modalities`'):
        find_places(type('dict', (), dict(get_data_info=lambda self, index: {}))(), [])
