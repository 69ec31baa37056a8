"""Features of a run in the plane: t-SNE by class and by domain.

    mmda plot tsne work_dirs/gmp_ravdess_to-actors01-06

Validation samples of the sources and test samples of the target, 2000 of them at most. Writes tsne.png and tsne.svg
into the folder of the run, or what --out names.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mmda_ext.apis.one_line_errors import run_with_one_line_errors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=Path, help='folder of a run')
    parser.add_argument('--out', type=Path, help='PNG file')
    parser.add_argument('--modality', help='its features alone; by default those of all, joined')
    parser.add_argument('--seed', type=int, default=0, help='of t-SNE and of the choice of samples')
    args = parser.parse_args(arguments)
    from mmda_ext.apis.run_samples import run_samples
    from mmda_ext.choices import choose
    from mmda_ext.visualization.embedding_plot import embed, plot_embedding, some

    found = run_samples(args.run)
    names = [choose('--modality', args.modality, found.features)] if args.modality else list(found.features)
    rows = some(len(found.labels), args.seed)
    points = embed(np.concatenate([found.features[name][rows] for name in names], axis=1), args.seed)
    domains = [f'{name} (target)' if name in found.targets else name for name in found.domains[rows].tolist()]
    classes = [found.classes[label] for label in found.labels[rows].tolist()]
    title = f'{args.run.resolve().name}: features of {", ".join(names)}, {len(rows)} samples'
    path = plot_embedding(points, classes, domains, args.out or args.run / 'tsne.png', title)
    print(f'written: {path} and {path.with_suffix(".svg").name}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
