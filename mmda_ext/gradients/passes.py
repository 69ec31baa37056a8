"""Backward passes: through everything behind the features, and through one encoder.

They are ordinary ones that end in ``.grad``, so that hooks, reentrant checkpoints and parameters that nobody named work
as with ``loss.backward()``; what is needed apart is taken out of ``.grad`` again.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from mmda_ext.gradients.cut import Cut
from mmda_ext.gradients.parameters import Parameters
from mmda_ext.gradients.tensors import Grads, apart


class TaskGradient:
    """Gradient of one scalar at the features and at the parameters balanced with an encoder; the rest is in ``.grad``.

    Args:
        loss (Tensor): The scalar.
        cut (Cut): The step's features.
        parameters (Parameters): Says which parameters are local.
        factor (Tensor, optional): What the loss is multiplied by, 0-dim: loss scale, share of an accumulated step.
        known (dict[str, Tensor], optional): Modality -> gradient of the bare loss at the features of the first pass,
            where it is known in closed form. Such a loss has no parameters of its own and autograd is not asked.

    Attributes:
        features (dict[str, list]): Modality -> :math:`u^m = dL/dz^m` at each of its leaves, ``(N, D_m)``; ``None`` at
            one that the loss does not depend on; absent where it depends on none.
        local (dict[str, list]): Modality -> gradients of its local parameters.
    """

    def __init__(self, loss: Tensor, cut: Cut, parameters: Parameters, factor: Tensor | None = None,
                 known: Mapping[str, Tensor] | None = None) -> None:
        local = parameters.local
        if known is not None:
            leaves = {name: own for name, own in cut.leaves.items() if own and name in known}
            self.features: dict[str, Grads] = {
                name: [known[name] if factor is None else factor * known[name], *[None] * (len(own) - 1)]
                for name, own in leaves.items()}
            self.local: dict[str, Grads] = {name: [None] * len(own) for name, own in local.items()}
            return
        wanted = [tensor for parts in (cut.leaves, local) for own in parts.values() for tensor in own]
        found = iter(apart(_collected(wanted, lambda: _backward(loss, factor))))
        features = {name: list(islice(found, len(own))) for name, own in cut.leaves.items()}
        self.features = {name: own for name, own in features.items() if any(grad is not None for grad in own)}
        self.local = {name: list(islice(found, len(own))) for name, own in local.items()}


def _backward(loss: Tensor, factor: Tensor | None) -> None:
    if loss.requires_grad:
        # Other tasks share the graph of the heads, and a loss may share that of an encoder.
        seed = None if factor is None else [factor.to(loss).expand_as(loss)]
        torch.autograd.backward([loss], seed, retain_graph=True)


def _collected(tensors: Sequence[Tensor], backward: Callable[[], None]) -> Grads:
    """What ``backward`` adds to the ``.grad`` of each tensor, which is left as it was."""
    before = [tensor.grad for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    try:
        backward()
        return [tensor.grad for tensor in tensors]
    finally:
        for tensor, grad in zip(tensors, before):
            tensor.grad = grad


def encoder_gradients(outputs: Sequence[Tensor], cotangents: Grads, parameters: Sequence[nn.Parameter],
                      retain_graph: bool = False) -> Grads:
    """One vector-Jacobian product through one encoder: gradients of its parameters, ``None`` where unused.

    Args:
        outputs (Sequence[Tensor]): The encoder's features in this step, ``(N, D_m)`` for each pass.
        cotangents (list[Tensor | None]): Gradient at each of them; empty for none at all.
        parameters (Sequence[nn.Parameter]): The encoder's.
        retain_graph (bool): Whether another product follows.

    The Jacobian of all encoders is block-diagonal over modalities. Taking them one after the other, all tasks of one
    modality before the next, frees each graph as early as a plain backward pass would.
    """
    if all(grad is None for grad in cotangents):
        return [None] * len(parameters)
    own = _collected(parameters, lambda: backward_encoder(outputs, cotangents, retain_graph))
    # A parameter that is the output receives the cotangent itself.
    return apart([*cotangents, *own])[len(cotangents):]


def backward_encoder(outputs: Sequence[Tensor], cotangents: Grads, retain_graph: bool = False) -> None:
    """Add one vector-Jacobian product through one encoder to the ``.grad`` of everything in front of its features.

    Raises:
        RuntimeError: Naming the switch, if the encoder was compiled so that it allows one backward pass only.
    """
    pairs = [(value, grad.to(value)) for value, grad in zip(outputs, cotangents) if grad is not None]
    if not pairs:
        return
    values, grads = zip(*pairs)
    try:
        torch.autograd.backward(values, grads, retain_graph=retain_graph)
    except RuntimeError as error:
        if 'donated' not in str(error):
            raise
        raise RuntimeError('a compiled encoder gives its buffers away after one backward pass, and this balancer takes '
                           'one for each task: set torch._functorch.config.donated_buffer = False before the first '
                           'step, or choose a balancer with space="feature"') from error
