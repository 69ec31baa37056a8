"""From a sequence of features to one vector: ``(N, L, F)`` with lengths -> ``(N, D)``."""

from mmda_ext.models.sequence.lstm import LSTMEncoder
from mmda_ext.models.sequence.text_cnn import TextCNN

__all__ = ['LSTMEncoder', 'TextCNN']
