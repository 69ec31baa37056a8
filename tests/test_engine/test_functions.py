"""Functions that configs name by string."""

import random

import numpy as np
import pytest
import torch
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader, Dataset

from mmda_ext.engine.functions import seed_worker


class Draws(Dataset):
    """Each sample is one number from each generator of the worker."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()], dtype=torch.float64)


def epochs(seed, count=2):
    torch.manual_seed(seed)
    loader = DataLoader(Draws(), batch_size=1, num_workers=2, worker_init_fn=seed_worker)
    return torch.stack([torch.cat(list(loader)) for _ in range(count)])


def test_every_epoch_worker_and_generator_draws_anew():
    drawn = epochs(seed=1)
    assert len(drawn.unique()) == drawn.numel()


def test_same_seed_same_draws():
    assert torch.equal(epochs(seed=1), epochs(seed=1))
    assert not torch.equal(epochs(seed=1), epochs(seed=2))


@pytest.mark.parametrize('kwargs', [{}, {'num_workers': 2, 'rank': 1, 'seed': 3, 'disable_subprocess_warning': True}])
def test_is_found_by_name_and_takes_what_mmengine_passes(kwargs):
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        FUNCTIONS.get('mmda_ext.seed_worker')(0, **kwargs)
        draws.append(np.random.rand())
    assert draws[0] == draws[1]


def test_hidden_scalars_are_averaged_over_the_window():
    """A coefficient of one step says little; losses, which MMEngine averages, still are."""
    from mmda_ext.engine.log_processor import CompactLogProcessor
    pattern = CompactLogProcessor().mean_pattern
    for name in ('balance/k_video', 'loss_cls', 'grad_norm', 'time'):
        assert pattern.match(name)
    assert not pattern.match('lr')
