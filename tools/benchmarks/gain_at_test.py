"""Accuracy of trained models with and without test-time adaptation, clean and with one modality corrupted.

    mmda sweep --rows heads --dataset avdigits --targets mnist optdigits usps --seeds 0 1 2 \\
        --work-dir work_dirs/norm/avdigits --cfg-options model.backbones.image.norm=True model.backbones.audio.norm=True
    python tools/benchmarks/gain_at_test.py work_dirs/norm/avdigits --factors 1 100 \\
        --out docs/results/test_time --doc docs/test_time.md

Each run of a sweep is tested by tools/test.py --test-time ... --protocol corruption; what is there already is kept. A
factor multiplies the rates of all methods that learn; to choose one by these numbers would be a choice by the target.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mmda_ext.engine.hooks.records import write_json
from mmda_ext.engine.test_time import build, method_names
from mmda_ext.visualization.marks import replace_between

TESTER = Path(__file__).parents[1] / 'test.py'
#: In the order of their publication; all of them.
METHODS = ('norm', 'tent', 'sar', 'read-loss', 'sumi')
NONE = 'none'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sweeps', nargs='+', type=Path, help='work directories of tools/sweep.py, a table of each')
    parser.add_argument('--severity', type=int, default=5)
    parser.add_argument('--factors', nargs='+', type=int, default=[1], help='of the rates')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/benchmarks/gain_at_test'), help='folder')
    parser.add_argument('--doc', help='page with the marks "test time <name of the sweep>"')
    return parser.parse_args()


def tested(cell: Path, severity: int, factor: int) -> dict[str, Any]:
    """What tools/test.py wrote of one run: tested now, if it was not before.

    Raises:
        RuntimeError: If the test fails.
    """
    folder = cell / f'test_time_{severity}_x{factor}'
    if not (folder / 'corruption.md').is_file():
        learning = [build(name) for name in METHODS if name != 'norm']
        checkpoint = cell / json.loads((cell / 'result.json').read_text())['checkpoint']
        config, = (path for path in cell.glob('*.py') if not path.name.startswith('test_'))
        command = [sys.executable, TESTER, config, checkpoint, '--work-dir', folder, '--test-time', *METHODS,
                   '--protocol', 'corruption', '--cfg-options', f'protocols.corruption.severities={severity}',
                   *(f'{own.option}.lr={own.lr * factor}' for own in learning)]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'{" ".join(map(str, command))}: {done.stderr[-2000:]}')
    return json.loads((folder / 'result.json').read_text())['protocols']


def numbers(found: Mapping[str, Any], factor: int) -> Iterator[tuple[str, str, float]]:
    """Method, column and accuracy of one run; a column is clean data or the modality that is corrupted."""
    suffix = '' if factor == 1 else f' x{factor}'
    own = {name: one['metrics']['acc/top1'] for name, one in found['test_time']['methods'].items()}
    for name, value in {NONE: found['corruption']['clean'], **own}.items():
        yield name + suffix, 'clean', value
    for modality, one in found['corruption']['modalities'].items():
        for name, value in {NONE: one, **one['test_time']}.items():
            yield name + suffix, modality, value['mean']


def measured(sweep: Path, severity: int, factors: Sequence[int]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Method -> column -> seed -> accuracies of the targets."""
    table: dict[str, dict[str, dict[str, list[float]]]] = {}
    for factor in factors:
        for result in sorted(sweep.glob('*/*/seed*/result.json')):
            for name, column, value in numbers(tested(result.parent, severity, factor), factor):
                if factor == 1 or not name.startswith((NONE, 'norm')):
                    table.setdefault(name, {}).setdefault(column, {}).setdefault(result.parent.name, []).append(value)
            print(f'{sweep.name}: {result.parent}, rates x{factor}', flush=True)
    if not table:
        raise FileNotFoundError(f'{sweep} holds no finished run <row>/<target>/seed<k>/result.json: tools/sweep.py')
    return table


def text_of(sweep: str, table: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> str:
    columns = list(table[NONE])
    lines = [[sweep, *(column if column == 'clean' else f'{column} corrupted' for column in columns)],
             ['---'] * (len(columns) + 1)]
    for name, own in table.items():
        means = [[fmean(values) for values in own[column].values()] for column in columns]
        lines.append([name, *(f'{fmean(seeds):.1f} ± {stdev(seeds):.1f}' if len(seeds) > 1 else f'{seeds[0]:.1f}'
                              for seeds in means)])
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def main() -> None:
    args = parse_args()
    assert set(METHODS) == set(method_names())
    args.out.mkdir(parents=True, exist_ok=True)
    for sweep in args.sweeps:
        table = measured(sweep, args.severity, args.factors)
        write_json(args.out / f'{sweep.name}.json', dict(severity=args.severity, factors=args.factors, table=table))
        text = text_of(sweep.name, table)
        print(text)
        if args.doc:
            replace_between(args.doc, f'test time {sweep.name}', text)


if __name__ == '__main__':
    main()
