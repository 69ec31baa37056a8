"""The knobs of the demo data set and the looks and acoustics of its domains."""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

#: Raised whenever the generator would write other bytes for the same knobs.
GENERATOR_VERSION = 1
MAX_CLASSES = 7
DOMAINS = {'hac': ('human', 'animal', 'cartoon'), 'epic': ('D1', 'D2', 'D3')}
_SIZES = {
    'hac': {'train_per_class': 16, 'test_per_class': 8, 'frames': 42, 'fps': 24},
    'epic': {'train_per_class': 4, 'test_per_class': 2, 'frames': 48, 'fps': 60},
}


@dataclass(frozen=True)
class DemoSpec:
    """Everything that decides the bytes of one demo data set.

    Args:
        layout (str): On-disk layout, ``'hac'`` (clips) or ``'epic'`` (long videos with segments).
        classes (int): Number of classes, 3 to 7.
        train_per_class (int): Training clips per class and domain.
        test_per_class (int): Test clips per class and domain.
        frames (int): Frames per clip or segment, at least 32.
        fps (int): Frames per second; the EPIC layout is bound to 60.
        width (int): Frame width in pixels, even.
        height (int): Frame height in pixels, even.
        sample_rate (int): Audio samples per second.
        shortcut (float): Probability that the whistle of a clip follows its class by the rule of the clip's domain.
        video_shortcut (float): The same for the colour of a lamp in the picture's corner; 0 draws no lamp.
        video_gap (float): How far apart the looks of the domains are; 0 = alike, 1 = as in ``LOOKS``.
        audio_gap (float): How far apart the acoustics of the domains are; 0 = alike, 1 = as in ``ACOUSTICS``.
        video_clutter (float): Contrast of what hides the moving shape, relative to the shape.
        audio_noise (float): Noise of every clip, relative to the class's sound (amplitudes).
        flow (bool): Whether optical flow is written too.
        seed (int): Same seed and same libraries, same bytes.

    Raises:
        ValueError: If a value is outside of its range.
    """

    layout: str = 'hac'
    classes: int = 5
    train_per_class: int = 16
    test_per_class: int = 8
    frames: int = 42
    fps: int = 24
    width: int = 80
    height: int = 64
    sample_rate: int = 16000
    shortcut: float = 0.9
    video_shortcut: float = 0.0
    video_gap: float = 0.7
    audio_gap: float = 0.9
    video_clutter: float = 0.6
    audio_noise: float = 0.5
    flow: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self._check('layout', self.layout in DOMAINS, f'one of {sorted(DOMAINS)}')
        self._check('classes', 3 <= self.classes <= MAX_CLASSES, f'3 to {MAX_CLASSES}')
        self._check('frames', self.frames >= 32, 'at least 32')
        self._check('fps', self.layout != 'epic' or self.fps == 60, '60 in the EPIC layout')
        for key in ('train_per_class', 'test_per_class', 'fps', 'sample_rate'):
            self._check(key, getattr(self, key) >= 1, 'at least 1')
        for key in ('width', 'height'):
            self._check(key, getattr(self, key) >= 32 and getattr(self, key) % 2 == 0, 'even and at least 32')
        for key in ('shortcut', 'video_shortcut', 'video_gap', 'audio_gap'):
            self._check(key, 0 <= getattr(self, key) <= 1, '0 to 1')
        for key in ('video_clutter', 'audio_noise'):
            self._check(key, getattr(self, key) >= 0, 'not negative')

    def _check(self, key: str, good: bool, allowed: str) -> None:
        if not good:
            raise ValueError(f'DemoSpec.{key}={getattr(self, key)!r}: allowed is {allowed}')

    @classmethod
    def for_layout(cls, layout: str, **knobs: Any) -> 'DemoSpec':
        """Spec with the default sizes of a layout; ``knobs`` that are None keep their default."""
        given = {key: value for key, value in knobs.items() if value is not None}
        return cls(layout=layout, **{**_SIZES.get(layout, {}), **given})

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the three domains in the layout's order."""
        return DOMAINS[self.layout]

    @property
    def digest(self) -> str:
        """Fingerprint of the knobs and of the generator's version."""
        text = json.dumps({'version': GENERATOR_VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def rng(self, *names: object) -> np.random.Generator:
        """Generator that depends on the seed and on the names only, never on the order of the work."""
        return np.random.default_rng([self.seed, zlib.crc32('/'.join(map(str, names)).encode())])

    def shortcut_slot(self, label: int, domain: int, held: bool, rng: np.random.Generator) -> int:
        r"""Value of the shortcut cue of a clip.

        .. math:: s = (y + d) \bmod C

        with probability given by ``held``, else uniform. The rule differs between any two domains for every class: on
        two sources the cue narrows the class down to one (domain known) or two candidates; on the third domain the
        true class is never among them.
        """
        return (label + domain) % self.classes if held else int(rng.integers(self.classes))


@dataclass(frozen=True)
class Look:
    """What a domain looks like: colours in 0-1, lengths in pixels.

    ``trail`` is what is left of the shape's trail after a frame, ``dark`` the share of clips in which the shape is
    darker than what surrounds it.
    """

    texture: str
    shape: str
    level: float
    tint: tuple[float, float, float]
    contrast: float
    trail: float
    jitter: float
    dark: float


@dataclass(frozen=True)
class Acoustics:
    """What a domain sounds like: noise relative to the class's sound, decay in seconds, pitch as a factor."""

    noise: float
    colour: float
    reverb: float
    decay: float
    pitch: float
    partials: tuple[float, ...] = field(default=(1.0,))


LOOKS = (
    Look('clouds', 'disc', 0.50, (1.15, 1.0, 0.8), 0.60, 0.75, 0.0, 0.35),
    Look('stripes', 'square', 0.40, (0.8, 1.15, 0.85), 0.60, 0.55, 1.5, 0.1),
    Look('checker', 'diamond', 0.48, (0.85, 0.95, 1.2), 0.60, 0.90, 0.7, 0.1),
)
NEUTRAL_LOOK = Look('clouds', 'disc', 0.40, (1.0, 1.0, 1.0), 0.60, 0.75, 0.5, 0.2)

ACOUSTICS = (
    Acoustics(0.0, 0.0, 0.1, 0.05, 1.0, (1.0, 0.5, 0.25)),
    Acoustics(0.3, 1.0, 0.0, 0.05, 1.35, (1.0,)),
    Acoustics(0.15, -0.5, 0.6, 0.25, 0.76, (1.0, 0.0, 0.5)),
)
NEUTRAL_ACOUSTICS = Acoustics(0.1, 0.0, 0.1, 0.05, 1.0, (1.0, 0.4))


def blend(neutral: Any, extreme: Any, gap: float) -> dict[str, Any]:
    """Fields between a neutral and an extreme style; names switch over as soon as the gap is not zero."""
    mixed: dict[str, Any] = {}
    for key, end in vars(extreme).items():
        start = vars(neutral)[key]
        if isinstance(end, float):
            mixed[key] = start + gap * (end - start)
        elif isinstance(end, tuple) and len(end) == len(start):
            mixed[key] = tuple(a + gap * (b - a) for a, b in zip(start, end))
        else:
            mixed[key] = end if gap > 0 else start
    return mixed
