"""Hooks: reproducible epochs, safe checkpoints, a guard against non-finite losses, the one test of a run, pictures."""

from .epoch_seed_hook import EpochSeedHook
from .fitting_checkpoint_hook import FittingCheckpointHook
from .last_best_checkpoint_hook import LastBestCheckpointHook
from .stop_on_non_finite_hook import NonFiniteLossError, StopOnNonFiniteHook
from .test_best_hook import TestBestHook
from .visualization_hook import MultimodalVisualizationHook

__all__ = [
    'EpochSeedHook', 'FittingCheckpointHook', 'LastBestCheckpointHook', 'MultimodalVisualizationHook',
    'NonFiniteLossError', 'StopOnNonFiniteHook', 'TestBestHook'
]
