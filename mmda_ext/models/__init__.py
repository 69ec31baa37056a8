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
    A3D2,
    DANN,
    JAN,
    JDDA,
    MKMMD,
    PCL,
    AdaptationObjective,
    AdversarialObjective,
    Amanda,
    BatchObjective,
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
from mmda_ext.models.views import AudioView, FeatureView, TokenView, VideoView, View

__all__ = [
    'A3D2', 'AdaptationObjective', 'AdversarialObjective', 'Amanda', 'AudioResNet', 'AudioView', 'BatchObjective',
    'ClipPreprocessor', 'ConcatFusion', 'ConditionalObjective', 'CorrelationAlignment', 'DANN', 'DomainAdversarial',
    'DomainDiscriminator', 'DomainDiscriminatorHead', 'FeatureView', 'FiLMFusion', 'FrameEncoder', 'Fusion',
    'GatedFusion', 'InformationBottleneck', 'JAN', 'JDDA', 'LSTMEncoder', 'LocalClassification',
    'LocalDomainAdversarial', 'MKMMD', 'MLPBackbone', 'MultimodalClsHead', 'MultimodalDataPreprocessor',
    'MultimodalHead', 'MultimodalRecognizer', 'Objective', 'PCL', 'PaddedDataPreprocessor', 'PaddingPreprocessor',
    'PoolNeck', 'SequenceBackbone', 'SpeechEncoder', 'StepRecord', 'SumFusion', 'TensorPreprocessor', 'TextCNN',
    'TextEncoder', 'TokenView', 'VideoView', 'View', 'VotingPseudoLabel'
]
