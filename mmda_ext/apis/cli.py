"""The commands behind ``tools/train.py`` and ``tools/test.py``."""

import argparse
import itertools
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmda_ext import compat
from mmda_ext.apis.compose import add_flags, choice_of
from mmda_ext.apis.config_edits import (
    load_config,
    set_amp,
    set_auto_scale_lr,
    set_dump,
    set_randomness,
    set_visualization,
    set_work_dir,
)
from mmda_ext.apis.one_line_errors import Interrupted, was_interrupted
from mmda_ext.apis.resume import set_resume

_RUNS = itertools.count()


def common_parser(description: str) -> argparse.ArgumentParser:
    """Flags that train and test share, with MMAction2's names and meaning."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and results; by default the names of what was chosen, '
                                           'work_dirs/<method>_<dataset>_to-<target>, or the name of the config')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override entries of the config, e.g. train_dataloader.batch_size=8 or key="[a,b]"')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by some launchers')
    add_flags(parser)
    return parser


def train_parser() -> argparse.ArgumentParser:
    """Flags of ``tools/train.py``."""
    parser = common_parser('Train a recognizer')
    add = parser.add_argument
    add('--resume', nargs='?', const='auto', metavar='CKPT',
        help='continue from CKPT, or without it from the newest checkpoint in the work directory, if there is one')
    add('--amp', action='store_true', help='train with automatic mixed precision')
    add('--no-validate', action='store_true', help='do not evaluate during training')
    add('--auto-scale-lr', action='store_true', help='scale the learning rate with the total batch size')
    add('--seed', type=int, help="random seed; wins over the config's `randomness`")
    add('--diff-rank-seed', action='store_true', help='different seeds for different processes')
    add('--deterministic', action='store_true', help='deterministic algorithms only')
    return parser


def test_parser() -> argparse.ArgumentParser:
    """Flags of ``tools/test.py``."""
    parser = common_parser('Test a recognizer')
    add = parser.add_argument
    add('checkpoint', help='checkpoint file')
    add('--dump', metavar='FILE.pkl', help='write the predictions to this file')
    add('--show', action='store_true', help='show predictions in a window')
    add('--show-dir', help='write drawn predictions to this folder')
    add('--interval', type=int, default=1, help='draw every n-th sample')
    add('--wait-time', type=float, default=2, help='seconds for which a window stays')
    return parser


def run_training(argv: Sequence[str] | None = None) -> None:
    """Train as ``tools/train.py`` does.

    Args:
        argv (Sequence[str], optional): Command line without the program; by default that of the process.

    Raises:
        Interrupted: If the user stops the run; the message says how to continue.
    """
    args = train_parser().parse_args(argv)
    cfg = _prepare(args)
    set_amp(cfg, args)
    set_auto_scale_lr(cfg, args)
    set_randomness(cfg, args)
    set_resume(cfg, args, _warn)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    runner = None
    try:
        runner = build_runner(cfg)
        runner.train()
    except BaseException as error:
        if not was_interrupted(error):
            raise
        raise Interrupted(_how_to_go_on(runner, cfg, args)) from None


def run_test(argv: Sequence[str] | None = None) -> None:
    """Test as ``tools/test.py`` does.

    Args:
        argv (Sequence[str], optional): Command line without the program; by default that of the process.
    """
    args = test_parser().parse_args(argv)
    cfg = _prepare(args)
    set_visualization(cfg, args)
    set_dump(cfg, args)
    cfg.resume, cfg.load_from = False, args.checkpoint
    build_runner(cfg).test()


def _prepare(args: argparse.Namespace) -> Config:
    """Read the config and put the work-arounds in force that running it needs."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg, warnings = load_config(args.config, args.cfg_options, choice_of(args))
    for warning in warnings:
        _warn(warning)
    cfg.launcher = args.launcher
    set_work_dir(cfg, args)
    compat.allow_mmengine_checkpoints()
    compat.allow_cpu_amp()
    compat.fix_numpy_aliases()
    compat.fix_color_jitter()
    compat.hush_parameter_lists()
    if args.launcher == 'pytorch':
        compat.prepare_cpu_distributed(cfg)
    return cfg


def build_runner(cfg: Config) -> Runner:
    """The runner that the config asks for, MMEngine's own by default."""
    number = next(_RUNS)
    if number and cfg.get('experiment_name') is None:
        # By default, runs that one process starts in the same second share loggers, visualizer and message hub.
        cfg.experiment_name = f'{Path(cfg.filename or "run").stem}_{number}'
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def _warn(text: str) -> None:
    if int(os.environ.get('RANK', 0)) == 0:
        print_log(text, logger='current', level=logging.WARNING)


def _how_to_go_on(runner: Runner | None, cfg: Config, args: argparse.Namespace) -> str:
    if runner is None or not hasattr(runner.train_loop, 'epoch'):
        return 'interrupted before training began'
    return (f'interrupted in epoch {runner.epoch + 1}, iteration {runner.iter + 1}; to continue: '
            f'{sys.executable} {sys.argv[0]} {args.config} --work-dir {cfg.work_dir} --resume (and the other '
            'flags of this run)')
