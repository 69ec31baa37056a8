"""Corruptions of test samples, in families with five severities: pure functions, one file for each kind of data.

``KINDS['video'].corrupt(frames, 'fog', severity=3, key=sample_id)``; ``KINDS['video'].families`` names the families.
"""

from mmda_ext.datasets.corruptions import video_blur, video_digital, video_weather  # noqa: F401 (they add families)
from mmda_ext.datasets.corruptions.audio import SPECTROGRAM, WAVEFORM
from mmda_ext.datasets.corruptions.family import SEVERITIES, Facts, Kind, Statistics
from mmda_ext.datasets.corruptions.features import FEATURES
from mmda_ext.datasets.corruptions.text import TEXT
from mmda_ext.datasets.corruptions.video import VIDEO

KINDS: dict[str, Kind] = {kind.name: kind for kind in (VIDEO, WAVEFORM, SPECTROGRAM, TEXT, FEATURES)}

__all__ = ['KINDS', 'SEVERITIES', 'Facts', 'Kind', 'Statistics']
