"""Check a data folder against its split files, or the files that a table of your own names.

    python tools/data/check_data.py epic data/epic_kitchens --modalities video audio
    python tools/data/check_data.py hac data/hac --decode --json report.json

    python tools/data/check_data.py epic data/epic_kitchens --decode --all-frames
    python tools/data/check_data.py table own.csv --decode

Compares the number of samples in each split file with the published one, lists the missing files, and with ``--decode``
opens every file, decodes the first and the last frame and reads the sound; ``--all-frames`` decodes the frames between
them, too. Of a table it says how many samples each class has in each domain, and with ``--decode`` whether segments lie
in their files. Reports everything it finds instead of stopping at the first; the exit status is 1 if anything is wrong.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets import EpicKitchensDataset, HACDataset, MediaError, MultimodalDataset, TableDataset
from mmda_ext.datasets.errors import FILE_KEYS
from mmda_ext.datasets.multimodal_dataset import sample_files
from mmda_ext.datasets.table_file import Table
from mmda_ext.datasets.table_guess import describe

#: Published numbers of samples, by (data set, domain, split).
PUBLISHED = {
    'epic': {'D1': (1543, 435), 'D2': (2495, 750), 'D3': (3897, 974)},
    'hac': {'human': (1111, 276), 'animal': (730, 176), 'cartoon': (870, 218)},
}
SPLIT_FOLDERS = {'epic': 'MM-SADA_Domain_Adaptation_Splits', 'hac': 'splits'}
FINDINGS = ('problems', 'missing', 'unreadable', 'shortened')
#: Seconds by which a sound file may be shorter than the pictures beside it.
SHORTER = 1.
DATASETS = {'epic': EpicKitchensDataset, 'hac': HACDataset}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=(*DATASETS, 'table'))
    parser.add_argument('root', help='folder with the media, or the table')
    parser.add_argument('--media', metavar='FOLDER', help='of a table: where its paths start, and what they must not '
                                                          'leave; default: its own folder')
    parser.add_argument('--splits', help='folder with the split files; default: the usual one below the root')
    parser.add_argument('--layout', choices=('frames', 'clips'), default='frames', help='EPIC-Kitchens only')
    parser.add_argument('--modalities', nargs='+', help='default: video audio; of a table, all that it has')
    parser.add_argument('--domains', nargs='+', help='default: all')
    parser.add_argument('--decode', action='store_true', help='open every file and decode a little of it')
    parser.add_argument('--all-frames', action='store_true', help='with --decode: every frame, not the first and last')
    parser.add_argument('--any-count', action='store_true', help='do not compare with the published numbers')
    parser.add_argument('--json', help='write the report to this file')
    return parser.parse_args(arguments)


def load(args: argparse.Namespace, domain: str, split: str) -> MultimodalDataset:
    """Read one split file; files are not looked for yet."""
    kind = DATASETS[args.dataset]
    listed = type('Listed', (kind, ), {'filter_data': lambda self: self.data_list})
    splits = args.splits or str(Path(args.root) / SPLIT_FOLDERS[args.dataset])
    options = {'layout': args.layout} if args.dataset == 'epic' else {}
    return listed(splits, args.root, (domain, ), (domain, ), split=split,
                  modalities=args.modalities or ('video', 'audio'), **options)


def with_progress(items: list[Any], title: str) -> Iterator[Any]:
    """Yield the items; tell once a second how far it is and how long it will take."""
    start = told = time.monotonic()
    for done, item in enumerate(items):
        yield item
        now = time.monotonic()
        if now - told > 1:
            left = (now - start) / (done + 1) * (len(items) - done - 1)
            print(f'\r{title}: {done + 1}/{len(items)}, {left:.0f} s left   ', end='', file=sys.stderr, flush=True)
            told = now
    if told != start:
        print(file=sys.stderr)


class Decoder:
    """Opens the files of samples and decodes frames and stretches.

    Args:
        all_frames (bool): Decode every frame, not the first and the last alone.
        channels (dict[str, int]): Modality of arrays -> numbers in each step.
    """

    def __init__(self, all_frames: bool, channels: dict[str, int] | None = None) -> None:
        from mmda_ext.datasets.transforms import DecodeFrames
        self.images, self.looked_at = DecodeFrames(), dict[tuple[str, int], str]()
        images, video, flow = ([self._every_image], [_every_frame], [_every_frame]) if all_frames else (
            [_first_and_last, {'type': name}] for name in ('mmda_ext.DecodeFrames', 'mmda_ext.DecodeVideo',
                                                           'mmda_ext.DecodeFlow'))
        self.channels, cut = channels or {}, {'type': 'mmda_ext.CutToSegment'}
        self.listing = [{'type': 'mmda_ext.OpenFrames'}, cut]
        self.steps = {
            'frame_dir': images,
            'filename': [{'type': 'mmda_ext.OpenVideo'}, cut, *video],
            'filenames': [{'type': 'mmda_ext.OpenFlow'}, *flow],
            'audio_path': [{'type': 'mmda_ext.LoadAudio'}],
        }

    def __call__(self, info: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield kind and words of everything that is wrong with a sample."""
        from mmda_ext.datasets.transforms import PerModality
        # A copy, so that what is decoded does not pile up in the list of samples.
        sample = {**info, 'modalities': {name: dict(entry) for name, entry in info['modalities'].items()}}
        for name, entry in info['modalities'].items():
            try:
                PerModality(**{name: self._steps_of(name, entry)})(sample)
            # Whatever the decoder says, the next file must be looked at.
            except Exception as error:
                yield 'unreadable', f'{type(error).__name__}: {error}'
        yield from _shortened(sample)

    def _steps_of(self, name: str, entry: dict[str, Any]) -> list[Any]:
        if 'array_path' in entry:
            return [{'type': 'mmda_ext.LoadArray', 'channels': self.channels[name]}]
        # A list says how many frames a folder has, a table does not.
        listing = self.listing if 'frame_dir' in entry and 'total_frames' not in entry else []
        return [*listing, *next((steps for key, steps in self.steps.items() if key in entry), [])]

    def _every_image(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Decode each image of a segment; segments share images, so each is decoded once."""
        first, count = entry.get('start_index', 0), entry['total_frames']
        words = [self._look_at(entry, index) for index in range(first, first + count)]
        bad = [text for text in words if text]
        if bad:
            raise MediaError(entry['frame_dir'], f'{len(bad)} of the images {first} to {first + count - 1} are missing '
                             f'or cannot be read, the first: {bad[0]}')
        return entry

    def _look_at(self, entry: dict[str, Any], index: int) -> str:
        key = (entry['frame_dir'], index)
        if key not in self.looked_at:
            try:
                self.images({**entry, 'frame_inds': np.array([index])})
                self.looked_at[key] = ''
            except MediaError as error:
                self.looked_at[key] = str(error)
        return self.looked_at[key]


def _first_and_last(entry: dict[str, Any]) -> dict[str, Any]:
    first = entry.get('start_index', 0)
    entry['frame_inds'] = np.array([first, first + entry['total_frames'] - 1])
    return entry


def _every_frame(entry: dict[str, Any]) -> dict[str, Any]:
    """Decode all frames of one file, or of the two of flow, and keep none."""
    videos = entry.pop('video_reader')
    for video in videos if isinstance(videos, list) else [videos]:
        for _ in video.walk(range(video.index.total_frames)):
            pass
    return entry


def _shortened(info: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What ends before its stretch, and sound that ends long before the pictures of the same recording."""
    for entry in info['modalities'].values():
        if 'incomplete' in entry:
            path = next(entry[key] for key in FILE_KEYS if key in entry)
            yield 'shortened', (f'{path}: the recording does not fill the stretch from {entry["start_time"]} s to '
                                f'{entry["stop_time"]} s ({entry["incomplete"]})')
    video, audio = (info['modalities'].get(name, {}) for name in ('video', 'audio'))
    if 'frame_times' in video and 'audios' in audio and audio.get('stop_time') is None:
        pictures, sound = float(video['frame_times'][-1]), len(audio['audios']) / audio['sample_rate']
        if pictures - sound > SHORTER:
            yield 'shortened', (f'{audio["audio_path"]}: {sound:.2f} s of sound beside pictures that end at '
                                f'{pictures:.2f} s')


def check_split(args: argparse.Namespace, domain: str, split: str, decoder: Decoder | None) -> dict[str, Any]:
    """Check one split file and the files that it names; the decoder looks into them."""
    report: dict[str, Any] = {'domain': domain, 'split': split, 'samples': 0}
    report.update((key, []) for key in FINDINGS)
    try:
        data = load(args, domain, split)
    except (OSError, ValueError) as error:
        report['problems'].append(str(error))
        return report
    report['samples'] = len(data)
    expected = PUBLISHED[args.dataset][domain][('train', 'test').index(split)]
    if len(data) != expected and not args.any_count:
        report['problems'].append(f'{data.split_files()[0]}: {len(data)} samples, published are {expected}')
    look_at([data.get_data_info(index) for index in range(len(data))], report, decoder)
    return report


def look_at(samples: list[dict[str, Any]], report: dict[str, Any], decoder: Decoder | None) -> None:
    """Add to a report which files of samples are missing or cannot be decoded."""
    name = f'{report["domain"]} {report["split"]}'
    files = dict.fromkeys(path for info in samples for path in sample_files(info))
    lost = {path for path in with_progress(list(files), f'{name} files') if not Path(path).exists()}
    report['missing'] = sorted(lost)
    if decoder:
        present = [info for info in samples if not lost & set(sample_files(info))]
        for info in with_progress(present, f'{name} decoding'):
            for kind, words in decoder(info):
                report[kind].append(words)


class ListedTable(TableDataset):
    """A table with all of its rows, whatever is wrong with them or their files."""

    def filter_data(self) -> list[dict[str, Any]]:
        return self.data_list

    def faults(self, table: Table) -> Iterator[str]:
        self.problems = list(super().faults(table))
        return iter(())


def check_table(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What is wrong with a table itself, then a report for each of its domains."""
    report: dict[str, Any] = {'domain': 'table', 'split': 'all', 'samples': 0, **{key: [] for key in FINDINGS}}
    try:
        file = describe(args.root, args.media)
        data = ListedTable(args.root, file.domains, file.domains, args.modalities or tuple(file.kinds), root=args.media,
                           split='all')
    except (OSError, ValueError) as error:
        yield {**report, 'problems': [str(error)]}
        return
    yield {**report, 'samples': len(data), 'problems': data.problems}
    decoder = Decoder(args.all_frames, file.channels) if args.decode or args.all_frames else None
    infos = [data.get_data_info(index) for index in range(len(data))]
    unknown = [name for name in args.domains or () if name not in file.domains]
    if unknown:
        sys.exit(f'--domains {unknown[0]}: the domains of {args.root} are {list(file.domains)}')
    for domain in args.domains or file.domains:
        own = [info for info in infos if info['domain'] == domain]
        counts = Counter(data.metainfo['classes'][info['gt_label']] for info in own)
        report = {'domain': domain, 'split': 'all', 'samples': len(own), **{key: [] for key in FINDINGS},
                  'classes': {name: counts[name] for name in data.metainfo['classes']}}
        look_at(own, report, decoder)
        yield report


def show(report: dict[str, Any], limit: int = 5) -> None:
    counts = ', '.join(f'{len(report[key])} {key}' for key in FINDINGS)
    print(f'{report["domain"]:8s} {report["split"]:6s} {report["samples"]:5d} samples, {counts}')
    for key in FINDINGS:
        for line in report[key][:limit]:
            print(f'    {key}: {line}')
        if len(report[key]) > limit:
            print(f'    {key}: and {len(report[key]) - limit} more (--json lists all)')
    if 'classes' in report:
        print('    of each class: ' + ', '.join(f'{name} {count}' for name, count in report['classes'].items()))


def check_splits(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A report for each split file."""
    domains = args.domains or list(PUBLISHED[args.dataset])
    if not set(domains) <= set(PUBLISHED[args.dataset]):
        sys.exit(f'--domains {domains}: the domains of {args.dataset} are {list(PUBLISHED[args.dataset])}')
    decoder = Decoder(args.all_frames) if args.decode or args.all_frames else None
    for domain in domains:
        for split in ('train', 'test'):
            yield check_split(args, domain, split, decoder)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    reports = []
    for report in check_table(args) if args.dataset == 'table' else check_splits(args):
        show(report)
        reports.append(report)
    bad = sum(len(report[key]) for report in reports for key in FINDINGS)
    if args.json:
        content = {'dataset': args.dataset, 'root': args.root, 'splits': reports}
        Path(args.json).write_text(json.dumps(content, indent=1))
    page = 'docs/own_data.md' if args.dataset == 'table' else 'docs/data.md'
    print('all is well' if not bad else f'{bad} things are wrong: {page} says how the data must look')
    return int(bad > 0)


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
