"""What a recognizer gets of one sample, modality by modality."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmda_ext.visualization.style import RC, WIDTH_INCHES, modality_colour, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Frames of a clip that are drawn, evenly from the first to the last.
FRAMES = 8


def plot_inputs(inputs: Mapping[str, Any], title: str, path: Path) -> Path:
    """Draw one row per modality: frames of clips, maps as images, vectors and waveforms as lines.

    Args:
        inputs (Mapping[str, Tensor]): Inputs of one sample as a pipeline returns them.
        title (str): Stands above the rows.
        path (Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    with mpl.rc_context({**RC, 'axes.grid': False}):
        figure = new_figure(WIDTH_INCHES, 0.4 + 1.8 * len(inputs))
        figure.suptitle(title)
        for axes, (name, value) in zip(figure.subplots(len(inputs), squeeze=False)[:, 0], inputs.items()):
            array = np.asarray(value)
            axes.set_title(f'{name} {tuple(array.shape)}', fontsize=9, loc='left')
            _draw(axes, array, modality_colour(name))
        return save(figure, path)


def _draw(axes: 'Axes', array: np.ndarray, colour: str) -> None:
    if array.ndim >= 4:
        axes.imshow(strip(array), cmap='gray', interpolation='nearest')
        axes.set_axis_off()
    elif array.squeeze().ndim == 2:
        axes.imshow(array.squeeze(), origin='lower', aspect='auto', cmap='magma')
    else:
        axes.plot(array.reshape(-1), color=colour, linewidth=0.8)


def strip(array: np.ndarray) -> np.ndarray:
    """Frames side by side of a clip ``(S, C, T, H, W)`` (its first view) or of images ``(T, C, H, W)``.

    Three channels are a picture ``(H, n * W, 3)``; of any other number the first is drawn, ``(H, n * W)``.
    """
    frames = array[0].transpose(1, 2, 3, 0) if array.ndim == 5 else array.transpose(0, 2, 3, 1)
    chosen = frames[np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)]
    chosen = chosen if chosen.shape[-1] == 3 else chosen[..., 0]
    return np.concatenate(list(chosen), axis=1)
