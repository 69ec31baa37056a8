"""Batches of one domain after the other, for a model that adapts while it is tested."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import Sampler

from mmda_ext.choices import choose
from mmda_ext.registry import DATA_SAMPLERS

ORDERS = ('shuffled', 'sorted')


@DATA_SAMPLERS.register_module()
class TargetStreamBatchSampler(Sampler[list[int]]):
    """Every sample once, in batches of one domain; those of a domain differ by one sample at most.

    A rest of a few samples would have poor batch statistics, and would count as much as a whole batch.

    Args:
        sampler (DefaultSampler): MMEngine's sampler of the same loader.
        batch_size (int): The largest batch.
        order (str): ``'shuffled'``, or ``'sorted'`` by class.
        seed (int): Of the order.

    Raises:
        ValueError: If ``order`` is unknown, or asks for labels that a sample does not have.

    Attributes:
        batches (dict[str, int]): Domain -> number of its batches.
    """

    def __init__(self, sampler: DefaultSampler, batch_size: int, order: str = 'shuffled', seed: int = 0) -> None:
        choose('order', order, ORDERS, type(self).__name__)
        dataset: Any = sampler.dataset
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        pools: dict[Any, list[int]] = {}
        for index, info in enumerate(infos):
            pools.setdefault(info.get('domain'), []).append(index)
        self._batches: list[list[int]] = []
        self.batches: dict[Any, int] = {}
        for domain, pool in pools.items():
            if order == 'sorted':
                unlabelled = [index for index in pool if 'gt_label' not in infos[index]]
                if unlabelled:
                    raise ValueError(f"order='sorted' is by class, and sample {infos[unlabelled[0]].get('sample_id')} "
                                     'has no label: use shuffled')
                pool = sorted(pool, key=lambda index: infos[index]['gt_label'])
            else:
                drawn = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
                pool = [pool[place] for place in drawn.tolist()]
            count = -(-len(pool) // batch_size)
            self.batches[domain] = count
            self._batches += [part.tolist() for part in torch.tensor(pool).tensor_split(count)]

    def __len__(self) -> int:
        """Number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)
