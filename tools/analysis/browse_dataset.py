"""Pictures of what a recognizer gets: every modality of a sample after its pipeline, one file per sample.

    python tools/analysis/browse_dataset.py configs/methods/erm.py FOLDER --dataset hac --phase train --number 10
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.stack import require_stack


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmda_ext.apis.compose import add_flags
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('folder', type=Path, help='where the pictures go')
    parser.add_argument('--phase', choices=('train', 'val', 'test'), default='train', help='whose data and pipeline')
    parser.add_argument('--number', type=int, default=10, help='how many samples, evenly over the data set')
    parser.add_argument('--seed', type=int, default=0, help='of the augmentation')
    add_flags(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    require_stack()
    args = parse_args(arguments)
    from mmengine.registry import init_default_scope
    from mmengine.runner import set_random_seed

    from mmda_ext.apis.compose import choice_of
    from mmda_ext.apis.config_edits import load_config
    from mmda_ext.registry import DATASETS
    from mmda_ext.visualization.inputs import plot_inputs
    cfg = load_config(args.config, choice=choice_of(args))
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    dataset = DATASETS.build(cfg[f'{args.phase}_dataloader'].dataset)
    classes = dataset.metainfo.get('classes', ())
    set_random_seed(args.seed)
    number = min(args.number, len(dataset))
    for position in range(number):
        item = dataset[position * len(dataset) // number]
        sample = item['data_samples']
        name = str(sample.get('sample_id', position))
        label = int(sample.gt_label) if 'gt_label' in sample else None
        title = name if label is None else f'{name}: {classes[label] if label < len(classes) else label}'
        print(plot_inputs(item['inputs'], title, args.folder / f'{name.replace("/", "_")}.png'))


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
