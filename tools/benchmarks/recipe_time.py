"""Step time and peak memory of recipes, as ratios to a base recipe, measured in turns.

    python tools/benchmarks/recipe_time.py --base configs/methods/base.py --dataset ravdess \\
        --networks features slowfast --doc docs/performance.md --section "recipe time"

``features`` trains a recipe as it is. ``slowfast`` keeps its objectives, its balancer and the width of its features,
and puts a small SlowFast, all of it trained, in the place of the first encoder and a small audio ResNet in that of the
others: there the price of a method is seen as it is on video. Both read one real batch, so the feature file must be
there.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor, nn

from interleaved import one_step, parse, parser_of, peak_bytes, ratios, span, write
from mmda_ext.apis.cli import build_runner
from mmda_ext.apis.compose import add_flags, choice_of, compose
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.protocol import set_protocol
from mmda_ext.apis.recipe_files import methods
from mmda_ext.registry import MODELS
from step_time import slowfast

#: MMEngine's default hooks but the one that counts iterations; a recipe's custom hooks stay.
SILENT = dict.fromkeys(('timer', 'logger', 'checkpoint', 'param_scheduler', 'sampler_seed'))


@MODELS.register_module(force=True)  # as a script and as a module of tests
class ProjectedEncoder(nn.Module):
    """An encoder, pooled and projected to the width that a recipe's other parts expect.

    Args:
        encoder (dict): Config of the encoder.
        in_channels (int): Width of its pooled output.
        out_channels (int): Width of the features.
    """

    def __init__(self, encoder: dict, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder = MODELS.build(encoder)
        self.pool = MODELS.build(dict(type='mmda_ext.PoolNeck'))
        self.project = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, out_channels)``."""
        return self.project(self.pool(self.encoder(x), len(x)))


def with_networks(cfg: Config, width: int) -> None:
    """Replace the encoders of a recipe in place."""
    for position, (name, out) in enumerate(cfg.model.fusion.in_channels.items()):
        encoder, channels = slowfast(width), width * 9
        if position:
            encoder, channels = dict(type='mmda_ext.AudioResNet', base_channels=width), width * 8
        cfg.model.backbones[name] = dict(
            type='mmda_ext.ProjectedEncoder', encoder=encoder, in_channels=channels, out_channels=out)


def step_of(path: str, networks: str, args: argparse.Namespace, work_dir: Path) -> Callable[[], object]:
    """One training iteration of a recipe on one batch: model, optimizer wrapper, and hooks around both."""
    cfg = compose(path, choice_of(args))
    if networks == 'slowfast':
        with_networks(cfg, args.width)
    set_protocol(cfg)
    cfg.default_hooks = SILENT
    cfg.merge_from_dict(dict(work_dir=str(work_dir / networks / Path(path).stem), log_level='ERROR', launcher='none',
                             visualizer=None, vis_backends=None, experiment_name=f'{networks} {Path(path).stem}'))
    runner = build_runner(cfg)
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._init_model_weights()
    batch = next(iter(loop.dataloader))
    if networks == 'slowfast':
        count = len(batch['data_samples'])
        for position, name in enumerate(cfg.model.fusion.in_channels):
            shape = (1, 257, args.audio_frames) if position else (3, args.frames, args.size, args.size)
            batch['inputs'][name] = list(torch.randn(count, *shape))
    # What a recipe does between epochs, such as trial trainings, is no part of a step.
    for moment in ('before_run', 'before_train'):
        runner.call_hook(moment)
    runner.model.train()
    return one_step(lambda: loop.run_iter(0, batch), runner.model)


def measure(networks: str, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Rows by name of the recipe, the base first; ratios are to it."""
    paths = list(dict.fromkeys([args.base, *args.recipes]))
    with tempfile.TemporaryDirectory() as folder:
        steps = {Path(path).stem: step_of(path, networks, args, Path(folder)) for path in paths}
        rows = ratios(steps, args.rounds, args.steps)
        for name, row in rows.items():
            row['peak_bytes'] = peak_bytes(steps[name])
    base = next(iter(rows.values()))['peak_bytes']
    for row in rows.values():
        row['memory_ratio'] = row['peak_bytes'] / base
    return rows


def markdown(networks: str, rows: dict[str, dict[str, float]]) -> str:
    """One table of docs/performance.md."""
    title = {'features': 'as the recipe is', 'slowfast': 'with a small SlowFast, all trained'}[networks]
    lines = [f'| {title} | step time / first row | peak memory / first row |', '|---|---|---|']
    lines += [f'| `{name}` | {span(row)} | {row["memory_ratio"]:.2f} |' for name, row in rows.items()]
    return '\n'.join(lines)


def beside(base: Path) -> list[str]:
    """The methods that train on the data of a method; not UMT, which needs trained teachers."""
    found = methods(base.stem in methods(reads_target=True))
    return [str(base.with_name(f'{name}.py')) for name in found if name != 'umt']


def main() -> None:
    """Measure the recipes, print the tables, write them."""
    parser = parser_of(__doc__, 'recipe_time', steps=6)
    parser.add_argument('--base', required=True, help='recipe that the ratios are to')
    parser.add_argument('--recipes', nargs='+', help='by default all methods that train on the same data')
    add_flags(parser)
    parser.add_argument('--networks', nargs='+', choices=('features', 'slowfast'), default=['features', 'slowfast'])
    parser.add_argument('--frames', type=int, default=16)
    parser.add_argument('--size', type=int, default=64)
    parser.add_argument('--audio-frames', type=int, default=126)
    parser.add_argument('--width', type=int, default=16, help='channels of the first stages; 64 is the real network')
    args = parse(parser)
    args.recipes = args.recipes or beside(Path(args.base))
    tables = {networks: measure(networks, args) for networks in args.networks}
    text = '\n\n'.join(markdown(networks, rows) for networks, rows in tables.items())
    print(text)
    write(args, tables, {args.section: text})


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
