"""Recognizers and their parts."""

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
from mmda_ext.models.objectives import (
    CorrelationAlignment,
    DomainAdversarial,
    InformationBottleneck,
    LocalClassification,
    LocalDomainAdversarial,
    Objective,
    VotingPseudoLabel,
)
from mmda_ext.models.recognizers import MultimodalRecognizer
from mmda_ext.models.sequence import LSTMEncoder, TextCNN
from mmda_ext.models.step import StepRecord

__all__ = [
    'AudioResNet', 'ClipPreprocessor', 'ConcatFusion', 'CorrelationAlignment', 'DomainAdversarial',
    'DomainDiscriminatorHead', 'FiLMFusion', 'FrameEncoder', 'Fusion', 'GatedFusion', 'InformationBottleneck',
    'LSTMEncoder', 'LocalClassification', 'LocalDomainAdversarial', 'MLPBackbone', 'MultimodalClsHead',
    'MultimodalDataPreprocessor', 'MultimodalHead', 'MultimodalRecognizer', 'Objective', 'PaddingPreprocessor',
    'PoolNeck', 'SequenceBackbone', 'SpeechEncoder', 'StepRecord', 'SumFusion',
    'TensorPreprocessor', 'TextCNN', 'TextEncoder', 'VotingPseudoLabel'
]
