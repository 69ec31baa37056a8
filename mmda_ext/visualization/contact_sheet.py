"""A picture of an audio-visual data set: frames and spectrogram of one clip per class and domain."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmda_ext.visualization.style import RC, WIDTH_INCHES, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Clip:
    """A clip as the picture shows it."""

    frames: np.ndarray
    samples: np.ndarray
    rate: int


def read_clip(video: Path, audio: Path, frames: int = 4, stride: int = 8) -> Clip:
    """Read a few frames, RGB, ``(frames, H, W, 3)``, and the sound of a clip.

    Raises:
        OSError: If the video holds no frame.
    """
    import cv2
    import soundfile

    capture, pictures = cv2.VideoCapture(str(video)), []
    while True:
        good, picture = capture.read()
        if not good:
            break
        pictures.append(picture[..., ::-1])
    if not pictures:
        raise OSError(f'{video} is missing or cannot be decoded: make the data again or check the codec')
    chosen = [min(i * stride, len(pictures) - 1) for i in range(frames)]
    return Clip(np.stack([pictures[i] for i in chosen]), *soundfile.read(audio, dtype='float32'))


def first_clips(root: Path, domain: str) -> dict[int, str]:
    """Stem of the first training clip of each class of a domain in the HAC layout."""
    from mmda_ext.datasets.hac import read_list

    found: dict[int, str] = {}
    for _, stem, label in read_list(root / 'splits' / f'HAC_train_only_{domain}.csv'):
        found.setdefault(label, stem)
    return dict(sorted(found.items()))


def plot_contact_sheet(root: str | Path, domains: list[str], titles: list[str], path: str | Path) -> Path:
    """Draw one row per class and one column per domain.

    Args:
        root (str | Path): Data set in the HAC layout.
        domains (list[str]): Domains to show, left to right.
        titles (list[str]): What to call each class, by label.
        path (str | Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    root, stems = Path(root), {domain: first_clips(Path(root), domain) for domain in domains}
    labels = sorted(set().union(*stems.values()))
    with mpl.rc_context({**RC, 'axes.grid': False}):
        figure = new_figure(WIDTH_INCHES, 0.6 + 1.08 * len(labels), w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
        grid = figure.subplots(len(labels), 2 * len(domains), squeeze=False, width_ratios=[1.25, 1] * len(domains))
        for line, label in enumerate(labels):
            for column, domain in enumerate(domains):
                pair = grid[line, 2 * column : 2 * column + 2]
                _draw(pair, root / domain, stems[domain].get(label))
                last = line == len(labels) - 1
                _decorate(pair, domain if line == 0 else None, last and column == 0)
            grid[line, 0].set_ylabel(titles[label] if label < len(titles) else f'class {label}', fontsize=9)
        return save(figure, Path(path))


def _draw(pair: np.ndarray, folder: Path, stem: str | None) -> None:
    for axes in pair:
        axes.set_xticks([])
        axes.set_yticks([])
    if stem is None:
        return
    clip = read_clip(folder / 'videos' / f'{stem}.mp4', folder / 'audio' / f'{stem}.wav')
    pair[0].imshow(_mosaic(clip.frames), interpolation='nearest')
    _draw_spectrogram(pair[1], clip)


def _mosaic(frames: np.ndarray) -> np.ndarray:
    """Four frames, two by two, read like text, with a white line between them."""
    framed = np.pad(frames, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    rows = [np.concatenate(list(framed[i : i + 2]), axis=1) for i in (0, 2)]
    return np.concatenate(rows, axis=0)


def _draw_spectrogram(axes: 'Axes', clip: Clip) -> None:
    from scipy.signal import spectrogram

    hertz, seconds, power = spectrogram(clip.samples, clip.rate, nperseg=512, noverlap=353)
    extent = (0, len(clip.samples) / clip.rate, 0, hertz[-1] / 1000)
    log = np.log(power + 1e-7)
    low, high = np.percentile(log, (5, 99.7))
    axes.imshow(log, origin='lower', aspect='auto', extent=extent, cmap='magma', vmin=low, vmax=high)


def _decorate(pair: np.ndarray, title: str | None, corner: bool) -> None:
    if title:
        pair[0].set_title(f'{title}: frames')
        pair[1].set_title('sound')
    for axes in pair:
        axes.spines[:].set_visible(False)
    if corner:
        pair[1].yaxis.tick_right()
        pair[1].yaxis.set_label_position('right')
        pair[1].set_yticks([0, 4, 8])
        pair[1].set_xticks([0, 1])
        pair[1].tick_params(labelsize=8, pad=2, length=2)
        pair[1].set_xlabel('time (s)', fontsize=8, labelpad=1)
        pair[1].set_ylabel('kHz', fontsize=8, labelpad=1)
