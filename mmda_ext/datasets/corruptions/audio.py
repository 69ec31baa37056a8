"""Sound: the waveform, or the spectrogram where there is no waveform.

A waveform is ``(n, )`` in [-1, 1], and what the families return is clipped to that. A spectrogram is ``(..., rows,
frames)`` on a logarithmic scale. Noise recorded elsewhere (wind, rain, traffic) is left out: it needs the recordings.
"""

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts, Kind

Rng = np.random.Generator

WAVEFORM = Kind('waveform', lambda wave, _: wave.astype(np.float64),
                lambda result, wave, _: np.clip(result, -1, 1).astype(wave.dtype))
SPECTROGRAM = Kind('spectrogram', lambda values, _: values.astype(np.float64),
                   lambda result, values, _: result.astype(values.dtype))


@WAVEFORM.family(.08, .12, .18, .26, .38)
def gaussian_noise(wave: np.ndarray, std: float, rng: Rng, _: Facts) -> np.ndarray:
    """``x + std N(0, 1)``, whatever the loudness (READ, Yang et al., ICLR 2024)."""
    return wave + std * rng.standard_normal(len(wave))


@WAVEFORM.family(20, 15, 10, 5, 0)
def pink_noise(wave: np.ndarray, snr_db: float, rng: Rng, _: Facts) -> np.ndarray:
    """Noise whose power falls with frequency, at exactly that ratio in dB; silence stays silent."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, len(wave))
    return wave + noise_gain(wave, noise, snr_db) * noise


def noise_gain(wave: np.ndarray, noise: np.ndarray, snr_db: float) -> float:
    r""":math:`\sqrt{P_x / (P_n 10^{s / 10})}`, by which noise must be multiplied; 0 for noise that is silent."""
    power = np.square(noise).mean()
    return float(np.sqrt(np.square(wave).mean() / (power * 10**(snr_db / 10)))) if power else 0.


@WAVEFORM.family(.98, .95, .9, .8, .6)
def clipping(wave: np.ndarray, quantile: float, rng: Rng, _: Facts) -> np.ndarray:
    """Cut to that quantile of the magnitudes, as an amplifier that is driven too far."""
    limit = np.quantile(np.abs(wave), quantile)
    return np.clip(wave, -limit, limit)


@WAVEFORM.family(.05, .1, .2, .3, .5)
def time_mask(wave: np.ndarray, share: float, rng: Rng, _: Facts) -> np.ndarray:
    """One block of that share of the length is silent."""
    wave[_block(len(wave), share, rng)] = 0
    return wave


@WAVEFORM.family(6000, 4000, 3000, 2000, 1000)
def low_pass(wave: np.ndarray, hertz: float, rng: Rng, facts: Facts) -> np.ndarray:
    """Butterworth's filter of order 4, forwards and backwards, so that nothing comes later.

    What the rate cannot hold is not there to be filtered.
    """
    from scipy.signal import butter, sosfiltfilt
    if hertz >= facts.sample_rate / 2:
        return wave
    sections = butter(4, hertz, fs=facts.sample_rate, output='sos')
    return sosfiltfilt(sections, wave, padlen=min(3 * (2 * len(sections) + 1), len(wave) - 1))


@WAVEFORM.family(-6, -12, -18, -24, -30)
def gain(wave: np.ndarray, db: float, rng: Rng, _: Facts) -> np.ndarray:
    """Quieter by so many dB; a spectrogram that is standardised for each clip takes this out again."""
    return wave * 10**(db / 20)


@SPECTROGRAM.family(.25, .5, 1, 1.5, 2)
def map_noise(values: np.ndarray, strength: float, rng: Rng, _: Facts) -> np.ndarray:
    """``x + k std(x) N(0, 1)``."""
    return values + strength * values.std() * rng.standard_normal(values.shape)


@SPECTROGRAM.family(.05, .1, .2, .3, .5)
def frame_mask(values: np.ndarray, share: float, rng: Rng, _: Facts) -> np.ndarray:
    """One block of that share of the frames is as quiet as the quietest value."""
    values[..., _block(values.shape[-1], share, rng)] = values.min()
    return values


@SPECTROGRAM.family(.05, .1, .2, .3, .5)
def band_mask(values: np.ndarray, share: float, rng: Rng, _: Facts) -> np.ndarray:
    """One block of that share of the rows is as quiet as the quietest value."""
    values[..., _block(values.shape[-2], share, rng), :] = values.min()
    return values


def _block(length: int, share: float, rng: Rng) -> slice:
    """Place of a block of ``round(share * length)``, at least one; never all of it."""
    size = min(max(1, round(share * length)), max(length - 1, 0))
    start = int(rng.integers(length - size + 1))
    return slice(start, start + size)
