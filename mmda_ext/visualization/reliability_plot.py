"""Picture of calibration: how often predictions of a confidence are right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmda_ext.visualization.style import COLOURS, RC, new_figure, save


def plot_reliability(result: Mapping[str, Any], path: str | Path) -> Path:
    """Draw the reliability diagram above the number of predictions of each confidence.

    Args:
        result (Mapping): What the trust protocol found: ``reliability``, ``predictors``.
        path (str | Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    bins, own = result['reliability'], result['predictors']['model']
    left, width = [one['low'] for one in bins], [one['high'] - one['low'] for one in bins]
    with mpl.rc_context(RC):
        figure = new_figure(width=5.2, height=6.0)
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.bar(left, [one['accuracy'] for one in bins], width, align='edge', color=COLOURS[0], edgecolor='white',
                label='right')
        top.plot([one['confidence'] for one in bins], [one['accuracy'] for one in bins], 'o', color='#222222',
                 markersize=4, label='mean confidence of the bin')
        top.plot([0, 1], [0, 1], color=COLOURS[1], linestyle='--', linewidth=1.4, label='calibrated')
        top.set(xlim=(0, 1), ylim=(0, 1), ylabel='share that is right')
        top.set_title(f'accuracy {own["accuracy"]:.1f} %, ECE {own["ece"]:.3f}, NLL {own["nll"]:.3f}')
        top.legend(loc='upper left')
        below.bar(left, [one['samples'] for one in bins], width, align='edge', color='#999999', edgecolor='white')
        below.set(xlabel='confidence', ylabel='predictions')
        return save(figure, Path(path))
