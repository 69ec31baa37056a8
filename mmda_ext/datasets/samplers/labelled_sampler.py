"""Batches with a fixed number of labelled samples, where most have no label."""

from collections.abc import Sequence

import torch
from mmengine.dataset import DefaultSampler

from mmda_ext.datasets.samplers.pools import PoolBatchSampler
from mmda_ext.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class LabelledBatchSampler(PoolBatchSampler):
    """``n_labelled`` samples with a label, then others without one, in every batch of every process.

    As :class:`PoolBatchSampler`: the few labelled samples cycle. An epoch has as many batches as it takes to show the
    unlabelled samples once. In a config::

        train_dataloader = dict(
            batch_size=32, sampler=dict(type='DefaultSampler', shuffle=True), drop_last=False, dataset=...,
            batch_sampler=dict(type='mmda_ext.LabelledBatchSampler'))

    MMEngine hands over ``sampler`` and ``batch_size``.

    Args:
        sampler (DefaultSampler): MMEngine's sampler of the same loader.
        batch_size (int): The batch size of one process.
        n_labelled (int, optional): Labelled samples in each batch, less than ``batch_size``; by default half.
        seed (int, optional): Instead of the sampler's seed.

    Raises:
        ValueError: If the numbers do not fit together, or there are too few samples of a kind.
    """

    def __init__(self, sampler: DefaultSampler, batch_size: int, n_labelled: int | None = None,
                 seed: int | None = None) -> None:
        own = (batch_size + 1) // 2 if n_labelled is None else n_labelled
        if not 1 <= own < batch_size:
            raise ValueError(f'n_labelled={own} must be at least 1 and less than train_dataloader.batch_size='
                             f'{batch_size}')
        self.counts = (own, batch_size - own)
        dataset = sampler.dataset
        labelled = torch.tensor(['gt_label' in dataset.get_data_info(index) for index in range(len(dataset))])
        pools = [labelled.nonzero()[:, 0], (~labelled).nonzero()[:, 0]]
        for kind, pool, count in zip(('with', 'without'), pools, self.counts):
            if len(pool) // sampler.world_size < count:
                raise ValueError(f'{count} samples {kind} a label in each batch of {sampler.world_size} process(es) '
                                 f'are {count * sampler.world_size}, the training data has {len(pool)}: change '
                                 'few_labels, train_dataloader.batch_size or batch_sampler.n_labelled')
        super().__init__(sampler, batch_size, pools, len(pools[1]) // sampler.world_size // self.counts[1], seed)

    def counts_of(self, batch: int) -> Sequence[int]:
        """The same in every batch."""
        return self.counts
