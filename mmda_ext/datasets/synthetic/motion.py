"""Pictures of the demo data: the class is how a shape moves, the domain is how everything looks."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from mmda_ext.datasets.synthetic.spec import LOOKS, NEUTRAL_LOOK, DemoSpec, Look, blend

#: One turn of a motion takes about this many frames: a clip of 16 frames, every second one, sees it whole.
FRAMES_PER_TURN = 26
_MARGIN = 6
_HUES = ((1, 0, 0), (1, 0.6, 0), (0.9, 1, 0), (0, 1, 0), (0, 1, 1), (0.1, 0.2, 1), (1, 0, 1))

Path = dict[str, np.ndarray]


def _path(
    x: float | np.ndarray = 0, y: float | np.ndarray = 0, size: float | np.ndarray = 1, **more: np.ndarray
) -> Path:
    return {'x': np.asarray(x), 'y': np.asarray(y), 'size': np.asarray(size), **more}


#: Class -> path over the phase (radians). No class turns into another one when the picture is flipped left to right.
MOTIONS: dict[str, Callable[[np.ndarray], Path]] = {
    'sway': lambda p: _path(x=1.25 * np.sin(p)),
    'bounce': lambda p: _path(y=np.sin(p)),
    'orbit': lambda p: _path(x=0.9 * np.cos(p), y=0.9 * np.sin(p)),
    'pulse': lambda p: _path(size=1.15 + 0.75 * np.sin(p)),
    'blink': lambda p: _path(gain=(np.sin(2 * p) > 0).astype(float)),
    'spin': lambda p: _path(size=1.3, angle=p / 2, aspect=np.asarray(3.0)),
    'fall': lambda p: _path(y=1.2 * ((p / np.pi) % 2 - 1)),
}


def motion_names(classes: int) -> list[str]:
    """Names of the motions of the first ``classes`` classes."""
    return list(MOTIONS)[:classes]


def _look(spec: DemoSpec, domain: int) -> Look:
    return Look(**blend(NEUTRAL_LOOK, LOOKS[domain], spec.video_gap))


def _texture(kind: str, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Pattern in [-1, 1] of shape ``(height, width)``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if kind == 'stripes':
        return np.sin((x + 0.3 * y) / rng.uniform(1.8, 3.0) + rng.uniform(0, 6))
    if kind == 'checker':
        cell = rng.uniform(6, 10)
        return np.sign(np.sin(np.pi * (x + rng.uniform(0, 9)) / cell) * np.sin(np.pi * (y + rng.uniform(0, 9)) / cell))
    clouds = gaussian_filter(rng.standard_normal((height, width)), 5)
    return clouds / np.abs(clouds).max()


def _background(spec: DemoSpec, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Still picture larger than a frame by the jitter margin, ``(H + 2 m, W + 2 m, 3)``."""
    height, width = spec.height + 2 * _MARGIN, spec.width + 2 * _MARGIN
    pattern = 0.12 * _texture(look.texture, height, width, rng)
    clutter = gaussian_filter(rng.standard_normal((height, width)), 2.5)
    pattern = pattern + spec.video_clutter * look.contrast * 0.35 * clutter / clutter.std() * rng.uniform(0.4, 1.0)
    level = look.level * rng.uniform(0.85, 1.15)
    return (level + pattern)[..., None] * np.asarray(look.tint)


def _distance(kind: str, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Distance from a shape's centre, in the norm whose unit ball is the shape."""
    if kind == 'square':
        return np.maximum(np.abs(dx), np.abs(dy))
    return np.abs(dx) + np.abs(dy) if kind == 'diamond' else np.hypot(dx, dy)


def _mask(spec: DemoSpec, look: Look, path: Path, rng: np.random.Generator) -> np.ndarray:
    """Opacity of the moving shape with its fading trail, ``(T, H, W)``."""
    reach, radius = 0.26 * spec.height, spec.height * rng.uniform(0.085, 0.125)
    y, x = np.mgrid[: spec.height, : spec.width].astype(np.float32)
    centre_x = spec.width / 2 + rng.uniform(-4, 4) + reach * np.broadcast_to(path['x'], spec.frames)
    centre_y = spec.height / 2 + rng.uniform(-4, 4) + reach * np.broadcast_to(path['y'], spec.frames)
    dx, dy = x - centre_x[:, None, None], y - centre_y[:, None, None]
    if 'angle' in path:
        cos, sin = np.cos(path['angle'])[:, None, None], np.sin(path['angle'])[:, None, None]
        dx, dy = dx * cos + dy * sin, (dy * cos - dx * sin) * path['aspect']
    size = radius * np.broadcast_to(path['size'], spec.frames)[:, None, None]
    mask = np.clip((size - _distance(look.shape, dx, dy)) / 1.5 + 0.5, 0, 1).astype(np.float32)
    mask *= np.broadcast_to(path.get('gain', 1.0), spec.frames)[:, None, None]
    for t in range(1, spec.frames):
        mask[t] = np.maximum(mask[t], look.trail * mask[t - 1])
    return mask


def _jittered(background: np.ndarray, spec: DemoSpec, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Background seen by a shaking camera, ``(T, H, W, 3)``."""
    steps = gaussian_filter(rng.standard_normal((spec.frames, 2)), (1.5, 0)) * look.jitter * 2
    corners = np.clip(np.rint(steps), -_MARGIN, _MARGIN).astype(int) + _MARGIN
    return np.stack([background[a : a + spec.height, b : b + spec.width] for a, b in corners])


def _lamp(spec: DemoSpec, label: int, domain: int, rng: np.random.Generator) -> np.ndarray:
    held = rng.random() < spec.video_shortcut
    return np.asarray(_HUES[spec.shortcut_slot(label, domain, held, rng)], dtype=np.float32)


def render_video(spec: DemoSpec, domain: int, label: int | None, rng: np.random.Generator) -> np.ndarray:
    """Draw one clip.

    Args:
        spec (DemoSpec): Knobs; its ``frames``, ``height`` and ``width`` give the size.
        domain (int): Position of the domain, 0 to 2.
        label (int | None): Class, or None for a stretch in which nothing moves.
        rng (np.random.Generator): Source of everything random.

    Returns:
        np.ndarray: RGB frames, uint8, ``(T, H, W, 3)``.
    """
    look = _look(spec, domain)
    frames = _jittered(_background(spec, look, rng), spec, look, rng)
    if label is not None:
        turn = FRAMES_PER_TURN * rng.uniform(0.85, 1.15)
        phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(spec.frames) / turn
        mask = _mask(spec, look, list(MOTIONS.values())[label](phase), rng)[..., None]
        colour = 1 - 0.35 * rng.random(3)
        sign = -1 if rng.random() < look.dark else 1
        frames = frames + sign * mask * look.contrast * colour * rng.uniform(0.4, 1.1)
        if spec.video_shortcut > 0:
            frames[:, 1:9, 1:9] = _lamp(spec, label, domain, rng)
    frames = frames + rng.normal(0, 0.015, frames.shape[:3])[..., None]
    return np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
