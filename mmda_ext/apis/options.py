"""Which keys of a config the command line may override."""

import difflib
import inspect
import re
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope, Registry, root
from mmengine.runner import Runner

from mmda_ext.apis import few_labels, unknown_classes
from mmda_ext.apis.option_values import ConfigOptions
from mmda_ext.engine.test_time import class_path, method_names
from mmda_ext.evaluation.protocols import class_name, protocol_names
from mmda_ext.registry import BALANCERS

#: Top-level keys that MMEngine's runner and this package read; other ones are variables of the config file.
READ_KEYS = {*inspect.signature(Runner.__init__).parameters, 'activation_checkpointing', 'compile',
             'custom_imports', 'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg', 'protocols',
             'runner_type', 'seen_test_domains', 'sync_bn', 'test_time', few_labels.KEY,
             *unknown_classes.KEYS} - {'self', 'cfg'}
#: What stands in a dict without `type`: the class that takes its keys, and keys that the runner takes out before.
_LOADER = ('torch.utils.data.DataLoader', ('num_batch_per_epoch', 'worker_init_fn', 'collate_fn'))
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    'train_dataloader': _LOADER, 'val_dataloader': _LOADER, 'test_dataloader': _LOADER,
    'train_cfg': ('mmengine.runner.EpochBasedTrainLoop', ('by_epoch', 'type', 'max_iters')),
    'val_cfg': ('mmengine.runner.ValLoop', ('type', )), 'test_cfg': ('mmengine.runner.TestLoop', ('type', )),
    'optim_wrapper': ('mmengine.optim.OptimWrapper', ('type', )),
    'optim_wrapper.paramwise_cfg': ('', (
        'custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult', 'flat_decay_mult',
        'dcn_offset_lr_mult', 'bypass_duplicate')),
    'optim_wrapper.clip_grad': ('torch.nn.utils.clip_grad_norm_', ('type', 'clip_value')),
    'randomness': ('', ('seed', 'diff_rank_seed', 'deterministic')),
    'auto_scale_lr': ('', ('enable', 'base_batch_size')),
    'env_cfg': ('', ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit')),
    'model_wrapper_cfg': ('torch.nn.parallel.DistributedDataParallel', ('type', )),
    'protocols': ('', protocol_names()),
    few_labels.KEY: ('', ('per_class', 'share', 'unlabelled', 'seed')),
    **{f'protocols.{name}': (f'mmda_ext.evaluation.protocols.{name}.{class_name(name)}', ())
       for name in protocol_names()},
    'test_time': ('', method_names()),
    **{f'test_time.{name}': (class_path(name), ()) for name in method_names()},
}
#: Arguments of the wrapper that --amp will put in place.
_AMP_KEYS = ('dtype', 'loss_scale')
#: Keys that the builders take before the component sees them.
BUILDER_KEYS = {
    '': ('type', '_delete_', '_scope_'), 'optim_wrapper': ('constructor', 'optimizer', 'paramwise_cfg', *_AMP_KEYS),
    'param_scheduler': ('convert_to_iter_based', ), 'hooks': ('priority', )}

#: Without those of which MMAction2 has no child, or one that cannot be asked.
_REGISTRIES = [value for name, value in vars(root).items()
               if isinstance(value, Registry) and name not in ('STRATEGIES', 'FUNCTIONS')]


def add_option_flags(parser: ArgumentParser) -> None:
    """Add ``--cfg-options`` and ``--new-options``, which every tool spells and reads alike."""
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='override entries of the config, e.g. train_dataloader.batch_size=8 or key="[a,b]"')
    parser.add_argument('--new-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='the same for keys that the config does not have and nothing is known to read')


def apply_options(cfg: Config, options: Mapping[str, Any] | None, new_options: Mapping[str, Any] | None = None) -> None:
    """Merge the values of ``--cfg-options`` and ``--new-options`` into a config.

    Raises:
        ValueError: If a key of ``options`` would have no effect, with the nearest keys; or if a value does not fit.
    """
    wrong = list(unknown_keys(cfg, options or {}))
    if wrong:
        raise ValueError('; '.join(wrong))
    merged = {**(options or {}), **(new_options or {})}
    try:
        cfg.merge_from_dict(merged)
    except (KeyError, TypeError) as error:
        raise ValueError(f'--cfg-options {merged} does not fit {cfg.filename}: {error}') from error


def unknown_keys(cfg: Config, options: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each option that would change nothing.

    A key is known if the config has it, if MMEngine's runner reads it, or if the component that the ``type`` beside it
    names takes an argument of that name.
    """
    for option in options:
        if option in cfg and option not in READ_KEYS:
            yield _describe_variable(cfg, option)
            continue
        parts = option.split('.')
        node: Any = cfg._cfg_dict
        for depth, part in enumerate(parts):
            if isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            elif isinstance(node, Mapping) and part in node:
                node = node[part]
            else:
                known = known_names(cfg, parts[:depth], node, options)
                if part not in known:
                    yield _describe_unknown(cfg, option, depth, known, node)
                    break
                node = {}


def known_names(cfg: Config, place: list[str], node: Any, options: Mapping[str, Any]) -> set[str]:
    """Names that something reads in the dict at ``place``, beside those that the config has there."""
    path = '.'.join(place)
    if not place:
        return set(READ_KEYS)
    if node is not None and not isinstance(node, Mapping):
        return set()
    names: set[str] = set(BUILDER_KEYS['']) if node else set()
    for key in (place[0], 'hooks' if 'hooks' in place[0] else ''):
        names.update(BUILDER_KEYS.get(key, ()) if len(place) < 3 else ())
    kind = options.get(f'{path}.type', (node or {}).get('type'))
    if kind is not None:
        return names | {'type'} | arguments_of(_component(kind, cfg))
    if path == 'default_hooks':
        return names | _added_hooks(cfg, options)
    dotted, more = PLACES.get(path, ('', ()))
    return names | set(more) | arguments_of(_import(dotted))


def _added_hooks(cfg: Config, options: Mapping[str, Any]) -> set[str]:
    """Names of their own under which options add hooks to a recipe: the runner registers whatever stands there."""
    types = {option.split('.')[1]: kind for option, kind in options.items()
             if re.fullmatch(r'default_hooks\.\w+\.type', option)}
    components = {name: _component(kind, cfg) for name, kind in types.items()}
    return {name for name, found in components.items() if isinstance(found, type) and issubclass(found, Hook)}


def arguments_of(component: Any) -> set[str]:
    """Names of the arguments of a class or function, those that it hands on to its base classes included."""
    names: set[str] = set()
    functions = [vars(cls).get('__init__') for cls in component.__mro__] if isinstance(component, type) else [component]
    for function in filter(None, functions):
        parameters = inspect.signature(function).parameters.values() if function is not object.__init__ else ()
        names.update(item.name for item in parameters if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY))
        if not any(item.kind is item.VAR_KEYWORD for item in parameters):
            break
    return names - {'self'}


def _component(kind: Any, cfg: Config) -> Any:
    """What a ``type`` names, in whichever registry; None where nothing does."""
    if not isinstance(kind, str):
        return kind if callable(kind) else None
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmengine')):
        for registry in _REGISTRIES:
            with registry.switch_scope_and_registry(None) as current:
                found = current.get(kind)
            if found is not None:
                return found
    return BALANCERS.get(kind)


def _import(dotted: str) -> Any:
    module, _, name = dotted.rpartition('.')
    return getattr(__import__(module, fromlist=[name]), name) if module else None


def _describe_unknown(cfg: Config, option: str, depth: int, known: set[str], node: Any) -> str:
    parts = option.split('.')
    place, part = parts[:depth], parts[depth]
    where = f'`{".".join(place)}`' if place else 'the config'
    present = list(node) if isinstance(node, Mapping) else []
    near = difflib.get_close_matches(part, [*present, *sorted(known - set(present))])
    meant = ['.'.join([*place, name]) for name in near] or (list(_places_of(cfg._cfg_dict, part, ''))[:4])
    hint = f'did you mean {" or ".join(meant)}; ' if meant else ''
    return (f'--cfg-options {option}: {where} has no key {part!r} and nothing is known to read one, so it would have '
            f'no effect; {hint}if it is meant, give it by --new-options')


def _describe_variable(cfg: Config, name: str) -> str:
    places = list(_places_of(cfg._cfg_dict, name, ''))[:4]
    hint = f'set {", ".join(places)}' if places else 'set the places that use it'
    return (f'--cfg-options {name}: `{name}` is a variable of the config file, copied to where it is used when the '
            f'file is read, so that setting it later has no effect; {hint}, or write a config with another value')


def _places_of(node: Any, name: str, path: str) -> Iterator[str]:
    """Dotted keys below the top whose last part is ``name``, in what the runner reads."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        if path and key == name:
            yield f'{path}.{key}'
        elif path or key in READ_KEYS:
            yield from _places_of(value, name, f'{path}.{key}' if path else str(key))
