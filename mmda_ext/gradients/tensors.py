"""Arithmetic on lists of gradients, one for each parameter, ``None`` where there is none."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from mmda_ext.balancing import scaled

Grads = list[Tensor | None]


def gramian(gradients: Sequence[Grads], device: torch.device | None = None) -> Tensor:
    """Inner products ``(T, T)`` of the gradients of ``T`` tasks, each with all its tensors; float32 or wider.

    Args:
        gradients (Sequence[list]): Of each task, by parameter in the same order.
        device (torch.device, optional): Where the table goes, even if no task has a gradient.
    """
    size = len(gradients)
    like = next((grad for own in gradients for grad in own if grad is not None), None)
    if like is None:
        return torch.zeros(size, size, device=device)
    dtype = torch.promote_types(like.dtype, torch.float32)
    flat = [[None if grad is None else grad.reshape(-1).to(dtype) for grad in own] for own in gradients]
    table = [like.new_zeros((), dtype=dtype)] * size**2
    for s, t in itertools.combinations_with_replacement(range(size), 2):
        dots = [torch.dot(a, b) for a, b in zip(flat[s], flat[t]) if a is not None and b is not None]
        if dots:
            table[s * size + t] = table[t * size + s] = torch.stack(dots).sum() if len(dots) > 1 else dots[0]
    return torch.stack(table).reshape(size, size).to(device or like.device)


def add_grads(total: Grads | None, part: Grads) -> Grads:
    """Add ``part`` to ``total`` in place, keeping ``None`` where neither has a gradient."""
    if total is None:
        return list(part)
    for index, grad in enumerate(part):
        own = total[index]
        if grad is not None:
            total[index] = grad if own is None else own.add_(grad)
    return total


def combine(gradients: Sequence[Grads], weights: Sequence[Tensor | float]) -> Grads:
    """``sum_t weights[t] * gradients[t]`` tensor by tensor, written into their memory; see :func:`scaled`."""
    total: Grads | None = None
    for own, weight in zip(gradients, weights):
        total = add_grads(total, _weighted(own, weight) if isinstance(weight, Tensor) else own)
    return total or []


def _weighted(gradient: Grads, weight: Tensor) -> Grads:
    present = [grad for grad in gradient if grad is not None]
    if any(grad.dtype in (torch.float16, torch.bfloat16) for grad in present):
        # In place the weight itself would be rounded to half precision.
        return [None if grad is None else scaled(grad, weight) for grad in gradient]
    if present:
        factor = weight.to(present[0])
        torch._foreach_mul_(present, factor)
        for grad in present:
            grad.masked_fill_(factor == 0, 0.0)
    return gradient


def weighted_sum(terms: Sequence[tuple[Tensor | float, Tensor | None]]) -> Tensor | None:
    """``sum_i factor_i * gradient_i`` of those that are there; see :func:`scaled`."""
    parts = [scaled(gradient, factor) for factor, gradient in terms if gradient is not None]
    return torch.stack(parts).sum(0) if parts else None


def apart(grads: Grads) -> Grads:
    """Each gradient in memory of its own: they are scaled in place.

    Autograd hands out views of one tensor for parameters that are added up, and leaves them in ``.grad`` so.
    """
    taken: set[int] = set()
    own: Grads = []
    for grad in grads:
        if grad is not None:
            memory = grad.untyped_storage()
            if memory.data_ptr() in taken or grad.numel() * grad.element_size() > memory.nbytes():
                grad = grad.clone(memory_format=torch.contiguous_format)
            taken.add(grad.untyped_storage().data_ptr())
        own.append(grad)
    return own
