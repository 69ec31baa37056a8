"""Transforms beside MMAction2's: several modalities, sound, flow, packing."""

from mmda_ext.datasets.transforms.audio import LoadAudio
from mmda_ext.datasets.transforms.corruption import CorruptFaces, CorruptSpeech, CorruptText
from mmda_ext.datasets.transforms.faces import LoadFaces
from mmda_ext.datasets.transforms.flow import DecodeFlow, FlipFlow, OpenFlow
from mmda_ext.datasets.transforms.frames import DecodeFrames
from mmda_ext.datasets.transforms.packing import PackMultimodalInputs
from mmda_ext.datasets.transforms.per_modality import PerModality
from mmda_ext.datasets.transforms.sampling import AlignAudio, SampleAlignedClips
from mmda_ext.datasets.transforms.spectrogram import LogSpectrogram, MelSpectrogram, SpectrogramAugment
from mmda_ext.datasets.transforms.text import TokenizeText
from mmda_ext.datasets.transforms.video import DecodeVideo, OpenVideo

__all__ = [
    'AlignAudio', 'CorruptFaces', 'CorruptSpeech', 'CorruptText', 'DecodeFlow', 'DecodeFrames', 'DecodeVideo',
    'FlipFlow', 'LoadAudio', 'LoadFaces', 'LogSpectrogram', 'MelSpectrogram', 'OpenFlow', 'OpenVideo',
    'PackMultimodalInputs', 'PerModality', 'SampleAlignedClips', 'SpectrogramAugment', 'TokenizeText'
]
