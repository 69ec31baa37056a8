"""Sums and means over the processes of a distributed run; nothing happens in a single one."""

from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mmda_ext.gradients.tensors import Grads

BUCKET_BYTES = 32 * 2**20


def world_size() -> int:
    """Number of processes, 1 outside of a distributed run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def add_up(tensors: Sequence[Tensor | None]) -> None:
    """Sum each tensor over the processes, in place and in one message."""
    present = [tensor for tensor in tensors if tensor is not None]
    if world_size() == 1 or not present:
        return
    wide = max((tensor.dtype for tensor in present), key=lambda dtype: (dtype.is_floating_point, dtype.itemsize))
    flat = torch.cat([tensor.reshape(-1).to(present[0].device, wide) for tensor in present])
    dist.all_reduce(flat)
    for tensor, own in zip(present, flat.split([tensor.numel() for tensor in present])):
        tensor.copy_(own.view_as(tensor))


def anywhere(flag: bool, device: torch.device) -> bool:
    """Whether ``flag`` is true on any process; waits for the device."""
    told = torch.tensor([float(flag)], device=device)
    dist.all_reduce(told, op=dist.ReduceOp.MAX)
    return bool(told)


def average(gradients: Sequence[tuple[Grads, Sequence[nn.Parameter]]]) -> None:
    """Mean over the processes of gradients, in place, in flat buckets.

    Every process must hand over the same tensors, so one without a gradient sends zeros. Where no process has one it
    stays ``None``: an optimizer decays what has a gradient of zero.

    Args:
        gradients (Sequence[tuple]): Of some parameters, and those parameters.
    """
    places = [(own, index, parameter) for own, parameters in gradients for index, parameter in enumerate(parameters)]
    if world_size() == 1 or not places:
        return
    known = torch.tensor([float(grads[index] is not None) for grads, index, _ in places])
    values = []
    for grads, index, parameter in places:
        own = grads[index]
        grads[index] = own = torch.zeros_like(parameter) if own is None else own
        values.append(own)
    flags = known.to(values[0].device)
    for bucket in _buckets([*values, flags]):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        dist.all_reduce(flat)
        flat /= world_size()
        for tensor, own in zip(bucket, flat.split([tensor.numel() for tensor in bucket])):
            tensor.copy_(own.view_as(tensor))
    if not known.all():  # only then wait for the device
        for (grads, index, _), used in zip(places, flags.tolist()):
            if not used:
                grads[index] = None


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type and device, about as many as fit in a bucket."""
    kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for own in kinds.values():
        bucket, size = [], 0
        for tensor in own:
            bucket.append(tensor)
            size += tensor.numel() * tensor.element_size()
            if size >= BUCKET_BYTES:
                yield bucket
                bucket, size = [], 0
        if bucket:
            yield bucket
