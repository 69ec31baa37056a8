"""Corrupt the samples of the target domain, each always in the same way."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.emotion.corruption import (
    IMAGENET_STD,
    add_noise,
    darken,
    darken_std,
    linear_snr,
    mask_words,
    sample_rng,
)
from mmda_ext.datasets.transforms.per_modality import get_modality
from mmda_ext.registry import TRANSFORMS

FACE_NOISES = ('snr', 'std')
MASK_MODES = ('exact', 'bernoulli')


class TargetCorruption(BaseTransform):
    """Change one key of one modality of samples with ``is_target``; every other sample passes as it is.

    What is drawn depends on ``seed``, domain, ``sample_id`` and modality alone: it is the same in every epoch, worker
    and run. A sample whose modality is empty stays as it is. Subclasses implement :meth:`corrupt`.

    Args:
        modality (str): Name of the modality.
        seed (int): Of the corruption; independent of the seed of training.
    """

    #: What is changed.
    key = ''

    def __init__(self, modality: str, seed: int = 0) -> None:
        self.modality, self.seed = modality, seed

    def transform(self, results: dict) -> dict:
        if not results['is_target']:
            return results
        entry = get_modality(results, self.modality, type(self).__name__)
        if not entry:
            return results
        if self.key not in entry:
            raise KeyError(f'{type(self).__name__}: modality {self.modality!r} of sample {results["sample_id"]!r} has '
                           f'no {self.key!r} but {sorted(entry)}: place it after the step that loads it')
        rng = sample_rng(self.seed, str(results['domain']), str(results['sample_id']), self.modality)
        # A new dict: the data set may keep the entry for the next epoch.
        results['modalities'][self.modality] = {**entry, self.key: self.corrupt(entry[self.key], rng)}
        return results

    def corrupt(self, data: Any, rng: np.random.Generator) -> Any:
        """Corrupted copy of the data."""
        raise NotImplementedError

    def __repr__(self) -> str:
        options = ', '.join(f'{name}={value!r}' for name, value in vars(self).items())
        return f'{type(self).__name__}({options})'


@TRANSFORMS.register_module()
class CorruptSpeech(TargetCorruption):
    """White noise on ``audios``, after ``LoadAudio``: :func:`mmda_ext.datasets.emotion.corruption.add_noise`.

    Args:
        modality (str): Name of the modality.
        snr (float): Signal to noise; the paper says 1.0 and no unit.
        snr_unit (str): ``'linear'``: ratio of powers; ``'db'``: decibels.
        clip (bool): Clip to [-1, 1] as a sound file would; the ratio is then no longer exact.
        seed (int): See :class:`TargetCorruption`.
    """

    key = 'audios'

    def __init__(self, modality: str = 'speech', snr: float = 1., snr_unit: str = 'linear', clip: bool = False,
                 seed: int = 0) -> None:
        super().__init__(modality, seed)
        self.ratio, self.clip = linear_snr(snr, snr_unit), clip

    def corrupt(self, data: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noisy = add_noise(data, self.ratio, rng, axes=tuple(range(data.ndim)))
        return np.clip(noisy, -1, 1) if self.clip else noisy


@TRANSFORMS.register_module()
class CorruptFaces(TargetCorruption):
    """Darkness and Gaussian noise on ``imgs``, after ``LoadFaces``.

    Args:
        modality (str): Name of the modality.
        brightness (float): Factor on [0, 1].
        noise (str): ``'snr'``: power of each dark frame over power of its noise is ``level``; ``'std'``: ``level`` is
            the deviation of the noise after ImageNet's normalisation.
        level (float): See ``noise``; the paper says 0.5.
        snr_unit (str): ``'linear'`` or ``'db'``, for ``noise='snr'``.
        clip (bool): Clip to [0, 1]. Pictures of type uint8 are always clipped, and rounded.
        std (tuple[float, ...]): Deviations that the normalisation divides by, on [0, 1], for ``noise='std'``.
        seed (int): See :class:`TargetCorruption`.
    """

    key = 'imgs'

    def __init__(self, modality: str = 'face', brightness: float = 0.2, noise: str = 'snr', level: float = 0.5,
                 snr_unit: str = 'linear', clip: bool = False, std: tuple[float, ...] = IMAGENET_STD,
                 seed: int = 0) -> None:
        super().__init__(modality, seed)
        if noise not in FACE_NOISES or brightness < 0:
            raise ValueError(f'CorruptFaces: noise={noise!r}, brightness={brightness!r}: noise must be one of '
                             f'{FACE_NOISES} and brightness not negative')
        self.brightness, self.noise, self.clip, self.std = brightness, noise, clip, tuple(std)
        self.level = linear_snr(level, snr_unit) if noise == 'snr' else level

    def corrupt(self, data: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        is_bytes = data.dtype == np.uint8
        frames = data / 255. if is_bytes else data
        if self.noise == 'snr':
            dark = darken(frames, self.brightness, rng, self.level)
        else:
            dark = darken_std(frames, self.brightness, rng, self.level, self.std)
        if self.clip or is_bytes:
            dark = np.clip(dark, 0, 1)
        return np.rint(dark * 255).astype(np.uint8) if is_bytes else dark


@TRANSFORMS.register_module()
class CorruptText(TargetCorruption):
    """Masked words in ``text``, before ``TokenizeText``.

    Args:
        modality (str): Name of the modality.
        fraction (float): Share of the words.
        mode (str): ``'exact'`` number of words, or ``'bernoulli'``: each word by itself.
        token (str): ``'MASK'`` is an ordinary word to a tokenizer; ``'[MASK]'`` is BERT's special token.
        seed (int): See :class:`TargetCorruption`.
    """

    key = 'text'

    def __init__(self, modality: str = 'text', fraction: float = 0.4, mode: str = 'exact', token: str = 'MASK',
                 seed: int = 0) -> None:
        super().__init__(modality, seed)
        if mode not in MASK_MODES or not 0 <= fraction <= 1:
            raise ValueError(f'CorruptText: mode={mode!r}, fraction={fraction!r}: mode must be one of {MASK_MODES} and '
                             'fraction between 0 and 1')
        self.fraction, self.mode, self.token = fraction, mode, token

    def corrupt(self, data: str, rng: np.random.Generator) -> str:
        return mask_words(data, self.fraction, rng, self.token, exact=self.mode == 'exact')
