"""Collating and normalising a batch."""

from mmda_ext.models.data_preprocessors.multimodal import (
    ClipPreprocessor,
    MultimodalDataPreprocessor,
    TensorPreprocessor,
)
from mmda_ext.models.data_preprocessors.padding import PaddingPreprocessor

__all__ = ['ClipPreprocessor', 'MultimodalDataPreprocessor', 'PaddingPreprocessor', 'TensorPreprocessor']
