"""The commands behind ``tools/train.py`` and ``tools/test.py``."""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import BaseLoop, Runner

from mmda_ext import compat
from mmda_ext.apis.compose import add_flags, choice_of
from mmda_ext.apis.config_edits import (
    batch_warning,
    check_length,
    load_config,
    set_amp,
    set_auto_scale_lr,
    set_cpu_dtype,
    set_dump,
    set_randomness,
    set_visualization,
    set_work_dir,
)
from mmda_ext.apis.few_labels import set_few_labels
from mmda_ext.apis.options import add_option_flags
from mmda_ext.apis.protocol import also_select, set_protocol
from mmda_ext.apis.protocols import run_protocols
from mmda_ext.apis.resume import set_resume
from mmda_ext.apis.stop_signals import Stopped, stop_behind
from mmda_ext.apis.unknown_classes import set_unknown_classes
from mmda_ext.apis.upper_bound import train_on_target
from mmda_ext.apis.weights import check_weights
from mmda_ext.engine.data_checks import check_steps
from mmda_ext.engine.seen_domains import check_seen_domains
from mmda_ext.engine.test_time import method_names
from mmda_ext.evaluation.protocols import protocol_names
from mmda_ext.folder_lock import lock_folder
from mmda_ext.selection_rules import FURTHER

_RUNS = itertools.count()


def common_parser(description: str) -> argparse.ArgumentParser:
    """Flags that train and test share, with MMAction2's names and meaning."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file, or the name of a method (configs/methods)')
    parser.add_argument('--work-dir', help='folder for logs and results; by default the names of what was chosen, '
                                           'work_dirs/<method>_<dataset>_to-<target>, or the name of the config')
    add_option_flags(parser)
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
    add('--upper-bound', action='store_true',
        help='train on labels of the target: an upper bound, on a part of the target that is held out')
    add('--also-select', nargs='+', choices=FURTHER, metavar='RULE',
        help='evaluate the target after every epoch, and write beside the result what other rules would have selected: '
             + ', '.join(FURTHER))
    add('--seed', type=int, help="random seed; wins over the config's `randomness`")
    add('--diff-rank-seed', action='store_true', help='different seeds for different processes')
    add('--deterministic', action='store_true', help='deterministic algorithms only')
    return parser


def test_parser() -> argparse.ArgumentParser:
    """Flags of ``tools/test.py``."""
    parser = common_parser('Test a recognizer')
    add = parser.add_argument
    add('checkpoint', help='checkpoint file')
    add('--protocol', nargs='+', default=(), choices=protocol_names(), metavar='NAME', type=_protocol,
        help=f'evaluate robustness and trust, too: {", ".join(protocol_names())} (docs/robustness.md)')
    add('--test-time', nargs='+', default=(), choices=method_names(), metavar='NAME',
        help=f'adapt the model to the test, too: {", ".join(method_names())} (docs/test_time.md)')
    add('--dump', metavar='FILE.pkl', help='write the predictions to this file')
    add('--show', action='store_true', help='show predictions in a window')
    add('--show-dir', help='write drawn predictions to this folder')
    add('--interval', type=int, default=1, help='draw every n-th sample')
    add('--wait-time', type=float, default=2, help='seconds for which a window stays')
    return parser


def _protocol(name: str) -> str:
    """``open-set`` is ``open_set``."""
    return name.replace('-', '_')


def run_training(argv: Sequence[str] | None = None) -> None:
    """Train as ``tools/train.py`` does.

    Args:
        argv (Sequence[str], optional): Command line without the program; by default that of the process.

    Raises:
        Stopped: If a signal ends the run; the message says how to continue.
        FolderInUseError: If another run uses the work directory.
    """
    args = train_parser().parse_args(argv)
    notes: list[str] = []
    cfg = _prepare(args)
    also_select(cfg, args.also_select)
    check_length(cfg)
    check_seen_domains(cfg)
    check_weights(cfg)
    set_amp(cfg, args)
    set_cpu_dtype(cfg, notes.append)
    set_auto_scale_lr(cfg, args)
    set_randomness(cfg, args)
    with compat.tensors_only(), _only_user(cfg):
        set_resume(cfg, args, notes.append)
        if args.no_validate:
            cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        _train(cfg, args, notes)


def _train(cfg: Config, args: argparse.Namespace, notes: Sequence[str]) -> None:
    runner = None
    try:
        with _held_back_start(cfg) as prepare:
            runner = prepare(build_runner(cfg))
            for note in filter(None, [*notes, batch_warning(cfg, runner.world_size)]):
                runner.logger.warning(note)
            # Schedulers that count iterations fail on an empty loop, in their words, before any hook may speak.
            check_steps(runner.train_loop.dataloader, 'train')
            runner.train()
        compat.end_together(cfg.launcher)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = cfg.work_dir  # a write that failed half-way does not say where
        stop = stop_behind(error)
        if stop is None:
            raise
        raise Stopped(stop.number, _how_to_go_on(runner, cfg, args)) from None


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
    # The work directory may be a training's: what it was trained with stays there under the config's own name.
    object.__setattr__(cfg, '_filename', str(Path(cfg.filename).with_name(f'test_{Path(cfg.filename).name}')))
    evaluates = args.protocol or args.test_time
    # Protocols write into the work directory; a plain test only reads it.
    with compat.tensors_only(), _only_user(cfg) if evaluates else nullcontext(), _held_back_start(cfg) as prepare:
        runner = prepare(build_runner(cfg))
        if evaluates:
            run_protocols(runner, args.protocol, args.test_time)
        else:
            runner.test()
    compat.end_together(cfg.launcher)


def _prepare(args: argparse.Namespace) -> Config:
    """Read the config and put the work-arounds in force that running it needs."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = load_config(args.config, args.cfg_options, args.new_options, choice_of(args))
    if getattr(args, 'upper_bound', False):
        train_on_target(cfg)
    cfg.launcher = args.launcher
    set_unknown_classes(cfg)
    set_few_labels(cfg)
    set_work_dir(cfg, args)
    set_protocol(cfg)
    compat.allow_mmengine_checkpoints()
    compat.ignore_configs_in_checkpoints()
    compat.keep_checkpoints_at_home()
    compat.allow_cpu_amp()
    compat.fix_numpy_aliases()
    compat.fix_color_jitter()
    compat.hush_parameter_lists()
    if args.launcher == 'pytorch':
        compat.prepare_cpu_distributed(cfg)
    return cfg


@contextmanager
def _only_user(cfg: Config) -> Iterator[None]:
    """Lock the work directory; of the processes of one run, the first does so for all."""
    rank = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_RANK'}.get(cfg.launcher, '')
    if int(os.environ.get(rank, 0)):
        yield
        return
    with lock_folder(cfg.work_dir):
        yield


class AtTheStart(Hook):
    """Calls a function when model, data and weights are there and the first iteration is about to come."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def before_train(self, runner: Runner) -> None:
        self._call()

    def before_test(self, runner: Runner) -> None:
        self._call()


@contextmanager
def _held_back_start(cfg: Config) -> Iterator[Callable[[Runner], Runner]]:
    """Screen without the runner's long report of itself, until data and weights have been found."""
    if int(os.environ.get('RANK', 0)) == 0:
        for line in cfg.get('recipe', {}).get('guessed', ()):
            print(line)
        print(f'{cfg.filename}: looking for data and weights; the log is in {cfg.work_dir}', flush=True)
    with compat.held_back_start() as show:
        def prepare(runner: Runner) -> Runner:
            runner.register_hook(AtTheStart(show), priority='LOWEST')
            return runner

        yield prepare


def build_runner(cfg: Config) -> Runner:
    """The runner that the config asks for, MMEngine's own by default."""
    number = next(_RUNS)
    if number and cfg.get('experiment_name') is None:
        # By default, runs that one process starts in the same second share loggers, visualizer and message hub.
        cfg.experiment_name = f'{Path(cfg.filename or "run").stem}_{number}'
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def _how_to_go_on(runner: Runner | None, cfg: Config, args: argparse.Namespace) -> str:
    if runner is None or not isinstance(runner._train_loop, BaseLoop):
        return ' before training began; the same command begins again'
    place = f' in epoch {runner.epoch + 1}, iteration {runner.iter + 1}; to continue: '
    if args.launcher != 'none':
        return f'{place}the same command with --work-dir {cfg.work_dir} --resume'
    program = sys.argv[0] if sys.argv[0].startswith('mmda ') else f'{sys.executable} {sys.argv[0]}'
    return (f'{place}{program} {args.config} --work-dir {cfg.work_dir} --resume (and the other '
            'flags of this run)')
