"""What differs between the config of a run that is continued and the one that its checkpoint was written under."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmda_ext import compat

#: Parts of a config that say what is trained on what, and how it is judged.
PARTS = ('model', 'data_preprocessor', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'train_cfg', 'val_cfg',
         'train_dataloader', 'val_dataloader', 'val_evaluator', 'test_dataloader', 'test_evaluator', 'custom_hooks',
         'default_hooks', 'sync_bn', 'randomness')
#: Last parts of keys that say which samples there are.
SAMPLES = ('domains', 'source_domains', 'split', 'val_fraction', 'split_seed', 'target_test_fraction',
           'unlabeled_target', 'grouped', 'classes', 'unknown_classes', 'source_classes', 'target_classes',
           'keep_unknown', 'few_labels')
_SHOWN = 12
_ABSENT = '(nothing)'


def check_resumed_recipe(cfg: Config, checkpoint: str) -> list[str]:
    """Compare the config of a checkpoint with the present one; the seed of the checkpoint is put into the latter.

    Args:
        cfg (Config): The present config.
        checkpoint (str): File to continue from. Nothing in it is run.

    Returns:
        list[str]: What differs and which value holds, one sentence each.

    Raises:
        ValueError: If the state in the checkpoint cannot go on under the present config: other parts of the model,
            another balancer or optimizer, other training or validation samples, another kind of selection.
    """
    meta = compat.load_from_local(checkpoint, map_location='meta').get('meta', {})
    if not isinstance(meta.get('cfg'), str):
        return [f'{checkpoint} keeps no config, so what it was trained with is unknown']
    changes = list(_changes(read_config_text(meta['cfg']), read_config_text(cfg.pretty_text)))
    misfits = [change for change in changes if _cannot_change(*change)]
    if misfits:
        shown = ', '.join(f'{key}={_text(before)} (now {_text(now)})' for key, before, now in misfits[:3])
        more = f' and {len(misfits) - 3} more' if len(misfits) > 3 else ''
        raise ValueError(f'--resume: {checkpoint} was trained with {shown}{more}; what it holds does not fit another '
                         'recipe: continue with the config that it was trained with, or start a new run from its '
                         f'weights in another work dir with --cfg-options load_from={checkpoint}')
    return [*_keep_seed(cfg, meta), *_describe(changes, checkpoint)]


def read_config_text(text: str) -> dict[str, Any]:
    """Leaves of a config as MMEngine prints it, by dotted keys; the text is read, not run.

    >>> read_config_text("model = dict(type='A', widths=[1, 2])")
    {'model.type': 'A', 'model.widths': [1, 2]}
    """
    found: dict[str, Any] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            found.update(_leaves(statement.targets[0].id, _value(statement.value)))
    return found


def _value(node: ast.expr) -> Any:
    """What an expression stands for, as dicts, lists and constants; an unknown one stands for its own text."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        found: dict[str, Any] = {}
        for argument in node.args:
            found.update(_value(argument))
        for item in node.keywords:
            found.update({item.arg: _value(item.value)} if item.arg else _value(item.value))
        return found
    if isinstance(node, ast.Dict):
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values) if key is not None}
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value(item) for item in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f'{path}.{key}', item)
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f'{path}.{index}', item)
    else:
        yield path, value


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key, _ABSENT), now.get(key, _ABSENT)
        nothing = old in (None, _ABSENT) and new in (None, _ABSENT)
        # The seed is kept.
        if key.split('.')[0] in PARTS and old != new and not nothing and key != 'randomness.seed':
            yield key, old, new


def _cannot_change(key: str, before: Any, now: Any) -> bool:
    """Whether the state of a run is worthless, or misleading, once this key has another value."""
    path, _, last = key.rpartition('.')
    root = key.split('.')[0]
    if last == 'type' and root in ('model', 'data_preprocessor'):
        return 'init_cfg' not in path
    if key == 'optim_wrapper.type':
        return _without_amp(before) != _without_amp(now)
    if key in ('optim_wrapper.optimizer.type', 'optim_wrapper.balancer.type', 'train_cfg.type', 'train_cfg.by_epoch'):
        return True
    if last in ('save_best', 'rule', 'oracle') and path == 'default_hooks.checkpoint':
        return True
    # A run may begin or cease to validate.
    return last in SAMPLES and (root == 'train_dataloader' or root == 'val_dataloader' and _ABSENT not in (before, now))


def _without_amp(kind: Any) -> str:
    """Mixed precision changes how a step is computed, not what is kept."""
    scope, _, name = str(kind).rpartition('.')
    return f'{scope}.{name.removeprefix("Amp")}'


def _keep_seed(cfg: Config, meta: dict[str, Any]) -> list[str]:
    """A run has one seed, which its result names: that of its beginning."""
    seed, asked = meta.get('seed'), (cfg.get('randomness') or {}).get('seed')
    if seed is None or seed == asked:
        return []
    cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    return [] if asked is None else [f'seed {asked} is asked for, the run began with {seed}: that of the run holds']


def _text(value: Any) -> str:
    return _ABSENT if value == _ABSENT else repr(value)


def _describe(changes: list[tuple[str, Any, Any]], checkpoint: str) -> list[str]:
    if not changes:
        return []
    lines = [f'{key}: {_text(before)} -> {_text(now)}' for key, before, now in changes[:_SHOWN]]
    lines += [f'and {len(changes) - _SHOWN} more'] if len(changes) > _SHOWN else []
    name = Path(checkpoint).name
    return ['\n    '.join([f'the config differs from that of {name}; from here on the present one holds:', *lines])]
