"""Source and target samples of a batch through an encoder one kind after the other."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

#: A domain of one sample has no batch statistics: normalisation layers would refuse it.
FEWEST = 2


def domain_groups(is_target: Tensor) -> tuple[Tensor, ...]:
    """Positions of source and of target samples, int64 on the host; one group if a kind has less than two.

    Batch normalisation that is synchronised over processes needs batches made up alike on all of them, as
    :class:`~mmda_ext.datasets.samplers.SourceTargetBatchSampler` gives.

    Args:
        is_target (Tensor): ``(N, )`` bool on the host.
    """
    source, target = (~is_target).nonzero()[:, 0], is_target.nonzero()[:, 0]
    if min(len(source), len(target)) < FEWEST:
        return (torch.arange(len(is_target)), )
    return source, target


def encode_groups(encode: Callable[[Any, int], Tensor], inputs: Any, groups: Sequence[Tensor],
                  num_samples: int) -> Tensor:
    """One pass for each group of samples, features put back in order, so that batch statistics are those of a group.

    Running statistics of normalisation layers are updated once for each pass, in the order of the groups.

    Args:
        encode (Callable): Inputs of ``K`` samples and ``K`` -> ``(K, D)``.
        inputs (Tensor | Padded): ``(N * S, ...)``, the ``S`` views of a sample one after the other.
        groups (Sequence[Tensor]): Positions of samples, int64 on the host; together each sample once.
        num_samples (int): ``N``.

    Returns:
        Tensor: ``(N, D)``.
    """
    views, rest = divmod(inputs.shape[0], num_samples)
    if len(groups) < 2 or rest:  # views that do not divide into samples are for the neck to refuse
        return encode(inputs, num_samples)
    parts = [encode(_take(inputs, _positions(group, views)), len(group)) for group in groups]
    back = torch.cat(list(groups)).argsort()
    joined = torch.cat(parts)
    return joined[back.to(joined.device, non_blocking=True)]


def _positions(samples: Tensor, views: int) -> Tensor:
    return (samples[:, None] * views + torch.arange(views)).flatten()


def _take(inputs: Any, index: Tensor) -> Any:
    if isinstance(inputs, Tensor):
        return inputs[index.to(inputs.device, non_blocking=True)]
    return inputs.take(index)
