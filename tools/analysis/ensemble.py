"""Score the joint prediction of several trainings, such as one of each modality alone (UME).

Each member is a training of its own and what `tools/test.py --dump` wrote of it:

    python tools/train.py configs/methods/erm.py --dataset ravdess --modalities face --work-dir work_dirs/face
    python tools/test.py work_dirs/face/erm.py work_dirs/face/best_*.pth --dump face.pkl
    (the same for audio)
    python tools/analysis/ensemble.py face=face.pkl audio=audio.pkl --out result.json

Samples are joined by their `sample_id`. One that a member lacks is predicted by the others, and counted as `lacking`.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from mmda_ext.apis.one_line_errors import run_with_one_line_errors


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('members', nargs='+', metavar='NAME=FILE.pkl', help='a name and the dump of a training')
    parser.add_argument('--rule', choices=('prob', 'log'), default='prob',
                        help='mean of the probabilities (default) or of their logarithms')
    parser.add_argument('--inductive-split', help='score the samples of this split; all of them are `_transductive`')
    parser.add_argument('--out', type=Path, help='JSON file for the scores')
    return parser.parse_args(arguments)


def files_of(members: list[str]) -> dict[str, str]:
    """Name -> file.

    Raises:
        ValueError: If one is not `NAME=FILE.pkl`, or a name is given twice.
    """
    pairs = [member.partition('=') for member in members]
    names = [name for name, _, _ in pairs]
    for member, (name, _, file) in zip(members, pairs):
        if not name or not file:
            raise ValueError(f'{member!r} is no member: write NAME=FILE.pkl, such as audio=audio.pkl')
        if names.count(name) > 1:
            raise ValueError(f'two members are called {name!r}: give each a name of its own')
    return {name: file for name, _, file in pairs}


def score(args: argparse.Namespace) -> dict[str, Any]:
    """What a run writes into its `result.json`, as far as there is one behind an ensemble."""
    from mmda_ext.apis.predictions import score_samples
    from mmda_ext.compat import read_dump
    from mmda_ext.evaluation.ensemble import ensemble

    files = files_of(args.members)
    samples, lacking = ensemble({name: read_dump(file) for name, file in files.items()}, args.rule)
    return {**score_samples(samples, args.inductive_split), 'members': files, 'rule': args.rule, 'lacking': lacking}


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    record = score(args)
    width = max(map(len, record['test']))
    print('\n'.join(f'{key:{width}}  {value:5.1f}' for key, value in record['test'].items()))
    for name, number in record['lacking'].items():
        total = record['test_set']['all']['samples']
        print(f'{name} lacks {number} of {total} samples: the other members predicted them')
    if args.out:
        from mmda_ext.engine.hooks.records import write_json
        write_json(args.out, record)
        print(f'written: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
