"""Loaders that show the samples of a test in the order in which a method adapts to them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner

if TYPE_CHECKING:
    from mmda_ext.engine.test_time.base import TestTimeMethod


def stream_of(loader: Mapping[str, Any], dataset: Any, method: 'TestTimeMethod') -> Any:
    """A loader of all samples of a data set, domain by domain; see :class:`.TargetStreamBatchSampler`.

    Args:
        loader (Mapping): Config of the loader of the test.
        dataset (Dataset): Whose samples.
        method (TestTimeMethod): Says order, seed and batch size.
    """
    kept = {key: value for key, value in loader.items() if key not in ('sampler', 'batch_sampler', 'drop_last')}
    sampler = dict(type='mmda_ext.TargetStreamBatchSampler', order=method.order, seed=method.seed)
    return Runner.build_dataloader(
        {**kept, 'dataset': dataset, 'batch_size': method.batch_size, 'batch_sampler': sampler,
         'sampler': dict(type='DefaultSampler', shuffle=False)})
