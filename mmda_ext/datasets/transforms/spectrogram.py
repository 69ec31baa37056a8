"""Spectrograms of a waveform, and their augmentation."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.registry import TRANSFORMS


def fix_length(wave: np.ndarray, num_samples: int) -> np.ndarray:
    """Cut a waveform, or repeat it until it is long enough.

    Args:
        wave (np.ndarray): Shape ``(n, )`` with ``n >= 1``.
        num_samples (int): Wanted length.

    Returns:
        np.ndarray: Shape ``(num_samples, )``.
    """
    if not len(wave):
        raise ValueError('a waveform of no samples cannot be repeated: LoadAudio never gives one')
    return np.resize(wave, num_samples)


def log_spectrogram(wave: np.ndarray, sample_rate: int, nperseg: int = 512, noverlap: int = 353) -> np.ndarray:
    r"""Normalised logarithm of the power spectral density.

    .. math:: L = \log(S + 10^{-7}), \quad Z = (L - \bar L) / (\sigma_L + 10^{-9})

    ``S`` is one-sided, from segments without their mean under a periodic Tukey window (:math:`\alpha` = .25). Computed
    in float64: in float32 rounding alone makes a map of ones out of silence.

    Args:
        wave (np.ndarray): Waveform in [-1, 1], shape ``(n, )``.
        sample_rate (int): Samples per second.
        nperseg (int): Samples in a segment.
        noverlap (int): Samples that neighbouring segments share.

    Returns:
        np.ndarray: float32, shape ``(nperseg // 2 + 1, frames)``; (257, 1004) for 10 s at 16 kHz.
    """
    from scipy.signal import spectrogram
    power = spectrogram(
        wave.astype(np.float64), sample_rate, window=('tukey', .25), nperseg=nperseg, noverlap=noverlap)[2]
    log = np.log(power + 1e-7)
    return ((log - log.mean()) / (log.std() + 1e-9)).astype(np.float32)


@TRANSFORMS.register_module()
class LogSpectrogram(BaseTransform):
    """Turn the waveform ``audios`` into a normalised log spectrogram ``(1, frequencies, frames)``.

    The published setting (Dong et al., *SimMMDG*, NeurIPS 2023) is the default: the first 10 s, shorter sound repeated,
    cut to [-1, 1], segments of 512 samples with 353 in common; (1, 257, 1004) at 16 kHz.

    Args:
        num_seconds (float): Length that the waveform is cut or repeated to.
        nperseg (int): Samples in a segment.
        noverlap (int): Samples that neighbouring segments share.
    """

    def __init__(self, num_seconds: float = 10., nperseg: int = 512, noverlap: int = 353) -> None:
        if not 0 <= noverlap < nperseg:
            raise ValueError(f'noverlap={noverlap} must be at least 0 and less than nperseg={nperseg}')
        self.num_seconds, self.nperseg, self.noverlap = num_seconds, nperseg, noverlap

    def transform(self, results: dict) -> dict:
        rate = results['sample_rate']
        wave = fix_length(results['audios'], round(self.num_seconds * rate)).clip(-1, 1)
        results['audios'] = log_spectrogram(wave, rate, self.nperseg, self.noverlap)[None]
        return results


@TRANSFORMS.register_module()
class MelSpectrogram(BaseTransform):
    """Turn the waveform ``audios`` into a log mel spectrogram ``(1, n_mels, frames)``, with librosa.

    Normalised to mean 0 and deviation 1 like :class:`LogSpectrogram`.

    Args:
        n_mels (int): Number of mel bands.
        n_fft (int): Samples in a segment.
        hop_length (int): Samples from one segment to the next.
        num_seconds (float): Length that the waveform is cut or repeated to.
    """

    def __init__(self, n_mels: int = 64, n_fft: int = 512, hop_length: int = 160, num_seconds: float = 10.) -> None:
        self.n_mels, self.n_fft, self.hop_length, self.num_seconds = n_mels, n_fft, hop_length, num_seconds

    def transform(self, results: dict) -> dict:
        try:
            import librosa
        except ImportError as error:
            raise ImportError('MelSpectrogram computes mel bands with librosa: run `pip install librosa`') from error
        rate = results['sample_rate']
        wave = fix_length(results['audios'], round(self.num_seconds * rate)).clip(-1, 1)
        mel = librosa.feature.melspectrogram(
            y=wave.astype(np.float64), sr=rate, n_fft=self.n_fft, hop_length=self.hop_length, n_mels=self.n_mels)
        log = np.log(mel + 1e-7)
        results['audios'] = ((log - log.mean()) / (log.std() + 1e-9)).astype(np.float32)[None]
        return results


@TRANSFORMS.register_module()
class SpectrogramAugment(BaseTransform):
    """Add uniform noise to a spectrogram, then blank one band of neighbouring frequencies. For training only.

    As published, the last possible position of the band is never drawn: rows 0 to 246 for 257 rows and a band of 9.

    Args:
        noise (float): Noise is uniform in ``[-noise, noise]``.
        band_rows (int): Rows of the band; 0: none.
    """

    def __init__(self, noise: float = .05, band_rows: int = 9) -> None:
        self.noise, self.band_rows = noise, band_rows

    def transform(self, results: dict) -> dict:
        audios = results['audios']
        rows = audios.shape[-2]
        if self.band_rows >= rows:
            raise ValueError(f'band_rows={self.band_rows} must be less than the {rows} rows of the spectrogram')
        audios = audios + np.random.uniform(-self.noise, self.noise, audios.shape).astype(np.float32)
        if self.band_rows:
            start = np.random.randint(rows - self.band_rows - 1) if rows > self.band_rows + 1 else 0
            audios[..., start:start + self.band_rows, :] = 0
        results['audios'] = audios
        return results
