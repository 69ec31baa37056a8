"""Small models and batches that many tests share."""

from typing import Any

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from mmda_ext.registry import MODELS, OPTIM_WRAPPERS

WIDTHS = dict(video=6, audio=5, flow=4)


class Encoder(nn.Module):
    """Linear, BatchNorm, ReLU, dropout, linear, and a parameter that takes no part."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(.3), nn.Linear(8, out))
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Linear(nn.Module):
    """``z = x E^T``."""

    def __init__(self, weight: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


def model_of(modalities=('video', 'audio'), num_domains=2, num_classes=3, seed=0, dtype=torch.float64, backbone=Encoder,
             **options) -> nn.Module:
    """A recognizer with random weights; ``options`` replace arguments of the recognizer."""
    torch.manual_seed(seed)
    config = dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones={m: dict(type=backbone, width=WIDTHS[m], out=WIDTHS[m] + 1) for m in modalities},
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels={m: WIDTHS[m] + 1 for m in modalities},
                    hidden_channels=16, dropout=.2),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=num_classes),
        objectives=[dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=num_domains, reversal=.7))],
        data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict.fromkeys(modalities)))
    return MODELS.build({**config, **options}).to(dtype)


def batch_of(modalities=('video', 'audio'), size=6, seed=0, num_classes=3, num_domains=2, dtype=torch.float64) -> dict:
    """A batch as the collate function hands it over."""
    generator = torch.Generator().manual_seed(1000 + seed)
    draw = lambda n: int(torch.randint(n, (), generator=generator))  # noqa: E731
    inputs = [{m: torch.randn(WIDTHS[m], generator=generator, dtype=dtype) for m in modalities} for _ in range(size)]
    samples = [sample_of(draw(num_classes), draw(num_domains)) for _ in range(size)]
    return dict(inputs=inputs, data_samples=samples)


def sample_of(label: int, domain: int) -> ActionDataSample:
    sample = ActionDataSample().set_gt_label(label)
    sample.set_metainfo(dict(domain=f'd{domain}', domain_label=domain))
    return sample


def wrapper_of(model: nn.Module, kind='mmda_ext.BalancedOptimWrapper', lr=.1, optimizer=torch.optim.SGD, **options):
    """An optimizer wrapper; stock ones by their plain name."""
    return OPTIM_WRAPPERS.build(dict(type=kind, optimizer=optimizer(model.parameters(), lr=lr), **options))


def parameters_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}
