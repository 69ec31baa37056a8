"""The probe's core on arrays, and its way through a recognizer-shaped object."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools' / 'analysis'))
import linear_probe
from linear_probe import Part, extract, fit_probe, loader_configs


def part(count: int, seed: int, shift: float = 0.0) -> Part:
    """Modality ``good`` tells the class, ``noise`` does not."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    good = 10 * np.eye(3)[labels] + rng.normal(0, 1, (count, 3)) + shift
    return Part({'good': good, 'noise': rng.normal(0, 1, (count, 4))}, labels)


def test_probe_finds_the_modality_that_knows_the_class():
    scores = fit_probe(part(90, 0), part(60, 1), part(60, 2))
    assert set(scores) == {'good', 'noise', 'fused'}
    assert scores['good']['val'] == scores['good']['test'] == 100
    assert scores['fused']['test'] > 95
    assert 10 < scores['noise']['test'] < 60


def test_probe_is_fitted_on_the_sources_only():
    """Features of the target whose classes are swapped give nothing: the target is not in the fit."""
    target = part(60, 2)
    swapped = Part({'good': target.features['good'][:, [1, 2, 0]], 'noise': target.features['noise']}, target.labels)
    assert fit_probe(part(90, 0), part(60, 1), swapped)['good']['test'] == 0


def test_scale_of_a_modality_does_not_matter():
    train, val = part(90, 0), part(60, 1)
    scaled = [Part({'good': 1e4 * p.features['good'], 'noise': p.features['noise']}, p.labels) for p in (train, val)]
    assert fit_probe(train, val, val)['fused'] == pytest.approx(fit_probe(scaled[0], scaled[1], scaled[1])['fused'])


def test_bad_parts_are_refused():
    with pytest.raises(ValueError, match='do not go with 3 labels'):
        Part({'a': np.zeros((2, 1))}, np.zeros(3))
    one = Part({'a': np.zeros((2, 1))}, np.zeros(2))
    with pytest.raises(ValueError, match='two classes'):
        fit_probe(one, one, one)


class Sample(SimpleNamespace):
    def __contains__(self, key: str) -> bool:
        return hasattr(self, key)


class Recognizer(torch.nn.Module):
    def data_preprocessor(self, batch: dict, training: bool) -> dict:
        assert not training
        return batch

    def extract_feat(self, inputs: dict, num_samples: int) -> dict:
        assert not self.training
        return {name: value.reshape(num_samples, -1) for name, value in inputs.items()}


def test_extract_keeps_labelled_samples_in_order():
    batches = [
        {
            'inputs': {'v': torch.arange(6.0)},
            'data_samples': [Sample(gt_label=torch.tensor([2])), Sample(), Sample(gt_label=1)],
        },
        {'inputs': {'v': torch.tensor([7.0, 8.0])}, 'data_samples': [Sample(gt_label=0)]},
    ]
    found = extract(Recognizer(), batches)
    assert found.labels.tolist() == [2, 1, 0]
    assert found.features['v'].tolist() == [[0, 1], [4, 5], [7, 8]]


def test_training_samples_are_seen_without_augmentation():
    from mmengine.config import ConfigDict

    inner = {'type': 'D', 'ann': 'train', 'pipeline': ['flip'], 'test_mode': False}
    config = ConfigDict(
        train_dataloader={
            'batch_size': 2,
            'sampler': 'shuffled',
            'dataset': {'type': 'Concat', 'datasets': [inner, inner]},
        },
        val_dataloader={
            'batch_size': 8,
            'sampler': 'plain',
            'dataset': {'type': 'D', 'ann': 'val', 'pipeline': ['centre']},
        },
        test_dataloader={
            'batch_size': 8,
            'sampler': 'plain',
            'dataset': {'type': 'D', 'ann': 'test', 'pipeline': ['centre']},
        },
    )
    train = loader_configs(config)['train']
    assert (train['batch_size'], train['sampler']) == (8, 'plain')
    assert [(d['ann'], d['pipeline'], d['test_mode']) for d in train['dataset']['datasets']] == [
        ('train', ['centre'], True)
    ] * 2
    assert config.train_dataloader.dataset.datasets[0].pipeline == ['flip']


def test_whole_tool_on_a_checkpoint_as_a_run_writes_it(tmp_path):
    """Checkpoints of a run hold the log history beside the weights, which torch refuses unless told otherwise."""
    from mmengine.logging import HistoryBuffer
    from mmengine.registry import init_default_scope

    from mmda_ext.registry import MODELS
    from tests.recipes import METHODS, recipe
    generator = np.random.default_rng(0)
    label = np.arange(120) % 3
    arrays = {name: (generator.normal(size=(120, width)) + label[:, None]).astype(np.float32)
              for name, width in (('face', 6), ('audio', 5))}
    np.savez(tmp_path / 'features.npz', **arrays, label=label, classes=np.array(['a', 'b', 'c']),
             domain=np.array(['x', 'y', 'z'])[np.arange(120) // 3 % 3])
    flags = dict(dataset=str(tmp_path / 'features.npz'), target=['z'])
    init_default_scope('mmaction')
    model = MODELS.build(recipe('erm', **flags).model)
    history = HistoryBuffer([1.0], [1])
    torch.save(dict(state_dict=model.state_dict(), message_hub=dict(log_scalars=dict(loss=history)), meta={}),
               tmp_path / 'epoch_1.pth')
    out = tmp_path / 'probe.json'
    command = [str(METHODS / 'erm.py'), str(tmp_path / 'epoch_1.pth'), '--out', str(out)]
    assert linear_probe.main([*command, '--dataset', flags['dataset'], '--target', 'z']) == 0
    written = out.read_text()
    assert json.loads(written)['samples'] == dict(train=63, val=18, test=39)
    assert all(f'"{name}"' in written for name in ('face', 'audio', 'fused'))
