"""Batches with as many samples of each source domain."""

from collections.abc import Sequence

from mmengine.dataset import DefaultSampler

from mmda_ext.datasets.samplers.pools import PoolBatchSampler, domains_of
from mmda_ext.registry import DATA_SAMPLERS

#: Of each domain in a batch: one sample has no covariance, and no second half.
FEWEST = 2


@DATA_SAMPLERS.register_module()
class DomainBalancedBatchSampler(PoolBatchSampler):
    """``n_source / J`` samples of each of J source domains, then ``n_target`` of the target, in every batch.

    Where J does not divide ``n_source``, the places that are left over go to the domains in turn. As
    :class:`PoolBatchSampler`: small domains cycle, and an epoch shows a part of the large ones, another in each. An
    epoch has as many batches as without balance. In a config::

        train_dataloader = dict(
            batch_size=16, sampler=dict(type='DefaultSampler', shuffle=True), drop_last=False, dataset=...,
            batch_sampler=dict(type='mmda_ext.DomainBalancedBatchSampler'))

    MMEngine hands over ``sampler`` and ``batch_size``.

    Args:
        sampler (DefaultSampler): MMEngine's sampler of the same loader.
        batch_size (int): The batch size of one process.
        n_source (int, optional): Source samples in each batch; by default all.
        n_target (int): Target samples in each batch.
        seed (int, optional): Instead of the sampler's seed.

    Raises:
        ValueError: If the numbers do not add up, a batch has no two places for each domain, or a domain has too few
            samples.
    """

    def __init__(self,
                 sampler: DefaultSampler,
                 batch_size: int,
                 n_source: int | None = None,
                 n_target: int = 0,
                 seed: int | None = None) -> None:
        self.n_source, self.n_target = batch_size - n_target if n_source is None else n_source, n_target
        if min(self.n_source, n_target) < 0 or self.n_source + n_target != batch_size:
            raise ValueError(f'n_source={self.n_source} and n_target={n_target} must add up to batch_size={batch_size}')
        domains = domains_of(sampler.dataset)
        self.num_domains = int(domains.max()) + 1
        pools = [(domains == index).nonzero()[:, 0] for index in range(self.num_domains)]
        target = [(domains < 0).nonzero()[:, 0]] if n_target else []
        num_source = sum(map(len, pools))
        self._check(batch_size, sampler.world_size, [*map(len, pools)], [*map(len, target)])
        super().__init__(sampler, batch_size, [*pools, *target],
                         num_source // sampler.world_size // self.n_source, seed)

    def counts_of(self, batch: int) -> Sequence[int]:
        """Each domain's even share; who gets one more moves on from batch to batch, process and epoch alike."""
        share, rest = divmod(self.n_source, self.num_domains)
        first = ((self.epoch * self.num_batches + batch) * self.world_size + self.rank) * rest
        more = {(first + place) % self.num_domains for place in range(rest)}
        own = [share + (index in more) for index in range(self.num_domains)]
        return [*own, self.n_target] if self.n_target else own

    def _check(self, batch_size: int, processes: int, sizes: Sequence[int], target: Sequence[int]) -> None:
        if not any(sizes):
            raise ValueError('the training data has no sample of a source domain to balance: name the sources in '
                             'train_dataloader.dataset.domains')
        if self.n_source < FEWEST * self.num_domains:
            raise ValueError(f'n_source={self.n_source} of train_dataloader.batch_size={batch_size} has no two places '
                             f'for each of {self.num_domains} source domains: {FEWEST * self.num_domains} are the '
                             'fewest')
        most = -(-self.n_source // self.num_domains)
        for name, size, count in [*((f'source domain {index}', size, most) for index, size in enumerate(sizes)),
                                  *(('the target', size, self.n_target) for size in target)]:
            if size // processes < count:
                raise ValueError(f'{count} samples of {name} in each batch of {processes} process(es) are '
                                 f'{count * processes}, the data set has {size}: lower train_dataloader.batch_size, or '
                                 'leave the domain out')
