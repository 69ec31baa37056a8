"""Make the neutral form of IEMOCAP: cropped faces, sound, two tables (docs/emotion_data.md).

    python tools/data/prepare_iemocap.py /archives/IEMOCAP_full_release data/iemocap
    python tools/data/prepare_iemocap.py /archives/IEMOCAP_full_release data/iemocap --split session --seed 1
"""

import argparse
import sys

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.emotion.cli import add_arguments, run
from mmda_ext.datasets.emotion.iemocap_release import read_iemocap


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--keep-tags', action='store_true', help='leave [LAUGHTER] and the like in the texts')
    args = parser.parse_args(arguments)
    return run(args, lambda: read_iemocap(args.release, strip_tags=not args.keep_tags))


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
