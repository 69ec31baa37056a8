"""One look for all pictures: sizes for a README, colours that colour-blind readers can tell apart."""

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Okabe and Ito's palette without yellow, which vanishes on white.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#555555')
MODALITY_COLOURS = {
    'fused': '#222222',
    'video': '#0072B2',
    'audio': '#D55E00',
    'flow': '#009E73',
    'text': '#CC79A7',
    'face': '#56B4E9',
    'image': '#56B4E9',
}
MARKS = 'osD^vPX'
WIDTH_INCHES, DPI = 10.0, 150

RC: dict[Any, Any] = {
    'font.size': 10,
    'axes.titlesize': 11,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': '#e4e4e4',
    'grid.linewidth': 0.8,
    'legend.frameon': False,
    'figure.facecolor': 'white',
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmda_ext',
}


def modality_colour(name: str) -> str:
    """Colour of a modality, the same in every panel and picture; an unknown one gets a colour from its name."""
    return MODALITY_COLOURS.get(name, COLOURS[zlib.crc32(name.encode()) % len(COLOURS)])


def colour_and_mark(index: int) -> tuple[str, str]:
    """Colour and mark of the line ``index``; lines of one colour have different marks."""
    return COLOURS[index % len(COLOURS)], MARKS[(index + index // len(COLOURS)) % len(MARKS)]


def new_figure(width: float = WIDTH_INCHES, height: float = 4.5, **spacing: Any) -> 'Figure':
    """Empty figure that needs no display; ``spacing`` is handed to the constrained layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(**spacing))
    FigureCanvasAgg(figure)
    return figure


def save(figure: 'Figure', path: Path) -> Path:
    """Write in the format of the name's ending (``.png``, or ``.jpg`` for photographs); whole or not at all.

    Beside a ``.png`` lies the same picture as ``.svg``, for print.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for file in (path, path.with_suffix('.svg')) if path.suffix == '.png' else (path, ):
        temporary = file.with_name(f'.{file.name}.part')
        figure.savefig(temporary, format=file.suffix.lstrip('.') or 'png', metadata=_same_bytes(file))
        os.replace(temporary, file)
    return path


def _same_bytes(file: Path) -> dict[str, Any] | None:
    """An SVG holds the time of its making, unless it is told not to."""
    return {'Date': None} if file.suffix == '.svg' else None
