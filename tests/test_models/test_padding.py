"""Batches of variable length, and the recognizer that gets them."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.nn.parallel.scatter_gather import _is_namedtuple

from mmda_ext.models.data_preprocessors.padding import Padded, as_padded, pad
from mmda_ext.registry import MODELS
from tests.tiny import model_of, sample_of


def preprocessor(**options):
    return MODELS.build(dict(type='mmda_ext.PaddingPreprocessor', **options))


def sample(key):
    out = sample_of(0, 0)
    out.set_metainfo(dict(sample_id=key))
    return out


def test_padded():
    batch = pad([torch.ones(2, 3), torch.ones(4, 3)], ['a', 'b'])
    assert batch.shape == (2, 4, 3)
    assert batch.mask.tolist() == [[True, True, False, False], [True] * 4]
    assert [len(item) for item in batch.sequences()] == [2, 4]
    assert not batch.values[0, 2:].any()
    assert _is_namedtuple(batch), 'data-parallel wrappers move what is inside'
    assert as_padded(batch) is batch
    assert as_padded(torch.zeros(2, 5)).lengths.tolist() == [5, 5]


def test_waveforms_are_normalised_before_padding():
    waves = [torch.randn(50) * 3 + 1, torch.randn(20) + 4]
    batch, samples = preprocessor(normalize=True).preprocess(waves, [sample('a'), sample('b')])
    for wave in batch.sequences():
        assert abs(float(wave.mean())) < 1e-5
        assert float(wave.var(correction=0)) == pytest.approx(1, abs=1e-4)
    assert batch.keys == ('a', 'b')
    assert len(samples) == 2
    silent, _ = preprocessor(normalize=True).preprocess([torch.zeros(5), torch.zeros(0)], [])
    assert not silent.values.any()
    assert silent.keys is None


def test_types():
    ids, _ = preprocessor(max_length=2).preprocess([torch.tensor([5, 6, 7]), torch.tensor([8])], [])
    assert ids.values.tolist() == [[5, 6], [8, 0]]
    frames, _ = preprocessor(mean=[1., 2, 3], std=[1., 2, 4]).preprocess(
        [torch.full((2, 3, 4, 4), 9, dtype=torch.uint8), torch.full((1, 3, 4, 4), 9, dtype=torch.uint8)], [])
    assert frames.values[0, 0, :, 0, 0].tolist() == [8, 3.5, 1.5]
    assert not frames.values[1, 1].any(), 'padding is zero after normalisation'
    double, _ = preprocessor().preprocess([torch.zeros(3).double()], [])
    assert double.values.dtype == torch.float64


@pytest.mark.parametrize(('options', 'message'), [(dict(mean=[1.]), 'give both')])
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(**options)
    with pytest.raises(ValueError, match='first axis only'):
        preprocessor().preprocess([torch.zeros(2, 3), torch.zeros(2, 4)], [])


def variable_model():
    backbone = dict(type='mmda_ext.SequenceBackbone', sequence=dict(
        type='mmda_ext.LSTMEncoder', in_channels=6, out_channels=7))
    padded = dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(
        video=dict(type='mmda_ext.PaddingPreprocessor'), audio=None))
    model = model_of(data_preprocessor=padded)
    model.backbones['video'] = MODELS.build(backbone).double()
    return model


def variable_batch(lengths=(3, 5, 1, 2)):
    inputs = [dict(video=torch.randn(length, 6).double(), audio=torch.randn(5).double()) for length in lengths]
    return dict(inputs=inputs, data_samples=[sample(f's{index}') for index in range(len(lengths))])


@pytest.mark.parametrize('collated', [False, True])
def test_recognizer_takes_sequences_of_different_lengths(collated):
    model, batch = variable_model(), variable_batch()
    whole = dict(inputs=batch['inputs'], data_samples=batch['data_samples'])
    if collated:
        whole = pseudo_collate([dict(inputs=one, data_samples=sample) for one, sample in zip(*whole.values())])
        assert isinstance(whole['inputs'], dict)
    data = model.data_preprocessor(whole)
    assert isinstance(data['inputs']['video'], Padded)
    assert data['inputs']['video'].keys == ('s0', 's1', 's2', 's3')
    assert data['inputs']['audio'].shape == (4, 5)
    assert torch.isfinite(model(**data, mode='loss')['loss_cls'])
    model.eval()
    together = model(data['inputs'], mode='tensor')
    assert together.shape == (4, 3)
    for index in range(4):
        alone = dict(inputs=batch['inputs'][index:index + 1], data_samples=batch['data_samples'][index:index + 1])
        torch.testing.assert_close(together[index], model(**model.data_preprocessor(alone), mode='tensor')[0])


def test_what_is_missing_or_of_another_shape_is_still_named():
    model, batch = variable_model(), variable_batch()
    del batch['inputs'][2]['video']
    with pytest.raises(ValueError, match="modality 'video' is missing in sample s2"):
        model.data_preprocessor(batch)
    batch = variable_batch()
    batch['inputs'][1]['audio'] = torch.zeros(6).double()
    with pytest.raises(ValueError, match="modality 'audio' has samples of different shapes"):
        model.data_preprocessor(batch)
