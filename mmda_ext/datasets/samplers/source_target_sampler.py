"""Batches with a fixed number of source and of target samples."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import Sampler

from mmda_ext.choices import choose
from mmda_ext.registry import DATA_SAMPLERS

LENGTHS = ('source', 'longest', 'shortest')


@DATA_SAMPLERS.register_module()
class SourceTargetBatchSampler(Sampler[list[int]]):
    """``n_source`` source samples, then ``n_target`` target samples, in every batch of every process.

    Both domains are shuffled anew each time they are used up, so the shorter one cycles. The order depends on (seed,
    epoch) alone: a resumed run repeats it. Last incomplete batches are dropped. In a config::

        train_dataloader = dict(
            batch_size=32, sampler=dict(type='DefaultSampler', shuffle=True), drop_last=False, dataset=...,
            batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16))

    MMEngine hands over ``sampler`` and ``batch_size``. Of the sampler only the data set, the seed, the epoch and the
    position among the processes are used.

    Args:
        sampler (DefaultSampler): MMEngine's sampler of the same loader.
        batch_size (int): Must be ``n_source + n_target``; the batch size of one process.
        n_source (int): Source samples in each batch, >= 1.
        n_target (int): Target samples in each batch, >= 1.
        length (str): An epoch ends with the ``'source'``, the ``'longest'`` or the ``'shortest'`` of the two.
        seed (int, optional): Instead of the sampler's seed.

    Raises:
        ValueError: If the numbers do not fit together, or a domain has too few samples.
    """

    def __init__(self,
                 sampler: DefaultSampler,
                 batch_size: int,
                 n_source: int,
                 n_target: int,
                 length: str = 'source',
                 seed: int | None = None) -> None:
        if min(n_source, n_target) < 1 or n_source + n_target != batch_size:
            raise ValueError(f'n_source={n_source} and n_target={n_target} must be at least 1 and add up to '
                             f'batch_size={batch_size}')
        choose('length', length, LENGTHS)
        # MMEngine's DistSamplerSeedHook sets the epoch of this attribute.
        self.sampler, self.batch_size = sampler, batch_size
        self.rank, self.world_size = sampler.rank, sampler.world_size
        self.seed = sampler.seed if seed is None else seed
        is_target = torch.tensor(target_flags(sampler.dataset), dtype=torch.bool)
        self.pools = ((~is_target).nonzero()[:, 0], is_target.nonzero()[:, 0])
        self.counts = (n_source, n_target)
        self.num_batches = self._length(length)

    def _length(self, length: str) -> int:
        batches = []
        for name, pool, count in zip(('source', 'target'), self.pools, self.counts):
            batches.append(len(pool) // self.world_size // count)
            if not batches[-1]:
                raise ValueError(
                    f'n_{name}={count} on {self.world_size} process(es) needs {count * self.world_size} {name} '
                    f'samples, the data set has {len(pool)}: lower n_{name}, or add the {name} domains to the data set')
        return {'source': batches[0], 'longest': max(batches), 'shortest': min(batches)}[length]

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
        streams = [self._stream(side) for side in range(2)]
        for _ in range(self.num_batches):
            yield [next(stream) for stream, count in zip(streams, self.counts) for _ in range(count)]

    def _stream(self, side: int) -> Iterator[int]:
        """Endless positions of one domain: this process's share of one permutation after the other."""
        pool = self.pools[side]
        share = len(pool) // self.world_size * self.world_size
        generator = torch.Generator()
        # Both domains draw in turn from one sequence of seeds, so neither repeats the order of the other.
        generator.manual_seed(2 * (self.seed + 1_000_003 * self.epoch) + side)
        while True:
            order = torch.randperm(len(pool), generator=generator)[:share]
            yield from pool[order[self.rank::self.world_size]].tolist()


def target_flags(dataset: Any) -> list[bool]:
    """Whether each sample is of the target, without decoding it.

    Raises:
        TypeError: If the data set cannot tell.
    """
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(f'{type(dataset).__name__} has no get_data_info, so nothing says which samples are of the '
                        'target: use a data set of this package, or a ConcatDataset of them')
    return [bool(dataset.get_data_info(index).get('is_target', False)) for index in range(len(dataset))]
