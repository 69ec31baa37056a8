"""Recognizers and their parts."""

from mmda_ext.models.backbones import AudioResNet, MLPBackbone
from mmda_ext.models.data_preprocessors import ClipPreprocessor, MultimodalDataPreprocessor, TensorPreprocessor
from mmda_ext.models.fusions import ConcatFusion, FiLMFusion, Fusion, GatedFusion, SumFusion
from mmda_ext.models.heads import DomainDiscriminatorHead, MultimodalClsHead, MultimodalHead
from mmda_ext.models.necks import PoolNeck
from mmda_ext.models.objectives import DomainAdversarial, LocalClassification, LocalDomainAdversarial, Objective
from mmda_ext.models.recognizers import MultimodalRecognizer
from mmda_ext.models.step import StepRecord

__all__ = [
    'AudioResNet', 'ClipPreprocessor', 'ConcatFusion', 'DomainAdversarial', 'DomainDiscriminatorHead', 'FiLMFusion',
    'Fusion', 'GatedFusion', 'LocalClassification', 'LocalDomainAdversarial', 'MLPBackbone', 'MultimodalClsHead',
    'MultimodalDataPreprocessor', 'MultimodalHead', 'MultimodalRecognizer', 'Objective', 'PoolNeck', 'StepRecord',
    'SumFusion', 'TensorPreprocessor'
]
