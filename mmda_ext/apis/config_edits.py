"""What command line flags do to a config."""

import difflib
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError

from mmda_ext import compat
from mmda_ext.apis.compose import Choice, compose

#: Keys that the runner understands although a config may leave them out.
RUNNER_KEYS = ('auto_scale_lr', 'custom_hooks', 'find_unused_parameters', 'load_from', 'model_wrapper_cfg',
               'param_scheduler', 'randomness', 'resume', 'runner_type', 'sync_bn', 'work_dir')


def load_config(path: str, options: dict[str, Any] | None, choice: Choice | None = None) -> tuple[Config, list[str]]:
    """Read a config file, put the chosen data into a method, and apply ``--cfg-options``.

    Args:
        path (str): The config file.
        options (dict, optional): Dotted keys and values.
        choice (Choice, optional): What ``--dataset``, ``--target``, ``--sources`` and ``--modalities`` name.

    Returns:
        tuple[Config, list[str]]: The config, and a warning for each option that named a key new to the config.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file or the options cannot be read.
    """
    if '::' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'config file {path} does not exist{_near_files(path)}')
    try:
        cfg = compose(path, choice)
    except (SyntaxError, NameError, ConfigParsingError) as error:
        raise ValueError(f'config file {path} cannot be read: {type(error).__name__}: {error}') from error
    if 'model' not in cfg:
        raise ValueError(f'config file {path} defines no `model`; is it a part for `_base_` rather than a recipe?')
    warnings = list(unknown_keys(cfg, options or {}))
    try:
        cfg.merge_from_dict(options or {})
    except (KeyError, TypeError) as error:
        raise ValueError(f'--cfg-options {options} does not fit {path}: {error}') from error
    return cfg, warnings


def unknown_keys(cfg: Config, options: dict[str, Any]) -> Iterator[str]:
    """One warning per option whose key the config does not have, with the nearest keys that it has."""
    for option in options:
        node: Any = cfg._cfg_dict
        done: list[str] = []
        for part in option.split('.'):
            if isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            elif isinstance(node, dict) and part in node:
                node = node[part]
            else:
                if done or part not in RUNNER_KEYS:
                    yield _describe_unknown(option, part, done, node)
                break
            done.append(part)


def _describe_unknown(option: str, part: str, done: list[str], node: Any) -> str:
    where = f'`{".".join(done)}`' if done else 'the config'
    known = list(node) if isinstance(node, dict) else []
    near = difflib.get_close_matches(part, known + (list(RUNNER_KEYS) if not done else []))
    hint = f'did you mean {" or ".join(".".join([*done, name]) for name in near)}? ' if near else ''
    return f'--cfg-options {option}: {where} has no key {part!r}, so a new one is made; {hint}it may have no effect'


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
        cfg.work_dir = str(Path('work_dirs') / cfg.get('recipe', {}).get('run', Path(args.config).stem))


def set_randomness(cfg: Config, args: Namespace) -> None:
    """Flags win over the config's ``randomness``; what no flag names stays."""
    randomness = dict(cfg.get('randomness') or {})
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
    cfg.auto_scale_lr.enable = True


def set_amp(cfg: Config, args: Namespace) -> None:
    """Replace the optimizer wrapper by its mixed-precision variant: the class of the same scope whose name has Amp."""
    if not args.amp:
        return
    wrapper = cfg.optim_wrapper
    wrapper['type'] = amp_variant(wrapper.get('type', 'OptimWrapper'))
    wrapper.setdefault('loss_scale', 'dynamic')
    if not compat.has_accelerator():
        wrapper['dtype'] = 'bfloat16'  # the only type that autocast has on a CPU


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
