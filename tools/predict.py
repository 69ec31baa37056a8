"""Classify samples with a trained model.

    python tools/predict.py work_dirs/run video=a.mp4 audio=a.wav
    python tools/predict.py work_dirs/run table.csv --out predictions.csv

A table has a column for each modality; a folder has a folder for each, files of one sample under one name; a file of
arrays (.npz) has an array for each. With a config instead of a run: tools/predict.py CONFIG CHECKPOINT INPUT
"""

import argparse
import csv
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmda_ext.apis.compose import add_flags, choice_of
from mmda_ext.apis.one_line_errors import run_with_one_line_errors


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', help='folder of a run, config, or name of a method')
    parser.add_argument('inputs', nargs='+', metavar='INPUT',
                        help='MODALITY=FILE of one sample, or a table, folder or .npz; the checkpoint of a config goes '
                             'before it')
    parser.add_argument('--out', type=Path, help='.csv file for all scores')
    parser.add_argument('--batch-size', type=int, help='by default that of the test')
    parser.add_argument('--workers', type=int, default=0, help='processes that read files')
    parser.add_argument('--device', help='by default a GPU, where there is one')
    add_flags(parser)
    args = parser.parse_args(arguments)
    args.checkpoint = None
    if '=' not in args.inputs[0] and len(args.inputs) > 1:
        args.checkpoint, *args.inputs = args.inputs
    plain = [word for word in args.inputs if '=' not in word]
    if plain and len(args.inputs) > 1:
        parser.error(f'{plain[0]}: write MODALITY=FILE for each part of one sample, or name one table, folder or .npz')
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    source: Any = args.inputs[0]
    if '=' in source:
        source = dict(word.split('=', 1) for word in args.inputs)
    from mmda_ext.apis.inference import MMDAInferencer

    inferencer = MMDAInferencer(args.run, args.checkpoint, args.device, **asdict(choice_of(args)))
    found = inferencer(source, args.batch_size, args.workers, progress=True)
    predictions = found if isinstance(found, list) else [found]
    for one in predictions if args.out is None else ():
        print(f'{one.id}: {one.label} {one.scores[one.label]:.3f}'
              + ''.join(f', {name} alone {max(own, key=own.__getitem__)} {max(own.values()):.3f}'
                        for name, own in one.modality_scores.items()))
    if args.out is not None:
        write(args.out, predictions)
        print(f'written: {args.out}')
    return 0


def write(path: Path, predictions: list[Any]) -> None:
    """A line for each sample: the columns that it came with, label, and the score of each class."""
    rows = [{'id': one.id, **one.row, 'label': one.label,
             **{f'score {name}': value for name, value in one.scores.items()}} for one in predictions]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
