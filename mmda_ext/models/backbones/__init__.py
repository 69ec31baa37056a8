"""Backbones that MMAction2 does not have; video and flow use its own."""

from mmda_ext.models.backbones.audio_resnet import AudioResNet
from mmda_ext.models.backbones.mlp import MLPBackbone

__all__ = ['AudioResNet', 'MLPBackbone']
