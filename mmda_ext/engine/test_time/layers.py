"""Which parameters of a recognizer move in a test, and batch normalisation by the statistics of the batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

PARAMS = ('norm', 'fusion', 'heads')
#: The base covers batch and instance normalisation of one, two and three dimensions.
NORM_LAYERS = (_NormBase, nn.LayerNorm, nn.GroupNorm)


def parts_that_predict(model: Any) -> list[nn.Module]:
    """Encoders, fused classifier and heads; objectives hold teachers and critics, which a test does not ask."""
    encoders = [part for name in model.modalities for part in (model.backbones[name], model.necks[name])]
    return [*encoders, model.cls_head, model.modality_heads]


def norm_layers(module: nn.Module) -> list[nn.Module]:
    """Normalisation layers of every kind and dimension, in the order of the modules."""
    return [child for child in module.modules() if isinstance(child, NORM_LAYERS)]


def batch_norms(model: Any) -> list[Any]:
    """Layers of batch normalisation that predict."""
    return [layer for part in parts_that_predict(model) for layer in norm_layers(part) if isinstance(layer, _BatchNorm)]


def moving_parameters(model: Any, params: str, front: float, asked_by: str) -> list[nn.Parameter]:
    """Parameters that a method adapts, frozen ones of a training included.

    * ``'norm'``: scale and shift of the normalisation layers; of each part those of the first ``front`` of its layers,
      rounded down, one at least.
    * ``'fusion'``: the fusion in front of its last layer, which weighs the modalities; all of it where it is linear.
    * ``'heads'``: the last layer of the fusion, and the class heads of the modalities.

    Args:
        model (MultimodalRecognizer): The model.
        params (str): One of :data:`PARAMS`.
        front (float): Share in (0, 1], 1 for all layers.
        asked_by (str): Who asks, for the message.

    Raises:
        ValueError: If the model has none of them.
    """
    fusion = model.cls_head.fusion
    last = {id(own) for name, own in fusion.named_parameters() if name.split('.')[0] == 'output'}
    if params == 'norm':
        layers = [layer for part in parts_that_predict(model) for layer in _front(norm_layers(part), front)]
        found = [own for layer in layers for own in layer.parameters(recurse=False)]
        if not found:
            raise ValueError(f'{asked_by}.params=norm adapts scale and shift of normalisation layers (BatchNorm, '
                             f'LayerNorm, GroupNorm), and the model has none: set {asked_by}.params=fusion')
    elif params == 'fusion':
        found = [own for own in fusion.parameters() if id(own) not in last] or list(fusion.parameters())
    else:
        found = [own for own in fusion.parameters() if id(own) in last] + list(model.modality_heads.parameters())
    return list(dict.fromkeys(found))


def _front(layers: Sequence[nn.Module], share: float) -> Sequence[nn.Module]:
    return layers[:max(1, int(share * len(layers)))]


@contextmanager
def alone_moving(model: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Inside, these parameters alone ask for a gradient; afterwards those that did before."""
    before = [(own, own.requires_grad, own.grad) for own in model.parameters()]
    moving = {id(own) for own in parameters}
    for own, _, _ in before:
        own.requires_grad_(id(own) in moving)
    try:
        yield
    finally:
        for own, asked, grad in before:
            own.requires_grad_(asked)
            own.grad = grad


@contextmanager
def batch_statistics(layers: Sequence[Any]) -> Iterator[None]:
    """Inside, batch normalisation has no running statistics, so that evaluation uses those of the batch, too.

    In training mode it would do so as well, and dropout with it.
    """
    kept = [(layer, layer.running_mean, layer.running_var) for layer in layers]
    for layer, _, _ in kept:
        layer.running_mean = layer.running_var = None
    try:
        yield
    finally:
        for layer, mean, variance in kept:
            layer.running_mean, layer.running_var = mean, variance
