"""Alignment helps where the shift is one of covariances: synthetic domains, seconds on a CPU."""

import pytest
import torch
from torch import nn

from mmda_ext.evaluation.weighted_f1 import weighted_f1
from tests.test_models.test_objectives_alignment import ALIGN
from tests.tiny import model_of, sample_of, wrapper_of

MODALITIES = ('video', 'audio', 'flow')
WIDTH, CLASSES, BATCH, STEPS = 32, 4, 48, 160
GAIN, NOISE = (1.2, .6, .2), (1., .5, .1)
HEADS = dict(type='mmda_ext.InformationBottleneck')


class Encoder(nn.Sequential):

    def __init__(self, width, out):
        super().__init__(nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, WIDTH), nn.ReLU())


def domains_of(seed):
    """Source, target and fresh target samples: ``(features by modality, labels)`` each."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    labels = [torch.randint(CLASSES, (count, ), generator=generator) for count in (960, 960, 2000)]
    out = [({}, own) for own in labels]
    for name, gain, noise in zip(MODALITIES, GAIN, NOISE):
        means, scale = .35 * draw(CLASSES, WIDTH), torch.exp(gain * draw(WIDTH))
        rotation = torch.linalg.qr(draw(WIDTH, WIDTH)).Q
        for index, (features, own) in enumerate(out):
            x = means[own] + draw(len(own), WIDTH)
            features[name] = (x if index == 0 else x * scale + noise * draw(len(own), WIDTH)) @ rotation
    return out


def batch_of(source, target, step):
    generator = torch.Generator().manual_seed(step)
    inputs, samples = [], []
    for (features, labels), is_target in ((source, False), (target, True)):
        for row in torch.randint(len(labels), (BATCH, ), generator=generator).tolist():
            inputs.append({name: value[row] for name, value in features.items()})
            samples.append(sample_of(int(labels[row]), 0))
            if is_target:
                samples[-1].set_metainfo(dict(is_target=True, domain_label=-1))
                del samples[-1].gt_label
    return dict(inputs=inputs, data_samples=samples)


def score(seed, objectives, **balancer):
    """Weighted F1 on fresh target samples, in percent."""
    source, target, fresh = domains_of(seed)
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict.fromkeys(MODALITIES, WIDTH), hidden_channels=None)
    model = model_of(MODALITIES, num_classes=CLASSES, seed=seed, dtype=torch.float32, backbone=Encoder, fusion=fusion,
                     objectives=objectives)
    options = dict(balancer=dict(type='MGDA', **balancer)) if balancer else dict(kind='OptimWrapper')
    wrapper = wrapper_of(model, optimizer=torch.optim.Adam, lr=1e-3, **options)
    for step in range(STEPS):
        model.train_step(batch_of(source, target, step), wrapper)
    model.eval()
    with torch.no_grad():
        return weighted_f1(list(zip(fresh[1].tolist(), model(fresh[0], mode='tensor').argmax(1).tolist())))


@pytest.mark.slow
def test_alignment_improves_on_direct_transfer():
    """Correlation alignment gains more than a point over five seeds.

    Whether balanced beats uniform is no property, so nothing is said of it.
    """
    direct = [score(seed, [HEADS]) for seed in range(5)]
    aligned = [score(seed, [HEADS, ALIGN], solver='closed_form') for seed in range(5)]
    gain = sum(aligned) / 5 - sum(direct) / 5
    assert gain > 1, (direct, aligned)
