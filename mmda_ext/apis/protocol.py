"""What every run of this package does, whatever its config is composed from."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS, Registry

#: Hooks of a run: data that are there, order of random numbers, fit of checkpoints, stop at NaN, one test at the end.
HOOKS = ('CheckDataHook', 'EpochSeedHook', 'FittingCheckpointHook', 'StopOnNonFiniteHook', 'TestBestHook')
#: MMAction2's and MMEngine's names -> those that know domains and modalities.
REPLACED = {'checkpoint': ('CheckpointHook', 'LastBestCheckpointHook'),
            'visualization': ('VisualizationHook', 'MultimodalVisualizationHook')}


def set_protocol(cfg: Config) -> None:
    """Write the protocol into a config whose model is not one of MMAction2's own; those train as MMAction2 trains them.

    Hooks that the config states stay as they are, and none is doubled. The config says afterwards all that the run
    does, so that the one dumped beside the checkpoints repeats it.

    Args:
        cfg (Config): Config of a run; changed in place.
    """
    if 'model' in cfg and not _of_mmaction(cfg):
        add_protocol(cfg)


def add_protocol(cfg: Config) -> None:
    """As :func:`set_protocol`, for any model."""
    _import_package(cfg)
    stated = list(cfg.get('custom_hooks') or ())
    classes = [_class(cfg, hook) for hook in stated]
    missing = [hook for hook in (ConfigDict(type=f'mmda_ext.{name}') for name in HOOKS)
               if not any(isinstance(cls, type) and issubclass(cls, _class(cfg, hook)) for cls in classes)]
    cfg.custom_hooks = [*missing, *stated]
    cfg.default_hooks = {'checkpoint': dict(type='CheckpointHook'), **(cfg.get('default_hooks') or {})}
    for place, (stock, own) in REPLACED.items():
        hook = cfg.default_hooks.get(place)
        # With a scope in its name, as mmengine.CheckpointHook, the stock hook is meant.
        if hook is not None and getattr(hook['type'], '__name__', hook['type']) == stock:
            hook.pop('_scope_', None)
            hook['type'] = f'mmda_ext.{own}'
            if hook.get('save_best') == 'auto':
                hook['save_best'] = 'acc/top1'
    if cfg.get('train_dataloader') is not None:
        # MMEngine's own gives the workers of every epoch the same random numbers.
        cfg.train_dataloader.setdefault('worker_init_fn', ConfigDict(type='mmda_ext.seed_worker'))


def also_select(cfg: Config, rules: Sequence[str] | None) -> None:
    """Let a run say what other rules would have selected (``--also-select``).

    Raises:
        ValueError: If the model is one of MMAction2's own, whose runs are not tested by a rule.
    """
    if not rules:
        return
    if _of_mmaction(cfg):
        raise ValueError(f'--also-select {" ".join(rules)}: {cfg.filename} trains a model of MMAction2 as MMAction2 '
                         'does, which tests no selected epoch: leave the flag out')
    cfg.custom_hooks = [*cfg.custom_hooks, ConfigDict(type='mmda_ext.SelectionRulesHook', rules=list(rules))]


def _import_package(cfg: Config) -> None:
    stated = cfg.get('custom_imports') or {}
    names = stated.get('imports') or []
    names = [names] if isinstance(names, str) else list(names)
    if 'mmda_ext' not in names:
        cfg.custom_imports = {'allow_failed_imports': False, **stated, 'imports': ['mmda_ext', *names]}


def _of_mmaction(cfg: Config) -> bool:
    """Whether the model is one of MMAction2's; an unknown name is left for the runner to refuse."""
    cls = _class(cfg, cfg.model, MODELS)
    return cls is None or cls.__module__.split('.')[0] in ('mmaction', 'mmengine')


def _class(cfg: Config, part: Any, registry: Registry = MMENGINE_HOOKS) -> Any:
    """Class or function behind the ``type`` of a part of the config, None where there is none of that name."""
    if not isinstance(part, dict):
        return type(part)
    name = part.get('type')
    if not isinstance(name, str):
        return name
    scope = part.get('_scope_') or cfg.get('default_scope') or 'mmengine'
    with registry.switch_scope_and_registry(scope) as own:
        return own.get(name)
