"""Hooks: reproducible epochs, safe checkpoints, averaged teachers, a guard against NaN, the test of a run, pictures."""

from .averaged_teacher_hook import AveragedTeacherHook
from .epoch_seed_hook import EpochSeedHook
from .fitting_checkpoint_hook import FittingCheckpointHook
from .last_best_checkpoint_hook import LastBestCheckpointHook
from .stop_on_non_finite_hook import NonFiniteLossError, StopOnNonFiniteHook
from .test_best_hook import TestBestHook
from .visualization_hook import MultimodalVisualizationHook

__all__ = [
    'AveragedTeacherHook', 'EpochSeedHook', 'FittingCheckpointHook', 'LastBestCheckpointHook',
    'MultimodalVisualizationHook', 'NonFiniteLossError', 'StopOnNonFiniteHook', 'TestBestHook'
]
