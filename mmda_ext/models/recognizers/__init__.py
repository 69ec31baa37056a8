"""Recognizers of this package."""

from mmda_ext.models.recognizers.multimodal_recognizer import MultimodalRecognizer

__all__ = ['MultimodalRecognizer']
