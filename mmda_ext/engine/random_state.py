"""Random numbers of an epoch, and work on the side that must not change them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dist import get_rank


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Put the generators of Python, NumPy and torch (CPU and the current GPU) back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def random_state() -> tuple:
    """States of the generators of Python, NumPy and torch (CPU and the current GPU)."""
    device = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), device


@contextmanager
def replayed(state: tuple) -> Iterator[None]:
    """Inside, the random numbers that followed :func:`random_state`; afterwards those that were to come."""
    python, numpy, host, device = state
    with preserved_random_state():
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(host)
        if device is not None:
            torch.cuda.set_rng_state(device)
        yield


def seed_epoch(seed: int | None, epoch: int) -> None:
    """Seed Python, NumPy and torch from (seed, epoch, rank)."""
    value = epoch_seed(seed or 0, epoch, get_rank())
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Mix three small numbers into 32 bits, so that neighbouring epochs and ranks share no stream."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])
