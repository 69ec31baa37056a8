"""What the two tools that prepare a corpus share."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmda_ext.datasets.emotion.detectors import BUILT_IN
from mmda_ext.datasets.emotion.halves import SPLITS
from mmda_ext.datasets.emotion.media import MODALITIES, MediaOptions
from mmda_ext.datasets.emotion.prepare import MANIFEST, prepare
from mmda_ext.datasets.emotion.records import CLASSES, Release
from mmda_ext.datasets.video_index import require_av

_DEFAULT = MediaOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that do not depend on the corpus."""
    parser.add_argument('release', type=Path, help='folder of the unpacked release')
    parser.add_argument('out', type=Path, help='folder to write; the same command again goes on where it stopped')
    parser.add_argument('--split', choices=SPLITS, default='random', help='what the two halves must not share (random)')
    parser.add_argument('--seed', type=int, default=0, help='of the split (0)')
    parser.add_argument('--modalities', nargs='+', choices=MODALITIES, default=list(MODALITIES),
                        help='an utterance that lacks one of them is skipped (all)')
    parser.add_argument('--frames', type=int, default=_DEFAULT.frames,
                        help=f'pictures for each utterance at most, 0: all ({_DEFAULT.frames})')
    parser.add_argument('--size', type=int, default=_DEFAULT.size, help=f'side of a picture ({_DEFAULT.size})')
    parser.add_argument('--detector', default=_DEFAULT.detector,
                        help=f'{", ".join(BUILT_IN)} ({_DEFAULT.detector}); docs/emotion_data.md')
    parser.add_argument('--margin', type=float, default=_DEFAULT.margin,
                        help=f'factor by which a detected box grows ({_DEFAULT.margin})')
    parser.add_argument('--workers', type=int, default=1, help='processes (1)')


def run(args: argparse.Namespace, read: Callable[[], Release]) -> int:
    """Read the release, write the neutral form, tell what was found.

    Args:
        args (argparse.Namespace): With what ``add_arguments`` added.
        read (Callable): Reader of the release.

    Returns:
        int: Exit status: 0; 2 for a mistake of the user; 130 when stopped.
    """
    console = Console(soft_wrap=True, highlight=False)
    try:
        options = MediaOptions(tuple(args.modalities), args.frames, args.size, args.detector, args.margin)
        if 'face' in options.modalities:
            require_av()
        console.print(f'reading {escape(str(args.release))}')
        show(console, _prepare(args, read(), options, console), args.out)
    except (ValueError, FileExistsError, FileNotFoundError, ImportError) as error:
        console.print(f'error: {escape(str(error))}', style='red')
        return 2
    except KeyboardInterrupt:
        console.print('stopped; the same command makes the rest')
        return 130
    return 0


def _prepare(args: argparse.Namespace, release: Release, options: MediaOptions, console: Console) -> dict[str, Any]:
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.file.isatty()) as bar:
        task = bar.add_task('utterances', total=None)
        told = 0

        def tell(done: int, total: int) -> None:
            nonlocal told
            bar.update(task, completed=done, total=total)
            # A log file has no moving bar; a line for each tenth is enough.
            if not console.file.isatty() and done * 10 // total > told:
                told = done * 10 // total
                console.print(f'{done} of {total} utterances')

        return prepare(release, args.out, options, args.split, args.seed, args.workers, tell)


def show(console: Console, manifest: dict[str, Any], out: Path) -> None:
    """Print the counts and of each problem the first; the lists are in the manifest."""
    console.print(f'{escape(str(out))}: {manifest["kept"]} utterances kept, {manifest["skipped"]} skipped')
    for name, counts in manifest['parts'].items():
        classes = ', '.join(f'{label} {counts.get(label, 0)}' for label in CLASSES)
        console.print(f'  {name}: {sum(counts.values())} ({classes})')
    for kind, count in manifest['problem_counts'].items():
        first = next(text for text in manifest['problems'] if text.startswith(f'{kind}: '))
        console.print(f'  {kind}: {count}, first {escape(first.removeprefix(f"{kind}: "))}')
    if manifest['differences']:
        console.print(f'  {len(manifest["differences"])} counts are not the documented ones, first '
                      f'{escape(manifest["differences"][0])}', style='yellow')
    console.print(f'all details: {escape(str(out / MANIFEST))}')
