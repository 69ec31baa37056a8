"""Backbones that MMAction2 does not have; video and flow use its own."""

from mmda_ext.models.backbones.audio_resnet import AudioResNet
from mmda_ext.models.backbones.frame_encoder import FrameEncoder
from mmda_ext.models.backbones.hf_speech import SpeechEncoder
from mmda_ext.models.backbones.hf_text import TextEncoder
from mmda_ext.models.backbones.mlp import MLPBackbone
from mmda_ext.models.backbones.pretrained_sequence import SequenceBackbone

__all__ = ['AudioResNet', 'FrameEncoder', 'MLPBackbone', 'SequenceBackbone', 'SpeechEncoder', 'TextEncoder']
