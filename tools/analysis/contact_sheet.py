"""Picture of a data set in the HAC layout: frames and spectrogram of one clip per class and domain.

Example: python tools/analysis/contact_sheet.py data/demo/hac --out docs/images/demo_data.png
"""

import argparse
import json
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.visualization.contact_sheet import plot_contact_sheet


def class_titles(root: Path, given: list[str]) -> list[str]:
    """Names from the command line, or motion and sound of the classes when the folder is demo data."""
    marker = root / 'demo_data.json'
    if given or not marker.exists():
        return given
    return ['\n'.join(names) for names in json.loads(marker.read_text()).get('classes', [])]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder with splits/ and one folder per domain')
    parser.add_argument('--out', type=Path, default=Path('contact_sheet.png'))
    parser.add_argument('--domains', nargs='+', default=['human', 'animal', 'cartoon'])
    parser.add_argument('--classes', nargs='+', default=[], help='names of the classes, by label')
    args = parser.parse_args(arguments)
    try:
        print(plot_contact_sheet(args.root, args.domains, class_titles(args.root, args.classes), args.out))
    except (OSError, ValueError) as error:
        print(f'error: {error}; a demo set is made by tools/data/make_demo_data.py', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
