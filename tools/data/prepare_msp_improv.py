"""Make the neutral form of MSP-IMPROV: cropped faces, sound, two tables (docs/emotion_data.md).

    python tools/data/prepare_msp_improv.py /archives/MSP-IMPROV data/msp-improv
    python tools/data/prepare_msp_improv.py /archives/MSP-IMPROV data/msp-all --scenarios P R S T --min-duration 0
"""

import argparse
import sys

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.emotion.cli import add_arguments, run
from mmda_ext.datasets.emotion.msp_improv_release import SCENARIOS, read_msp_improv


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--scenarios', nargs='+', choices=SCENARIOS, default=['S'],
                        help='P between takes, R read, S improvised, T target sentence improvised (S)')
    parser.add_argument('--min-duration', type=float, default=1., help='seconds; shorter turns are left out (1)')
    args = parser.parse_args(arguments)
    return run(args, lambda: read_msp_improv(args.release, args.scenarios, args.min_duration))


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
