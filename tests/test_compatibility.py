"""Every balancer x every objective x every fusion: trains two steps, or refuses in one sentence when it is built.

Three modalities, two labelled source domains and an unlabelled target, unequal numbers of both.
"""

import math
from collections.abc import Iterator

import pytest
import torch
from mmengine.registry import DefaultScope

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.objectives import Objective
from mmda_ext.registry import BALANCERS, MODELS
from tests.tiny import WIDTHS, batch_of, sample_of, wrapper_of

MODALITIES = tuple(WIDTHS)
CLASSES, DOMAINS = 3, 2
CHANNELS = dict.fromkeys(MODALITIES, 8)
HEADS = dict(type='mmda_ext.InformationBottleneck')
HEAD = dict(num_domains=DOMAINS)
CONTRAST = dict(hidden_channels=8, out_channels=4)

#: What each objective needs beside its own name: options, and objectives before it.
OBJECTIVES: dict[str, dict] = {
    'A3D2': dict(num_classes=CLASSES, anchor='audio', transport=dict(start=0)),
    'Amanda': {},
    'BlendedClassification': {},
    'CDAN': dict(num_classes=CLASSES),
    'ClassifierGuidance': dict(num_classes=CLASSES),
    'CorrelationAlignment': {},
    'CrossModalDistillation': {},
    'CrossModalTranslation': dict(hidden_channels=8),
    'DADA2020': {},
    'DADA2024': dict(num_classes=CLASSES),
    'DALN': {},
    'DANN': {},
    'DomainAdversarial': dict(head=HEAD),
    'EntropyMinimization': {},
    'EntropyWeightedClassification': dict(),
    'FeatureSplitting': {},
    'InformationBottleneck': dict(),
    'JAN': {},
    'JDDA': dict(num_classes=CLASSES),
    'LocalClassification': dict(task='heads'),
    'LocalDomainAdversarial': dict(num_domains=DOMAINS, projection_channels=8, hidden_channels=8),
    'MADA': dict(num_classes=CLASSES),
    'MDAN': dict(num_domains=DOMAINS),
    'MKMMD': {},
    'MultimodalJigsaw': dict(num_parts=2, num_permutations=8, hidden_channels=8),
    'MutualDistillation': {},
    'PCL': {},
    'RelativeNormAlignment': {},
    'SupervisedContrastive': CONTRAST,
    'VotingPseudoLabel': {},
}
BEFORE: dict[str, list[dict]] = {
    'A3D2': [HEADS],
    'BlendedClassification': [
        dict(type='mmda_ext.LocalClassification', task='heads', loss_weight=0.)],
    'CrossModalDistillation': [dict(type='mmda_ext.SupervisedContrastive', **CONTRAST)],
    'EntropyMinimization': [HEADS],
    'MutualDistillation': [HEADS],
    'VotingPseudoLabel': [HEADS],
}
#: Objectives that contain the cross-entropy of the fused classifier.
INSTEAD = ('BlendedClassification', 'EntropyWeightedClassification', 'MDAN')

ALL = dict(task_prefix='')
#: Options under which a balancer weights all losses of any model.
BALANCED: dict[str, dict] = {
    'BalGrad': dict(kl_task='own_kl', head_prefix='own/'),
    'CAGrad': ALL,
    'CGGM': dict(guidance_task='own'),
    'DWA': dict(period=1, **ALL),
    'FAMO': ALL,
    'GMP': {},
    'GradNorm': ALL,
    'MGDA': ALL,
    'NashMTL': ALL,
    'OGM': dict(min_rank=2),
    'PCGrad': {},
    'Sum': {},
    'TorchJDWeighting': dict(name='IMTLG', **ALL),
    'UPGrad': ALL,
    'UncertaintyWeighting': ALL,
}

#: Objectives without which a balancer has nothing to read; they stand in front of the tried one.
READ: dict[str, list[dict]] = {
    'BalGrad': [
        dict(type='mmda_ext.LocalClassification', task='own', by_modality=True,
             balanced_heads=False),
        dict(type='mmda_ext.MutualDistillation', task='own_kl')],
    'CGGM': [dict(type='mmda_ext.ClassifierGuidance', num_classes=CLASSES, task='own', direction='off')],
}


def subclasses(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def names_of(kind: type) -> list[str]:
    return sorted({own.__name__ for own in subclasses(kind) if MODELS.module_dict.get(own.__name__) is own})


FUSIONS = names_of(Fusion)


@pytest.fixture(autouse=True)
def own_scope() -> Iterator[None]:
    yield
    DefaultScope._instance_dict.clear()


class Encoder(torch.nn.Sequential):
    """Every parameter takes part."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(torch.nn.Linear(width, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(),
                         torch.nn.Linear(12, out))


def model_of(objective: str, fusion: str, balancer: str) -> torch.nn.Module:
    torch.manual_seed(0)
    own = dict(type=f'mmda_ext.{objective}', **OBJECTIVES[objective])
    return MODELS.build(dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones={name: dict(type=Encoder, width=width, out=CHANNELS[name]) for name, width in WIDTHS.items()},
        fusion=dict(type=f'mmda_ext.{fusion}', in_channels=CHANNELS, hidden_channels=10),
        cls_head=dict(
            type='mmda_ext.MultimodalClsHead', num_classes=CLASSES, loss_weight=float(objective not in INSTEAD)),
        objectives=[*READ.get(balancer, []), *BEFORE.get(objective, []), own],
        data_preprocessor=dict(
            type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict.fromkeys(MODALITIES)))).train()


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


def test_every_objective_and_balancer_takes_part():
    """A new one must say here what it needs."""
    assert set(OBJECTIVES) == set(names_of(Objective))
    assert set(BALANCED) == set(BALANCERS.module_dict)


@pytest.mark.parametrize('objective', sorted(OBJECTIVES))
@pytest.mark.parametrize('balancer', ['stock', *sorted(BALANCED)])
def test_balancer_and_objective_train_with_every_fusion(balancer, objective):
    for fusion in FUSIONS:
        own = None if balancer == 'stock' else dict(type=f'mmda_ext.{balancer}', **BALANCED[balancer])
        losses, untouched = train(model_of(objective, fusion, balancer), own)
        assert all(map(math.isfinite, losses)), (fusion, losses)
        assert not untouched, f'{fusion}: no gradient in {sorted(untouched)}'
