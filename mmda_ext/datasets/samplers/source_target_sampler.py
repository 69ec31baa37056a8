"""Batches with a fixed number of source and of target samples."""

from collections.abc import Sequence

from mmengine.dataset import DefaultSampler

from mmda_ext.choices import choose
from mmda_ext.datasets.samplers.pools import PoolBatchSampler, domains_of
from mmda_ext.registry import DATA_SAMPLERS

LENGTHS = ('source', 'longest', 'shortest')


@DATA_SAMPLERS.register_module()
class SourceTargetBatchSampler(PoolBatchSampler):
    """``n_source`` source samples, then ``n_target`` target samples, in every batch of every process.

    As :class:`PoolBatchSampler`: the shorter domain cycles. Last incomplete batches are dropped. In a config::

        train_dataloader = dict(
            batch_size=32, sampler=dict(type='DefaultSampler', shuffle=True), drop_last=False, dataset=...,
            batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16))

    MMEngine hands over ``sampler`` and ``batch_size``.

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
        is_target = domains_of(sampler.dataset) < 0
        pools = ((~is_target).nonzero()[:, 0], is_target.nonzero()[:, 0])
        self.counts = (n_source, n_target)
        super().__init__(sampler, batch_size, pools, 0, seed)
        self.num_batches = self._length(length)

    def counts_of(self, batch: int) -> Sequence[int]:
        """The same in every batch."""
        return self.counts

    def _length(self, length: str) -> int:
        batches = []
        for name, pool, count in zip(('source', 'target'), self.pools, self.counts):
            batches.append(len(pool) // self.world_size // count)
            if not batches[-1]:
                raise ValueError(
                    f'n_{name}={count} on {self.world_size} process(es) needs {count * self.world_size} {name} '
                    f'samples, the data set has {len(pool)}: lower n_{name}, or add the {name} domains to the data set')
        return {'source': batches[0], 'longest': max(batches), 'shortest': min(batches)}[length]
