"""Picture of robustness: accuracy against the severity of each corruption."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmda_ext.visualization.style import COLOURS, RC, new_figure, save

MARKERS = ('o', 's', '^')


def plot_corruption(result: Mapping[str, Any], path: str | Path) -> Path:
    """Draw one panel for each modality, and in it one line for each family and a thick one for their mean.

    Args:
        result (Mapping): What the protocol ``corruption`` found.
        path (str | Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    drawn = {name: own for name, own in result['modalities'].items() if own['families']}
    severities = [0, *result['severities']]
    with mpl.rc_context(RC):
        figure = new_figure(width=1.5 + 4.2 * len(drawn), height=4.6)
        for axes, (name, own) in zip(figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0], drawn.items()):
            for place, (family, one) in enumerate(own['families'].items()):
                axes.plot(severities, [result['clean'], *one['accuracy']], linewidth=1.2, markersize=4,
                          color=COLOURS[place % len(COLOURS)], label=family.replace('_', ' '),
                          marker=MARKERS[place // len(COLOURS) % len(MARKERS)])
            axes.plot(severities, [result['clean'], *own['accuracy']], color='#222222', linewidth=2.6, label='mean')
            axes.set_title(f'{name} ({own["kind"]})')
            axes.set_xticks(severities)
            axes.set_xlabel('severity of the corruption')
            axes.legend(loc='upper center', bbox_to_anchor=(.5, -.16), fontsize=8, ncols=3)
        figure.axes[0].set_ylabel('top-1 accuracy (%)')
        figure.axes[0].set_ylim(bottom=0)
        return save(figure, Path(path))
