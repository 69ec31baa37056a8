"""Check a data folder against its split files.

    python tools/data/check_data.py epic data/epic_kitchens --modalities video audio
    python tools/data/check_data.py hac data/hac --decode --json report.json

Compares the number of samples in each split file with the published one, lists the missing files, and with ``--decode``
opens every file and decodes one frame or stretch. Reports everything it finds instead of stopping at the first;
the exit status is 1 if anything is wrong.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets import EpicKitchensDataset, HACDataset, MultimodalDataset
from mmda_ext.datasets.multimodal_dataset import sample_files

#: Published numbers of samples, by (data set, domain, split).
PUBLISHED = {
    'epic': {'D1': (1543, 435), 'D2': (2495, 750), 'D3': (3897, 974)},
    'hac': {'human': (1111, 276), 'animal': (730, 176), 'cartoon': (870, 218)},
}
SPLIT_FOLDERS = {'epic': 'MM-SADA_Domain_Adaptation_Splits', 'hac': 'splits'}
FINDINGS = ('problems', 'missing', 'unreadable')
DATASETS = {'epic': EpicKitchensDataset, 'hac': HACDataset}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=tuple(DATASETS))
    parser.add_argument('root', help='folder with the media')
    parser.add_argument('--splits', help='folder with the split files; default: the usual one below the root')
    parser.add_argument('--layout', choices=('frames', 'clips'), default='frames', help='EPIC-Kitchens only')
    parser.add_argument('--modalities', nargs='+', default=['video', 'audio'], choices=('video', 'flow', 'audio'))
    parser.add_argument('--domains', nargs='+', help='default: all')
    parser.add_argument('--decode', action='store_true', help='open every file and decode a little of it')
    parser.add_argument('--any-count', action='store_true', help='do not compare with the published numbers')
    parser.add_argument('--json', help='write the report to this file')
    return parser.parse_args(arguments)


def load(args: argparse.Namespace, domain: str, split: str) -> MultimodalDataset:
    """Read one split file; files are not looked for yet."""
    kind = DATASETS[args.dataset]
    listed = type('Listed', (kind, ), {'filter_data': lambda self: self.data_list})
    splits = args.splits or str(Path(args.root) / SPLIT_FOLDERS[args.dataset])
    options = {'layout': args.layout} if args.dataset == 'epic' else {}
    return listed(splits, args.root, (domain, ), (domain, ), split=split, modalities=args.modalities, **options)


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


def decode(info: dict[str, Any]) -> Iterable[str]:
    """Open the files of a sample and decode the first and the last frame or a stretch; yield what fails."""
    from mmda_ext.datasets.transforms import PerModality
    steps = {
        'frame_dir': [{'type': 'mmda_ext.DecodeFrames'}],
        'filename': [{'type': 'mmda_ext.OpenVideo'}, _first_and_last, {'type': 'mmda_ext.DecodeVideo'}],
        'filenames': [{'type': 'mmda_ext.OpenFlow'}, _first_and_last, {'type': 'mmda_ext.DecodeFlow'}],
        'audio_path': [{'type': 'mmda_ext.LoadAudio'}],
    }
    for name, entry in info['modalities'].items():
        key = next(key for key in steps if key in entry)
        if key == 'frame_dir':
            _first_and_last(entry)
        try:
            PerModality(**{name: steps[key]})({'sample_id': info['sample_id'], 'modalities': {name: entry}})
        # Whatever the decoder says, the next file must be looked at.
        except Exception as error:
            yield f'{type(error).__name__}: {error}'


def _first_and_last(entry: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    first = entry.get('start_index', 0)
    entry['frame_inds'] = np.array([first, first + entry['total_frames'] - 1])
    return entry


def check_split(args: argparse.Namespace, domain: str, split: str) -> dict[str, Any]:
    """Check one split file and the files that it names."""
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
    samples = [data.get_data_info(index) for index in range(len(data))]
    files = dict.fromkeys(path for info in samples for path in sample_files(info))
    lost = {path for path in with_progress(list(files), f'{domain} {split} files') if not Path(path).exists()}
    report['missing'] = sorted(lost)
    if args.decode:
        present = [info for info in samples if not lost & set(sample_files(info))]
        for info in with_progress(present, f'{domain} {split} decoding'):
            report['unreadable'] += decode(info)
    return report


def show(report: dict[str, Any], limit: int = 5) -> None:
    counts = ', '.join(f'{len(report[key])} {key}' for key in FINDINGS)
    print(f'{report["domain"]:8s} {report["split"]:6s} {report["samples"]:5d} samples, {counts}')
    for key in FINDINGS:
        for line in report[key][:limit]:
            print(f'    {key}: {line}')
        if len(report[key]) > limit:
            print(f'    {key}: and {len(report[key]) - limit} more (--json lists all)')


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    domains = args.domains or list(PUBLISHED[args.dataset])
    if not set(domains) <= set(PUBLISHED[args.dataset]):
        sys.exit(f'--domains {domains}: the domains of {args.dataset} are {list(PUBLISHED[args.dataset])}')
    reports = []
    for domain in domains:
        for split in ('train', 'test'):
            reports.append(check_split(args, domain, split))
            show(reports[-1])
    bad = sum(len(report[key]) for report in reports for key in FINDINGS)
    if args.json:
        content = {'dataset': args.dataset, 'root': args.root, 'splits': reports}
        Path(args.json).write_text(json.dumps(content, indent=1))
    print('all is well' if not bad else f'{bad} things are wrong: docs/data.md says how the folder must look')
    return int(bad > 0)


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
