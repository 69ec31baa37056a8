"""Make the demo data set: small clips and sounds in the layouts of HAC and EPIC-Kitchens.

Example: python tools/data/make_demo_data.py --root data/demo
"""

import argparse
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.synthetic import DemoSpec, make_demo_data

_DEFAULT = DemoSpec()
_INTEGERS = {
    'classes': 'classes, 3 to 7',
    'train-per-class': 'training clips per class and domain (hac 16, epic 4)',
    'test-per-class': 'test clips per class and domain (hac 8, epic 2)',
    'frames': 'frames per clip (hac 42 at 24/s, epic 48 at 60/s)',
    'width': f'pixels ({_DEFAULT.width})',
    'height': f'pixels ({_DEFAULT.height})',
    'seed': f'same seed, same bytes ({_DEFAULT.seed})',
}
_FLOATS = {
    'shortcut': f'probability that the whistle follows the class by the rule of its domain ({_DEFAULT.shortcut})',
    'video-shortcut': f'the same for a coloured lamp in the picture ({_DEFAULT.video_shortcut})',
    'video-gap': f'how far apart the looks of the domains are, 0 to 1 ({_DEFAULT.video_gap})',
    'audio-gap': f'how far apart the acoustics are, 0 to 1 ({_DEFAULT.audio_gap})',
    'video-clutter': f'what hides the moving shape ({_DEFAULT.video_clutter})',
    'audio-noise': f'noise relative to the sound ({_DEFAULT.audio_noise})',
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', type=Path, default=Path('data/demo'), help='folder; each layout is a sub-folder')
    parser.add_argument('--layouts', nargs='+', choices=('hac', 'epic'), default=['hac', 'epic'])
    for name, text in _INTEGERS.items():
        parser.add_argument(f'--{name}', type=int, help=text)
    for name, text in _FLOATS.items():
        parser.add_argument(f'--{name}', type=float, help=text)
    parser.add_argument('--flow', action='store_true', help='write optical flow too')
    parser.add_argument('--workers', type=int, default=min(4, os.cpu_count() or 1))
    return parser.parse_args(arguments)


def spec_of(args: argparse.Namespace, layout: str) -> DemoSpec:
    knobs = {name.replace('-', '_'): getattr(args, name.replace('-', '_')) for name in (*_INTEGERS, *_FLOATS)}
    return DemoSpec.for_layout(layout, flow=args.flow, **knobs)


def make(root: Path, spec: DemoSpec, workers: int, console: Console) -> None:
    started = time.perf_counter()
    counts = (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    columns = (TextColumn('{task.description}'), BarColumn(), *counts)
    with Progress(*columns, console=console, disable=not console.file.isatty()) as bar:
        task = bar.add_task(str(root), total=None)
        new = make_demo_data(root, spec, workers, lambda done, total: bar.update(task, completed=done, total=total))
    megabytes = sum(path.stat().st_size for path in root.rglob('*') if path.is_file()) / 1e6
    verb = f'made in {time.perf_counter() - started:.1f} s' if new else 'complete already, kept'
    console.print(f'{root}: {verb}, {megabytes:.1f} MB, {len(spec.domains)} domains, {spec.classes} classes')


def main(arguments: list[str] | None = None) -> int:
    args, console = parse_args(arguments), Console()
    try:
        for layout in args.layouts:
            make(args.root / layout, spec_of(args, layout), args.workers, console)
    except (ValueError, FileExistsError) as error:
        console.print(f'error: {error}', style='red', soft_wrap=True)
        return 2
    except KeyboardInterrupt as end:
        console.print('stopped; the same command makes the rest')
        return getattr(end, 'exit_code', 130)
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
