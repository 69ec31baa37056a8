"""Hooks: reproducible epochs, safe checkpoints, guards of data and losses, one test, pictures, strategies by epoch."""

from .averaged_teacher_hook import AveragedTeacherHook
from .check_data_hook import CheckDataHook
from .diagnosing_relearning_hook import DiagnosingRelearningHook
from .epoch_seed_hook import EpochSeedHook
from .fitting_checkpoint_hook import FittingCheckpointHook
from .gradient_blending_hook import GradientBlendingHook
from .last_best_checkpoint_hook import LastBestCheckpointHook
from .stop_on_non_finite_hook import NonFiniteLossError, StopOnNonFiniteHook
from .test_best_hook import TestBestHook
from .visualization_hook import MultimodalVisualizationHook

__all__ = [
    'AveragedTeacherHook', 'CheckDataHook', 'DiagnosingRelearningHook', 'EpochSeedHook', 'FittingCheckpointHook',
    'GradientBlendingHook', 'LastBestCheckpointHook', 'MultimodalVisualizationHook', 'NonFiniteLossError',
    'StopOnNonFiniteHook', 'TestBestHook'
]
