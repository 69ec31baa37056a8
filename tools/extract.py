"""Write the features of a trained model to a file that trains by itself.

    python tools/extract.py work_dirs/run features.npz
    python tools/train.py configs/methods/gmp.py --dataset features.npz --target siteB

With a config instead of a folder, the checkpoint comes second: tools/extract.py CONFIG CHECKPOINT features.npz
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from mmda_ext.apis.compose import add_flags, choice_of
from mmda_ext.apis.one_line_errors import run_with_one_line_errors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', help='folder of a run, config, or name of a method')
    parser.add_argument('files', nargs='+', metavar='FILE', help='checkpoint, needed with a config; and the .npz file')
    parser.add_argument('--device', help='by default a GPU, where there is one')
    add_flags(parser)
    args = parser.parse_args(arguments)
    *checkpoint, out = args.files
    if len(checkpoint) > 1:
        parser.error(f'a checkpoint and a .npz file are needed after the run, found {" ".join(args.files)}')
    from mmda_ext.apis.feature_extraction import extract_features

    written = extract_features(args.run, *checkpoint, out=Path(out), device=args.device, progress=True,
                               **asdict(choice_of(args)))
    print(f'written: {written}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
