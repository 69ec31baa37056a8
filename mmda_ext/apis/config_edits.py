"""What command line flags do to a config."""

import difflib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError

from mmda_ext import compat
from mmda_ext.apis.compose import Choice, compose
from mmda_ext.apis.options import apply_options
from mmda_ext.apis.recipe_files import recipe_file


def load_config(path: str, options: dict[str, Any] | None = None, new_options: dict[str, Any] | None = None,
                choice: Choice | None = None) -> Config:
    """Read a config file, put the chosen data into a method, and apply ``--cfg-options`` and ``--new-options``.

    Args:
        path (str): The config file, or the name of a method.
        options (dict, optional): Dotted keys and values; the keys must be known.
        new_options (dict, optional): The same for keys that are new.
        choice (Choice, optional): What ``--dataset``, ``--target``, ``--sources`` and ``--modalities`` name.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file cannot be read, or a method or an option is unknown or does not fit.
    """
    path = recipe_file(path)
    if '::' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'config file {path} does not exist{_near_files(path)}')
    try:
        cfg = compose(_in_package(path) if '::' in path else path, choice)
    except (SyntaxError, NameError, ConfigParsingError) as error:
        raise ValueError(f'config file {path} cannot be read: {type(error).__name__}: {error}') from error
    if 'model' not in cfg:
        raise ValueError(f'config file {path} defines no `model`; is it a part for `_base_` rather than a recipe?')
    apply_options(cfg, options, new_options)
    return cfg


def _in_package(name: str) -> str:
    """Path of ``package::config.py``."""
    try:
        return Config._get_cfg_path(name, '')[0]
    except (AssertionError, FileNotFoundError, ModuleNotFoundError) as error:
        raise FileNotFoundError(f'config {name} does not exist: {error}') from error


def _near_files(path: str) -> str:
    folder = Path(path).parent
    names = [file.name for file in folder.glob('*.py')] if folder.is_dir() else []
    near = difflib.get_close_matches(Path(path).name, names)
    return f'; did you mean {folder / near[0]}?' if near else ''


def set_work_dir(cfg: Config, args: Namespace) -> None:
    """Command line before config before the names of what was chosen, or of the config file."""
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = Path(args.config.split('::')[-1]).stem
        cfg.work_dir = str(Path('work_dirs') / cfg.get('recipe', {}).get('run', name))


def set_randomness(cfg: Config, args: Namespace) -> None:
    """Flags win over the config's ``randomness``; what neither names is as in the recipes: seed 0."""
    randomness = {'seed': 0, **(cfg.get('randomness') or {})}
    if args.seed is not None:
        randomness['seed'] = args.seed
    if args.diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if args.deterministic:
        randomness['deterministic'] = True
    cfg.randomness = randomness


def set_auto_scale_lr(cfg: Config, args: Namespace) -> None:
    """Switch scaling on; it needs to know the batch size for which the learning rate was chosen."""
    if not args.auto_scale_lr:
        return
    if not (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
        raise ValueError(f'--auto-scale-lr: {args.config} has no `auto_scale_lr = dict(base_batch_size=...)`; add it, '
                         'with the total batch size for which its learning rate was chosen')
    if (parts := cfg.optim_wrapper.get('accumulative_counts', 1)) > 1:
        raise ValueError(f'--auto-scale-lr does not count optim_wrapper.accumulative_counts={parts}: leave it '
                         'out and set optim_wrapper.optimizer.lr for the whole step')
    cfg.auto_scale_lr.enable = True


def batch_warning(cfg: Config, processes: int) -> str | None:
    """What to tell of a run whose steps see another number of samples than its learning rate was chosen for."""
    scaling = cfg.get('auto_scale_lr') or {}
    base, size = scaling.get('base_batch_size'), cfg.train_dataloader.get('batch_size')
    parts = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if scaling.get('enable') or not base or not size or processes * size * parts == base:
        return None
    return (f'a step sees {processes * size * parts} samples ({processes} processes, batch {size}, {parts} parts), the '
            f'learning rate was chosen for {base} and is unchanged: --auto-scale-lr scales it, '
            f'train_dataloader.batch_size keeps the total (docs/training.md)')


def set_amp(cfg: Config, args: Namespace) -> None:
    """Replace the optimizer wrapper by its mixed-precision variant: the class of the same scope whose name has Amp."""
    if not args.amp:
        return
    wrapper = cfg.optim_wrapper
    wrapper['type'] = amp_variant(wrapper.get('type', 'OptimWrapper'))
    wrapper.setdefault('loss_scale', 'dynamic')


def set_cpu_dtype(cfg: Config, warn: Callable[[str], None]) -> None:
    """Mixed precision on a CPU is bfloat16: say so where the config leaves it open, refuse where it asks for another.

    Args:
        cfg (Config): ``optim_wrapper.dtype`` is set.
        warn (Callable): Takes what the user should know.

    Raises:
        ValueError: If the config asks for float16 and there is no accelerator.
    """
    wrapper = cfg.get('optim_wrapper') or {}
    if not str(wrapper.get('type')).rpartition('.')[2].startswith('Amp') or compat.has_accelerator():
        return
    dtype = wrapper.get('dtype')
    if dtype not in (None, 'bfloat16'):
        raise ValueError(f'optim_wrapper.dtype={dtype!r}: on a CPU mixed precision is bfloat16 only; set '
                         "optim_wrapper.dtype='bfloat16', or train without mixed precision or on a GPU")
    if dtype is None:
        wrapper['dtype'] = 'bfloat16'
        warn('mixed precision on a CPU: computed in bfloat16, not in float16 as on a GPU')


def check_length(cfg: Config) -> None:
    """Refuse a training that takes no step: its result would be that of untrained weights.

    Raises:
        ValueError: If ``train_cfg`` has no epoch or iteration.
    """
    for key in ('max_epochs', 'max_iters'):
        value = (cfg.get('train_cfg') or {}).get(key)
        if isinstance(value, (int, float)) and value < 1:
            raise ValueError(f'train_cfg.{key}={value} trains nothing, so there is no result: set it to 1 or more; '
                             'weights as they are get their scores from tools/test.py CONFIG CHECKPOINT')


def amp_variant(name: str) -> str:
    """Registered name of the mixed-precision variant of an optimizer wrapper.

    Args:
        name (str): For example ``OptimWrapper`` or ``mmda_ext.BalancedOptimWrapper``.

    Returns:
        str: For example ``AmpOptimWrapper`` or ``mmda_ext.AmpBalancedOptimWrapper``.

    Raises:
        ValueError: If no class of that name is registered.
    """
    from mmengine.registry import OPTIM_WRAPPERS
    scope, _, cls = name.rpartition('.')
    variant = '.'.join(filter(None, (scope, cls if cls.startswith('Amp') else f'Amp{cls}')))
    if OPTIM_WRAPPERS.get(variant) is None:
        raise ValueError(f'--amp: optim_wrapper type {name!r} has no mixed-precision variant {variant!r}; train '
                         'without --amp, or register one')
    return variant


def set_visualization(cfg: Config, args: Namespace) -> None:
    """Switch the visualization hook on for ``--show`` and ``--show-dir``."""
    if not args.show and args.show_dir is None:
        return
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ValueError(f'--show and --show-dir need a hook that draws: add `visualization=dict('
                         f'type="mmda_ext.MultimodalVisualizationHook")` to `default_hooks` of {args.config}')
    hook.update(enable=True, show=args.show, wait_time=args.wait_time, out_dir=args.show_dir, interval=args.interval)


def set_dump(cfg: Config, args: Namespace) -> None:
    """Write the predictions of the test to a pickle file."""
    if args.dump is None:
        return
    if not args.dump.endswith(('.pkl', '.pickle')):
        raise ValueError(f'--dump {args.dump}: the file name must end in .pkl or .pickle')
    evaluator = cfg.test_evaluator
    metrics = list(evaluator) if isinstance(evaluator, (list, tuple)) else [evaluator]
    cfg.test_evaluator = [*metrics, {'type': 'DumpResults', 'out_file_path': args.dump}]
