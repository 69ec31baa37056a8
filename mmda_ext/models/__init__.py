"""Recognizers and their parts."""

from mmda_ext.compat import allow_mmengine_checkpoints, ignore_configs_in_checkpoints
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
from mmda_ext.models.fusions import ConcatFusion, CosineFusion, FiLMFusion, Fusion, GatedFusion, SumFusion
from mmda_ext.models.heads import DomainDiscriminatorHead, MultimodalClsHead, MultimodalHead
from mmda_ext.models.mixing import Mixup
from mmda_ext.models.modality_dropout import ModalityDropout
from mmda_ext.models.necks import PoolNeck
from mmda_ext.models.objectives import Objective
from mmda_ext.models.recognizers import MultimodalRecognizer
from mmda_ext.models.sequence import LSTMEncoder, TextCNN
from mmda_ext.models.step import Predictions, Step, StepRecord, Terms
from mmda_ext.models.teacher import AveragedTeacher

# Every part may name a checkpoint in `init_cfg` or `pretrained`.
allow_mmengine_checkpoints()
ignore_configs_in_checkpoints()

__all__ = [
    'AudioResNet', 'AveragedTeacher', 'ClipPreprocessor', 'ConcatFusion', 'CosineFusion', 'DomainDiscriminator',
    'DomainDiscriminatorHead', 'FiLMFusion', 'FrameEncoder', 'Fusion', 'GatedFusion', 'LSTMEncoder', 'MLPBackbone',
    'Mixup', 'ModalityDropout', 'MultimodalClsHead', 'MultimodalDataPreprocessor', 'MultimodalHead',
    'MultimodalRecognizer', 'Objective', 'PaddingPreprocessor', 'PoolNeck', 'Predictions', 'SequenceBackbone',
    'SpeechEncoder', 'Step', 'StepRecord', 'SumFusion', 'TensorPreprocessor', 'Terms', 'TextCNN', 'TextEncoder'
]

# Who builds a model may load its checkpoint next, with MMAction2's init_recognizer too.
allow_mmengine_checkpoints()
