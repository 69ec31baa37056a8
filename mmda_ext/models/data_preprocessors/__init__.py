"""Collating and normalising a batch."""

from mmda_ext.models.data_preprocessors.multimodal import (
    ClipPreprocessor,
    MultimodalDataPreprocessor,
    TensorPreprocessor,
)

__all__ = ['ClipPreprocessor', 'MultimodalDataPreprocessor', 'TensorPreprocessor']
