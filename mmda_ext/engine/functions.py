"""Functions that configs name by string."""

import random

import numpy as np
import torch

from mmda_ext.registry import FUNCTIONS


@FUNCTIONS.register_module()
def seed_worker(worker_id: int,
                num_workers: int = 0,
                rank: int = 0,
                seed: int = 0,
                disable_subprocess_warning: bool = False) -> None:
    """Seed a data loader's worker from the number that torch gave it.

    MMEngine's own function seeds workers with a constant, so without persistent workers every epoch draws the same
    augmentations from Python and NumPy. torch draws a fresh base seed per epoch, which
    :class:`~mmda_ext.engine.hooks.EpochSeedHook` makes reproducible and different on each process. Use it as
    ``worker_init_fn=dict(type='mmda_ext.seed_worker')``.

    Args:
        worker_id (int): Position of the worker; contained in torch's seed already.
        num_workers (int): Unused, as are the rest; accepted because MMEngine's function takes them.
        rank (int): Unused.
        seed (int): Unused.
        disable_subprocess_warning (bool): Unused.
    """
    worker_seed = torch.initial_seed() % 2**32
    random.seed(worker_seed)
    np.random.seed(worker_seed)
