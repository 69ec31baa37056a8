"""Sounds of the demo data: the class is a rhythm or a melody, the domain is noise, room and pitch."""

from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from mmda_ext.datasets.synthetic.spec import ACOUSTICS, NEUTRAL_ACOUSTICS, Acoustics, DemoSpec, blend

BASE_HZ = 620.0
#: Whistles lie above the classes' sounds, 16 rows of a 512-point spectrogram apart.
WHISTLE_HZ, WHISTLE_STEP_HZ = 4200.0, 500.0
WHISTLE_LEVEL = 0.10

#: A score gives, for times in seconds, the frequency relative to the base and the loudness.
Score = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _saw(t: np.ndarray, rate: float) -> np.ndarray:
    return (t * rate) % 1.0


def _gate(t: np.ndarray, rate: float, share: float) -> np.ndarray:
    """Rounded on-off pattern: on for ``share`` of every period."""
    position = _saw(t, rate)
    return np.clip(8 * position, 0, 1) * np.clip(8 * (share - position), 0, 1)


#: Class -> score. Tonal except for ticks and bursts, whose frequency is 0: noise takes the tone's place.
SCORES: dict[str, Score] = {
    'rising': lambda t: (1 + 1.6 * _saw(t, 2.5), _gate(t, 2.5, 0.95)),
    'falling': lambda t: (2.6 - 1.6 * _saw(t, 2.5), _gate(t, 2.5, 0.95)),
    'ticks': lambda t: (np.zeros_like(t), _gate(t, 8.0, 0.2) * 4),
    'alternating': lambda t: (np.where(_saw(t, 2.2) < 0.5, 1.0, 1.9), _gate(t, 4.4, 0.95)),
    'drone': lambda t: (np.full_like(t, 1.4), 0.75 + 0.25 * np.sin(2 * np.pi * 1.3 * t)),
    'bursts': lambda t: (np.zeros_like(t), _gate(t, 2.0, 0.5) * 1.5),
    'vibrato': lambda t: (1.6 + 0.4 * np.sin(2 * np.pi * 6 * t), np.ones_like(t)),
}


def sound_names(classes: int) -> list[str]:
    """Names of the sounds of the first ``classes`` classes."""
    return list(SCORES)[:classes]


def _acoustics(spec: DemoSpec, domain: int) -> Acoustics:
    return Acoustics(**blend(NEUTRAL_ACOUSTICS, ACOUSTICS[domain], spec.audio_gap))


def _voice(score: Score, place: Acoustics, time: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The class's sound, about unit loudness; the phase is the integral of the frequency."""
    ratio, loudness = score(time + rng.uniform(0, 1))
    if not ratio.any():
        return loudness * rng.standard_normal(len(time)) * 0.5
    hertz = BASE_HZ * place.pitch * rng.uniform(0.93, 1.07) * ratio
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    tones = sum(level * np.sin((k + 1) * phase) for k, level in enumerate(place.partials))
    return loudness * tones


def _noise(colour: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    r"""Noise with a power spectrum of :math:`f^{-colour}`, unit variance."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum *= np.maximum(np.arange(len(spectrum)), samples // 200 + 1) ** (-colour / 2)
    noise = np.fft.irfft(spectrum, samples)
    return noise / noise.std()


def _reverberate(signal: np.ndarray, place: Acoustics, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Add an exponentially dying tail of the room."""
    length = max(1, int(rate * 3 * place.decay))
    tail = rng.standard_normal(length) * np.exp(-np.arange(length) / (rate * place.decay))
    tail *= place.reverb / np.linalg.norm(tail)
    return signal + fftconvolve(signal, tail)[: len(signal)]


def render_sound(
    spec: DemoSpec, domain: int, label: int | None, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """Make the sound of one clip.

    Args:
        spec (DemoSpec): Knobs.
        domain (int): Position of the domain, 0 to 2.
        label (int | None): Class, or None for the noise of the place alone.
        seconds (float): Length.
        rng (np.random.Generator): Source of everything random.

    Returns:
        np.ndarray: Mono samples, int16, ``(round(seconds * sample_rate), )``.
    """
    place, samples = _acoustics(spec, domain), round(seconds * spec.sample_rate)
    time = np.arange(samples) / spec.sample_rate
    signal = np.zeros(samples)
    if label is not None:
        voice = _voice(list(SCORES.values())[label], place, time, spec.sample_rate, rng)
        signal = _reverberate(voice, place, spec.sample_rate, rng) * rng.uniform(0.35, 1.0)
        slot = spec.shortcut_slot(label, domain, rng.random() < spec.shortcut, rng)
        hertz = (WHISTLE_HZ + WHISTLE_STEP_HZ * slot) * rng.uniform(0.99, 1.01)
        if spec.shortcut > 0:
            signal = signal + WHISTLE_LEVEL * np.sin(2 * np.pi * hertz * time)
    signal = signal + (spec.audio_noise + place.noise) * _noise(place.colour, samples, rng) * rng.uniform(0.7, 1.3)
    return np.rint(np.clip(signal * 0.2, -1, 1) * 32767).astype(np.int16)
