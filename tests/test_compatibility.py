"""Every balancer x every objective x every fusion: trains two steps, or refuses in one sentence when it is built.

Three modalities, two labelled source domains and an unlabelled target, unequal numbers of both.
"""

import math
from collections.abc import Iterator

import pytest
import torch
from mmengine.registry import DefaultScope

from mmda_ext.registry import MODELS
from tests.examples import (
    BALANCER_NAMES,
    CLASSES,
    CLASSIFIER_NAMES,
    DOMAINS,
    FUSION_NAMES,
    OBJECTIVE_NAMES,
    balancer_example,
    build,
    fusion_example,
    objective_example,
)
from tests.tiny import WIDTHS, batch_of, sample_of, wrapper_of

MODALITIES = tuple(WIDTHS)
CHANNELS = dict.fromkeys(MODALITIES, 8)


@pytest.fixture(autouse=True)
def own_scope() -> Iterator[None]:
    yield
    DefaultScope._instance_dict.clear()


class Encoder(torch.nn.Sequential):
    """Every parameter takes part."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(torch.nn.Linear(width, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(),
                         torch.nn.Linear(12, out))


def model_of(objective: str, fusion: str, balancer: str, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    read = [] if balancer == 'stock' else balancer_example(balancer)[1]
    config = dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones={name: dict(type=Encoder, width=width, out=CHANNELS[name]) for name, width in WIDTHS.items()},
        fusion=dict(in_channels=CHANNELS, hidden_channels=10, **fusion_example(fusion)),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=CLASSES),
        objectives=[*read, *objective_example(objective)],
        data_preprocessor=dict(
            type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict.fromkeys(MODALITIES)))
    return build({**config, **options}).train()


def mixed_batch(step: int) -> dict:
    """Nine labelled samples of two source domains, six of the target."""
    batch = batch_of(MODALITIES, size=15, seed=step, num_classes=CLASSES, num_domains=DOMAINS, dtype=torch.float32)
    batch['data_samples'] = [sample_of(index % CLASSES, index % DOMAINS) for index in range(9)]
    for _ in range(6):
        target = sample_of(0, -1)
        target.set_metainfo(dict(is_target=True))
        del target.gt_label
        batch['data_samples'].append(target)
    return batch


def train(model: torch.nn.Module, balancer: dict | None) -> tuple[list[float], set[str]]:
    """Losses of two steps, and the parameters that had a gradient in neither."""
    options = dict(kind='OptimWrapper') if balancer is None else dict(balancer=balancer)
    wrapper = wrapper_of(model, lr=1e-2, **options)
    untouched = {name for name, value in model.named_parameters() if value.requires_grad}
    clear = wrapper.zero_grad

    def zero_grad(**kwargs: object) -> None:
        for name, value in model.named_parameters():
            if value.grad is not None and bool(value.grad.isfinite().all()):
                untouched.discard(name)
        clear(**kwargs)

    wrapper.zero_grad = zero_grad
    losses = [float(model.train_step(mixed_batch(step), wrapper)['loss'].detach()) for step in range(2)]
    return losses, untouched


@pytest.mark.parametrize('objective', OBJECTIVE_NAMES)
@pytest.mark.parametrize('balancer', ['stock', *BALANCER_NAMES])
def test_balancer_and_objective_train_with_every_fusion(balancer, objective):
    for fusion in FUSION_NAMES:
        own = None if balancer == 'stock' else balancer_example(balancer)[0]
        losses, untouched = train(model_of(objective, fusion, balancer), own)
        assert all(map(math.isfinite, losses)), (fusion, losses)
        assert not untouched, f'{fusion}: no gradient in {sorted(untouched)}'


@pytest.mark.parametrize('level', ['input', 'feature'])
@pytest.mark.parametrize('objective', OBJECTIVE_NAMES)
def test_mixed_samples_train_or_are_refused(objective, level):
    mixing = dict(type='mmda_ext.Mixup', level=level)
    examples = [MODELS.module_dict[own['type'].removeprefix('mmda_ext.')] for own in objective_example(objective)]
    if not all(own.takes_mixed for own in examples):
        with pytest.raises(ValueError, match='is not defined for mixed samples'):
            model_of(objective, 'ConcatFusion', 'stock', mixing=mixing)
        return
    for balancer in ('stock', 'GMP'):
        model = model_of(objective, 'ConcatFusion', balancer, mixing=mixing)
        losses, untouched = train(model, None if balancer == 'stock' else balancer_example(balancer)[0])
        assert all(map(math.isfinite, losses)), losses
        assert not untouched, f'no gradient in {sorted(untouched)}'


@pytest.mark.parametrize('balancer', BALANCER_NAMES)
def test_every_balancer_trains_on_mixed_and_incomplete_samples(balancer):
    config, read = balancer_example(balancer)
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=CLASSES,
                feature_dropout=dict(type='mmda_ext.ModalityDropout', p=.5))
    mixing = None if any(not MODELS.module_dict[own['type'].removeprefix('mmda_ext.')].takes_mixed for own in read) \
        else dict(type='mmda_ext.Mixup')
    losses, untouched = train(model_of('DomainAdversarial', 'ConcatFusion', balancer, cls_head=head, mixing=mixing),
                              config)
    assert all(map(math.isfinite, losses)), losses
    assert not untouched, f'no gradient in {sorted(untouched)}'


@pytest.mark.parametrize('classifier', CLASSIFIER_NAMES)
@pytest.mark.parametrize('balancer', ['stock', 'GMP', 'OGM'])
def test_every_classifier_trains_with_every_fusion(balancer, classifier):
    own = None if balancer == 'stock' else balancer_example(balancer)[0]
    head = dict(type=f'mmda_ext.{classifier}', num_classes=CLASSES)
    for fusion in FUSION_NAMES:
        losses, untouched = train(model_of('DomainAdversarial', fusion, balancer, cls_head=head), own)
        assert all(map(math.isfinite, losses)), (fusion, losses)
        assert not untouched, f'{fusion}: no gradient in {sorted(untouched)}'
