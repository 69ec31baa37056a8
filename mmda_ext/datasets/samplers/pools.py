"""Batches that are dealt from several pools of samples."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from torch import Tensor
from torch.utils.data import Sampler


class PoolBatchSampler(Sampler[list[int]]):
    """So many samples of each pool, one pool after the other, in every batch of every process.

    Each pool is shuffled anew each time it is used up, so a short one cycles. The order depends on (seed, epoch) alone:
    a resumed run repeats it. Processes share a pool; what does not divide evenly is left out, others each time.

    Args:
        sampler (DefaultSampler): MMEngine's sampler of the same loader: data set, seed, epoch, place among processes.
        batch_size (int): Samples in each batch of one process.
        pools (Sequence[Tensor]): Positions in the data set, ``(n, )`` int64 each.
        num_batches (int): Batches of one process in an epoch.
        seed (int, optional): Instead of the sampler's seed.
    """

    def __init__(self, sampler: DefaultSampler, batch_size: int, pools: Sequence[Tensor], num_batches: int,
                 seed: int | None = None) -> None:
        # MMEngine's DistSamplerSeedHook sets the epoch of this attribute.
        self.sampler, self.batch_size = sampler, batch_size
        self.rank, self.world_size = sampler.rank, sampler.world_size
        self.seed = sampler.seed if seed is None else seed
        self.pools, self.num_batches = tuple(pools), num_batches

    @abstractmethod
    def counts_of(self, batch: int) -> Sequence[int]:
        """How many samples of each pool the batch of that number holds."""

    @property
    def epoch(self) -> int:
        """The epoch that MMEngine set on the sampler."""
        return self.sampler.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Number of batches of one process in an epoch."""
        return self.num_batches

    def __iter__(self) -> Iterator[list[int]]:
        streams = [self._stream(number) for number in range(len(self.pools))]
        for batch in range(self.num_batches):
            yield [next(stream) for stream, count in zip(streams, self.counts_of(batch)) for _ in range(count)]

    def _stream(self, number: int) -> Iterator[int]:
        """Endless positions of one pool: this process's share of one permutation after the other."""
        pool = self.pools[number]
        share = len(pool) // self.world_size * self.world_size
        generator = torch.Generator()
        # All pools draw in turn from one sequence of seeds, so none repeats the order of another.
        generator.manual_seed(len(self.pools) * (self.seed + 1_000_003 * self.epoch) + number)
        while True:
            order = torch.randperm(len(pool), generator=generator)[:share]
            yield from pool[order[self.rank::self.world_size]].tolist()


def domains_of(dataset: Any) -> Tensor:
    """Index of the source domain of each sample, -1 for those of the target, ``(N, )``, without decoding them.

    Raises:
        TypeError: If the data set cannot tell.
    """
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(f'{type(dataset).__name__} has no get_data_info, so nothing says which samples are of the '
                        'target: use a data set of this package, or a ConcatDataset of them')
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    return torch.tensor([-1 if info.get('is_target', False) else info.get('domain_label', 0) for info in infos])
