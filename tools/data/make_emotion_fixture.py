"""Make a small fake release of IEMOCAP or MSP-IMPROV, to try the way from archive to training without the corpora.

    python tools/data/make_emotion_fixture.py iemocap data/fake/IEMOCAP_full_release
    python tools/data/make_emotion_fixture.py msp-improv data/fake/MSP-IMPROV --sessions 4 --turns 24 --no-quirks
"""

import argparse
import sys
import time
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.emotion.fixtures import make_fake_iemocap, make_fake_msp_improv

MAKERS = {'iemocap': (make_fake_iemocap, 5), 'msp-improv': (make_fake_msp_improv, 6)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('corpus', choices=tuple(MAKERS))
    parser.add_argument('root', type=Path, help='new folder')
    parser.add_argument('--sessions', type=int, default=2, help='1 to 5 (IEMOCAP) or 6 (2)')
    parser.add_argument('--turns', type=int, help='in each dialogue (8), or by session, speaker and scenario (6)')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes (0)')
    parser.add_argument('--no-quirks', action='store_true', help='without faults such as missing files')
    args = parser.parse_args(arguments)
    make, most = MAKERS[args.corpus]
    if not 1 <= args.sessions <= most or (args.turns is not None and args.turns < 1):
        parser.error(f'--sessions must be 1 to {most}, --turns at least 1')
    if args.root.is_dir() and any(args.root.iterdir()):
        parser.error(f'{args.root} has files: name an empty or a new folder')
    started = time.perf_counter()
    sizes = {} if args.turns is None else {'turns': args.turns}
    make(args.root, sessions=args.sessions, seed=args.seed, quirks=not args.no_quirks, **sizes)
    files = [path for path in args.root.rglob('*') if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f'{args.root}: {len(files)} files, {size:.1f} MB, {time.perf_counter() - started:.1f} s')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
