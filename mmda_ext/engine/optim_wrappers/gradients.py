"""Gradients by task and modality: the tensor work behind the balanced wrappers. Knows no runner and no method."""

import itertools
from collections.abc import Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from mmda_ext.balancing import scaled

Grads = list[Tensor | None]


class Parameters:
    """The trainable parameters of a model, by the part that a balancer plays for them.

    Args:
        encoders (dict[str, list]): Modality -> parameters in front of its features.
        local (dict[str, list]): Modality -> parameters behind its features that are balanced with the encoder.
        model (nn.Module): Owner of all of them; what is left over are the heads.

    Raises:
        ValueError: If two modalities share a parameter.
    """

    def __init__(self, encoders: Mapping[str, list[nn.Parameter]], local: Mapping[str, list[nn.Parameter]],
                 model: nn.Module) -> None:
        self.encoders, self.local = dict(encoders), dict(local)
        owner: dict[int, str] = {}
        for name, parameters in self.encoders.items():
            for parameter in parameters:
                if owner.setdefault(id(parameter), name) != name:
                    raise ValueError(
                        f'modalities {owner[id(parameter)]!r} and {name!r} share encoder parameters, so their '
                        'gradients cannot be balanced apart: untie them, or train with the stock OptimWrapper')
        balanced = set(owner) | {id(p) for parameters in self.local.values() for p in parameters}
        self.heads = [p for p in model.parameters() if p.requires_grad and id(p) not in balanced]

    def of(self, modality: str) -> list[nn.Parameter]:
        """All parameters balanced for ``modality``: local ones first."""
        return [*self.local[modality], *self.encoders[modality]]


class TaskGradient:
    """Gradient of one scalar: stopped at the features, and at every parameter behind them.

    Args:
        loss (Tensor): The scalar, scaled as it is differentiated.
        outputs (dict[str, list]): Modality -> all features of the step with their graph, those of the batch first.
        parameters (Parameters): What gets a gradient.
        known (dict[str, Tensor], optional): Modality -> gradient of the unscaled loss at the batch's features, where an
            objective has it in closed form. Such a loss has no parameters of its own and autograd is not asked.
        scale (Tensor, optional): Factor of ``known`` that the loss carries already.

    Attributes:
        features (dict[str, list]): Modality -> :math:`u^m = dL/dz^m` at each of its outputs, ``(N, D_m)``; ``None`` at
            one that the loss does not depend on; absent where it depends on none.
        local (dict[str, list]): Modality -> gradients of its local parameters.
        heads (list): Gradients of the heads.
    """

    def __init__(self, loss: Tensor, outputs: Mapping[str, Sequence[Tensor]], parameters: Parameters,
                 known: Mapping[str, Tensor] | None = None, scale: Tensor | None = None) -> None:
        active = [name for name, values in outputs.items() if values[0].requires_grad]
        if known is not None:
            factor = 1.0 if scale is None else scale
            self.features: dict[str, Grads] = {
                name: [factor * known[name], *[None] * (len(outputs[name]) - 1)] for name in active if name in known}
            self.local: dict[str, Grads] = {name: [None] * len(own) for name, own in parameters.local.items()}
            self.heads: Grads = [None] * len(parameters.heads)
            return
        local = [p for name in parameters.local for p in parameters.local[name]]
        reached = [value for name in active for value in outputs[name]]
        wanted = [*reached, *local, *parameters.heads]
        grads: Grads = [None] * len(wanted)
        if loss.requires_grad and wanted:
            grads = differentiate([loss], wanted, retain_graph=True)
        rest = iter(grads)
        features = {name: list(islice(rest, len(outputs[name]))) for name in active}
        self.features = {name: own for name, own in features.items() if any(grad is not None for grad in own)}
        self.local = {name: list(islice(rest, len(owned))) for name, owned in parameters.local.items()}
        self.heads = list(rest)


def differentiate(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor] | None = None,
                  retain_graph: bool = False) -> Grads:
    """``torch.autograd.grad``, ``None`` where unused, each gradient in memory of its own: they are scaled in place.

    Autograd hands out one tensor for all parameters that were added up (or slices of it, or a broadcast one), and the
    cotangent itself for a parameter that is the output.
    """
    grads = torch.autograd.grad(outputs, inputs, cotangents, retain_graph=retain_graph, allow_unused=True)
    taken = {value.untyped_storage().data_ptr() for value in cotangents or ()}
    own: Grads = []
    for grad in grads:
        if grad is not None:
            memory = grad.untyped_storage()
            if memory.data_ptr() in taken or grad.numel() * grad.element_size() > memory.nbytes():
                grad = grad.clone(memory_format=torch.contiguous_format)
            taken.add(grad.untyped_storage().data_ptr())
        own.append(grad)
    return own


def backward_encoder(outputs: Sequence[Tensor], cotangents: Grads | None, parameters: Sequence[nn.Parameter],
                     retain_graph: bool) -> Grads:
    """One vector-Jacobian product through one encoder: gradients of its parameters, ``None`` where unused.

    Args:
        outputs (Sequence[Tensor]): The encoder's features in this step, ``(N, D_m)`` for each pass.
        cotangents (list[Tensor | None], optional): Gradient at each of them.
        parameters (Sequence[nn.Parameter]): The encoder's.
        retain_graph (bool): Whether another product follows.

    The Jacobian of all encoders is block-diagonal over modalities. Taking them one after the other, all tasks of one
    modality before the next, frees each graph as early as a plain backward pass would.
    """
    pairs = [(value, grad.to(value)) for value, grad in zip(outputs, cotangents or ()) if grad is not None]
    if not pairs or not parameters:
        return [None] * len(parameters)
    values, grads = zip(*pairs)
    return differentiate(values, parameters, grads, retain_graph)


def gramian(rows: Sequence[Grads]) -> Tensor:
    """Inner products of the rows ``(T, T)``, over all tensors of a row taken together; float32 or wider."""
    size = len(rows)
    like = next((g for row in rows for g in row if g is not None), None)
    if like is None:
        return torch.zeros(size, size)
    dtype = torch.promote_types(like.dtype, torch.float32)
    flat = [[None if grad is None else grad.reshape(-1).to(dtype) for grad in row] for row in rows]
    zero = like.new_zeros((), dtype=dtype)
    table = [zero] * size**2
    for s, t in itertools.combinations_with_replacement(range(size), 2):
        dots = [torch.dot(a, b) for a, b in zip(flat[s], flat[t]) if a is not None and b is not None]
        if dots:
            table[s * size + t] = table[t * size + s] = torch.stack(dots).sum() if len(dots) > 1 else dots[0]
    return torch.stack(table).reshape(size, size)


def add_grads(total: Grads | None, part: Grads) -> Grads:
    """Add ``part`` to ``total`` in place, keeping ``None`` where neither has a gradient."""
    if total is None:
        return list(part)
    for index, grad in enumerate(part):
        own = total[index]
        if grad is not None:
            total[index] = grad if own is None else own.add_(grad)
    return total


def combine(rows: Sequence[Grads], weights: Sequence[Tensor | float]) -> Grads:
    """``sum_t weights[t] * rows[t]`` tensor by tensor, written into the memory of the rows; see :func:`scaled`."""
    total: Grads | None = None
    for row, weight in zip(rows, weights):
        present = [grad for grad in row if grad is not None]
        if present and isinstance(weight, Tensor):
            factor = weight.to(present[0])
            torch._foreach_mul_(present, factor)
            for grad in present:
                grad.masked_fill_(factor == 0, 0.0)
        total = add_grads(total, row)
    return total or []


def weighted_sum(terms: Sequence[tuple[Tensor | float, Tensor | None]]) -> Tensor | None:
    """``sum_i factor_i * gradient_i`` of those that are there; see :func:`scaled`."""
    parts = [scaled(gradient, factor) for factor, gradient in terms if gradient is not None]
    return torch.stack(parts).sum(0) if parts else None


def fill_missing(rows: Sequence[Grads], parameters: Sequence[nn.Parameter]) -> None:
    """Replace ``None`` by zeros in place: every process must hand the same tensors to a reduction."""
    for row in rows:
        for index, parameter in enumerate(parameters):
            if row[index] is None:
                row[index] = torch.zeros_like(parameter)
