"""Recognizers and their parts."""

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
    PaddedDataPreprocessor,
    PaddingPreprocessor,
    TensorPreprocessor,
)
from mmda_ext.models.fusions import ConcatFusion, FiLMFusion, Fusion, GatedFusion, SumFusion
from mmda_ext.models.heads import DomainDiscriminatorHead, MultimodalClsHead, MultimodalHead
from mmda_ext.models.necks import PoolNeck
from mmda_ext.models.objectives import (
    CDAN,
    DADA2020,
    DADA2024,
    DALN,
    DANN,
    MADA,
    MDAN,
    AdaptationObjective,
    AdversarialObjective,
    ConditionalObjective,
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
    'AdaptationObjective', 'AdversarialObjective', 'AudioResNet', 'CDAN', 'ClipPreprocessor', 'ConcatFusion',
    'ConditionalObjective', 'CorrelationAlignment', 'DADA2020', 'DADA2024', 'DALN', 'DANN', 'DomainAdversarial',
    'DomainDiscriminator', 'DomainDiscriminatorHead', 'FiLMFusion', 'FrameEncoder', 'Fusion', 'GatedFusion',
    'InformationBottleneck', 'LSTMEncoder', 'LocalClassification', 'LocalDomainAdversarial', 'MADA', 'MDAN',
    'MLPBackbone', 'MultimodalClsHead', 'MultimodalDataPreprocessor', 'MultimodalHead', 'MultimodalRecognizer',
    'Objective', 'PaddedDataPreprocessor', 'PaddingPreprocessor', 'PoolNeck', 'SequenceBackbone', 'SpeechEncoder',
    'StepRecord', 'SumFusion', 'TensorPreprocessor', 'TextCNN', 'TextEncoder', 'VotingPseudoLabel'
]
