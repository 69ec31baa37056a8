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
    PaddedDataPreprocessor,
    PaddingPreprocessor,
    TensorPreprocessor,
)
from mmda_ext.models.fusions import ConcatFusion, FiLMFusion, Fusion, GatedFusion, SumFusion
from mmda_ext.models.heads import DomainDiscriminatorHead, MultimodalClsHead, MultimodalHead
from mmda_ext.models.necks import PoolNeck
from mmda_ext.models.objectives import (
    CorrelationAlignment,
    CrossModalDistillation,
    CrossModalTranslation,
    DomainAdversarial,
    EntropyMinimization,
    EntropyWeightedClassification,
    FeatureSplitting,
    InformationBottleneck,
    LocalClassification,
    LocalDomainAdversarial,
    MultimodalJigsaw,
    Objective,
    RelativeNormAlignment,
    SupervisedContrastive,
    VotingPseudoLabel,
)
from mmda_ext.models.recognizers import MultimodalRecognizer
from mmda_ext.models.sequence import LSTMEncoder, TextCNN
from mmda_ext.models.step import StepRecord
from mmda_ext.models.teacher import AveragedTeacher

__all__ = [
    'AudioResNet', 'AveragedTeacher', 'ClipPreprocessor', 'ConcatFusion', 'CorrelationAlignment',
    'CrossModalDistillation', 'CrossModalTranslation', 'DomainAdversarial', 'DomainDiscriminatorHead',
    'EntropyMinimization', 'EntropyWeightedClassification', 'FeatureSplitting', 'FiLMFusion', 'FrameEncoder', 'Fusion',
    'GatedFusion', 'InformationBottleneck', 'LSTMEncoder', 'LocalClassification', 'LocalDomainAdversarial',
    'MLPBackbone', 'MultimodalClsHead', 'MultimodalDataPreprocessor', 'MultimodalHead', 'MultimodalJigsaw',
    'MultimodalRecognizer', 'Objective', 'PaddedDataPreprocessor', 'PaddingPreprocessor', 'PoolNeck',
    'RelativeNormAlignment', 'SequenceBackbone', 'SpeechEncoder', 'StepRecord', 'SumFusion', 'SupervisedContrastive',
    'TensorPreprocessor', 'TextCNN', 'TextEncoder', 'VotingPseudoLabel'
]
