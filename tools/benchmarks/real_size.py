"""Step time and peak memory of methods on the networks and inputs of a dataset as they are, random numbers in both.

    python tools/benchmarks/real_size.py --dataset epic --modalities video audio --doc docs/performance.md

Needs no data and no weights: networks start at random, and the batch has the shapes that the dataset's pipeline makes.
A step is forward, backward and update on the device, without loader and hooks. Made for a GPU.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from torch import nn

from interleaved import one_step, parse, parser_of, peak_bytes, ratios, span, write
from mmda_ext.apis.compose import add_flags, choice_of, compose
from mmda_ext.apis.config_edits import amp_variant
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.recipe_files import method_file, methods
from mmda_ext.compat import allow_cpu_amp
from mmda_ext.registry import MODELS

register_all_modules()

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
#: Left out: a student that needs its trained teachers.
WITHOUT = ('umt', )


def without_files(model: Config, whole: bool) -> None:
    """No published weights; with ``whole``, nothing frozen."""
    model.pop('pretrained', None)
    for backbone in model.backbones.values():
        backbone.pop('checkpoint', None)
    if whole:
        model.pop('freeze', None)


def batch_of(cfg: Config, size: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Random inputs on the host as a loader hands them over, of labelled source samples."""
    samples = []
    for index in range(size):
        sample = ActionDataSample().set_gt_label(index % cfg.model.cls_head.num_classes)
        sample.set_metainfo(dict(domain_label=index % len(cfg.recipe.sources), is_target=False, sample_id=str(index)))
        samples.append(sample)
    inputs = {name: list(torch.randint(256, (size, *shapes[name]), dtype=torch.uint8) if len(shapes[name]) == 5
                         else torch.randn(size, *shapes[name])) for name in cfg.recipe.modalities}
    return dict(inputs=inputs, data_samples=samples)


def model_of(method: str, args: argparse.Namespace) -> tuple[nn.Module, ConfigDict]:
    """The model of a method in training, and the config of its optimizer wrapper."""
    cfg = compose(method_file(method), choice_of(args))
    without_files(cfg.model, args.train == 'all')
    torch.manual_seed(0)
    return MODELS.build(cfg.model).to(DEVICE).train(), cfg.optim_wrapper


def step_of(model: nn.Module, options: ConfigDict, precision: str, batch: dict[str, Any]) -> Callable[[], object]:
    """One training step."""
    options = copy.deepcopy(options)
    if precision != 'float32':
        allow_cpu_amp()
        options['type'], options['dtype'] = amp_variant(options['type']), precision
        options['loss_scale'] = 'dynamic'
    wrapper = build_optim_wrapper(model, options)
    # The batch lies on the device: copying it there is the loader's business.
    placed = model.data_preprocessor.cast_data(batch)
    return one_step(lambda: model.train_step(placed, wrapper), model)


def measure(args: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Precision -> rows by method, ERM first; ratios are to it."""
    shapes = dict(video=(1, 3, args.frames, args.size, args.size), audio=(1, 257, args.audio_frames),
                  flow=(1, 2, args.frames // 4, args.size, args.size))
    batch = batch_of(compose(method_file('erm'), choice_of(args)), args.batch, shapes)
    models = {method: model_of(method, args) for method in dict.fromkeys(['erm', *args.methods])}
    tables = {}
    for precision in args.precision:
        steps = {name: step_of(*own, precision, batch) for name, own in models.items()}
        rows = tables[precision] = ratios(steps, args.rounds, args.steps)
        for name, row in rows.items():
            row['peak_bytes'] = peak_bytes(steps[name])
        for row in rows.values():
            row['memory_ratio'] = row['peak_bytes'] / rows['erm']['peak_bytes']
    return tables


def markdown(args: argparse.Namespace, tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """The tables for docs/performance.md, one for each precision."""
    lines = []
    for precision, rows in tables.items():
        title = f'{precision}, batch {args.batch}, trained: {args.train}'
        lines += [f'| {title} | step time / ERM | milliseconds | peak memory / ERM | GiB |', '|---|---|---|---|---|']
        lines += [f'| `{name}` | {span(row)} | {1e3 * row["seconds"]:.0f} | {row["memory_ratio"]:.2f} | '
                  f'{row["peak_bytes"] / 2**30:.1f} |' for name, row in rows.items()]
        lines.append('')
    return '\n'.join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = parser_of(__doc__, Path(__file__).stem, steps=4)
    add_flags(parser)
    parser.add_argument('--methods', nargs='+', default=[name for name in methods(False) if name not in WITHOUT])
    parser.add_argument('--precision', nargs='+', choices=('float32', 'float16', 'bfloat16'),
                        default=['float32', 'float16'])
    parser.add_argument('--train', choices=('last', 'all'), default='last',
                        help='last: what the dataset leaves unfrozen; all: every network whole')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--frames', type=int, default=32, help='of a clip of video; flow has a quarter')
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--audio-frames', type=int, default=1004)
    args = parse(parser)
    tables = measure(args)
    text = markdown(args, tables)
    print(text)
    write(args, tables, {args.section: text})


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
