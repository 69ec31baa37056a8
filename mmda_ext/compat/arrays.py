"""MMAction2 under NumPy 2."""

from typing import Any


def fix_numpy_aliases() -> None:
    """MMAction2 uses names that NumPy 2 removed (``np.Inf`` and others); add those that are missing."""
    import numpy as np
    renamed = {'Inf': 'inf', 'NAN': 'nan', 'trapz': 'trapezoid', 'in1d': 'isin'}
    for old, new in renamed.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))


def fix_color_jitter() -> None:
    """``ColorJitter.adjust_hue`` adds a negative Python integer to uint8, which NumPy 2 refuses: half of the calls."""
    import numpy as np
    from mmaction.datasets.transforms.processing import ColorJitter
    try:
        ColorJitter.adjust_hue(np.zeros((1, 1, 3), dtype=np.float32), -0.05)
    except OverflowError:
        ColorJitter.adjust_hue = staticmethod(adjust_hue)


def adjust_hue(img: Any, factor: float) -> Any:
    """Shift the hue of an RGB image as ``ColorJitter`` does under NumPy 1.

    Args:
        img (np.ndarray): Image of shape ``(H, W, 3)`` with values from 0 to 255.
        factor (float): Shift in parts of the circle that OpenCV's 8-bit hue would span at 255 steps.

    Returns:
        np.ndarray: The shifted image, float32.
    """
    import cv2
    import numpy as np
    hsv = cv2.cvtColor(np.clip(img, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    offset = int(factor * 255)
    hue = hsv[..., 0].astype(np.int64) + offset
    # NumPy 1 kept uint8 for a non-negative offset, so the sum wrapped at 256 before the remainder.
    hsv[..., 0] = (hue % 256 if offset >= 0 else hue) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
