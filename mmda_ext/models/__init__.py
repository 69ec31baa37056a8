"""Recognizers and their parts."""

from mmda_ext import compat
from mmda_ext.models.adaptation import DomainDiscriminator
from mmda_ext.models.backbones import (
    AudioResNet,
    FrameEncoder,
    MLPBackbone,
    SequenceBackbone,
    SpeechEncoder,
    TextEncoder,
)
from mmda_ext.models.data_preprocessors import (
    ClipPreprocessor,
    MultimodalDataPreprocessor,
    PaddingPreprocessor,
    TensorPreprocessor,
)
from mmda_ext.models.fusions import ConcatFusion, FiLMFusion, Fusion, GatedFusion, SumFusion
from mmda_ext.models.heads import DomainDiscriminatorHead, MultimodalClsHead, MultimodalHead
from mmda_ext.models.necks import PoolNeck
from mmda_ext.models.objectives import Objective
from mmda_ext.models.recognizers import MultimodalRecognizer
from mmda_ext.models.sequence import LSTMEncoder, TextCNN
from mmda_ext.models.step import StepRecord
from mmda_ext.models.teacher import AveragedTeacher

__all__ = [
    'AudioResNet', 'AveragedTeacher', 'ClipPreprocessor', 'ConcatFusion', 'DomainDiscriminator',
    'DomainDiscriminatorHead', 'FiLMFusion', 'FrameEncoder', 'Fusion', 'GatedFusion', 'LSTMEncoder', 'MLPBackbone',
    'MultimodalClsHead', 'MultimodalDataPreprocessor', 'MultimodalHead', 'MultimodalRecognizer', 'Objective',
    'PaddingPreprocessor', 'PoolNeck', 'SequenceBackbone', 'SpeechEncoder', 'StepRecord', 'SumFusion',
    'TensorPreprocessor', 'TextCNN', 'TextEncoder'
]

# The order of modalities is part of a model, and a run writes its config down.
compat.keep_order_of_dumps()
