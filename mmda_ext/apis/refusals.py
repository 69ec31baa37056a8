"""Sentences for what a component says to values of the config while it is built."""

import difflib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

_UNKNOWN = re.compile(r"got an unexpected keyword argument '(\w+)'")
_NONE_KNOWN = re.compile(r'(\w+)\(\) takes no arguments')
_MISSING = re.compile(r'missing \d+ required .*arguments?: (.+)')
_REFUSALS = (TypeError, ValueError, AssertionError, RuntimeError, KeyError, AttributeError, ArithmeticError)
_REMEDY = 'change it in the config or in --cfg-options'
#: Function of MMEngine that builds from a config -> its name for the values, and what it makes of them.
_BUILDERS = {'build_dataloader': ('dataloader_cfg', 'DataLoader'), 'build_train_loop': ('loop_cfg', 'train_cfg'),
             'build_val_loop': ('loop_cfg', 'val_cfg'), 'build_test_loop': ('loop_cfg', 'test_cfg')}
#: The same for single values.
_VALUES = {'set_random_seed': ('randomness', 'seed'), 'build_logger': ('the logger', 'log_level'),
           'build_evaluator': ('the evaluator', 'evaluator')}
_LOADERS = {'build_train_loop': 'train_dataloader', 'build_val_loop': 'val_dataloader',
            'build_test_loop': 'test_dataloader'}
_LONGEST = 40


@dataclass
class _Built:
    """Something that was being built from the config."""

    name: str
    values: dict[str, Any]
    cls: Any = None


def explain(error: Exception, message: str) -> str | None:
    """Sentence for an error raised while a component was built from the config, None for any other.

    Args:
        error (Exception): The error, with its traceback.
        message (str): What it says, on one line.
    """
    cause = error.__context__
    if isinstance(error, TypeError) and isinstance(cause, TypeError) and str(error).startswith(f'{cause} in '):
        return explain(cause, message)  # MMEngine names the hook, and forgets where it was raised
    frames = list(_frames(error.__traceback__))
    built = [found for frame in frames if (found := _built(frame)) is not None]
    if not isinstance(error, _REFUSALS) or not built:
        return None
    sentence = _about_arguments(error, built, frames[-1])
    # What fails in a line of ours that refuses nothing is a fault of this package.
    ours = str(frames[-1].f_globals.get('__name__')).startswith('mmda_ext.')
    return sentence or (None if ours else _about_values(built[-1], frames, message))


def _about_arguments(error: Exception, built: list[_Built], last: FrameType) -> str | None:
    unknown, missing = _UNKNOWN.search(str(error)), _MISSING.search(str(error))
    none_known = _NONE_KNOWN.search(str(error))
    if not isinstance(error, TypeError) or not (unknown or missing or none_known):
        return None
    if missing and _built(last) is None:
        return None
    if missing:
        return f'{built[-1].name} needs {missing[1]}: add it in the config or in --cfg-options'
    if none_known:
        return f'{none_known[1]} takes no arguments, but is given {", ".join(built[-1].values)}: {_REMEDY}'
    name = unknown[1] if unknown else ''
    owner = next((one for one in reversed(built) if name in one.values), None)
    if owner is None:
        return None  # not the config's: a call of a program
    # MMEngine calls loaders and loops by their class, which its module holds.
    cls = owner.cls or last.f_globals.get(str(error).split('.')[0])
    known = sorted(set(_parameters(cls)))
    near = difflib.get_close_matches(name, known)
    hint = f'; did you mean {" or ".join(near)}?' if near else ''
    return (f'{getattr(cls, "__name__", owner.name)} has no argument {name!r} ({_shown({name: owner.values[name]})}'
            f'{hint}): it takes {", ".join(known)}; {_REMEDY}')


def _about_values(built: _Built, frames: list[FrameType], message: str) -> str:
    key = next((_LOADERS[frame.f_code.co_name] for frame in reversed(frames)
                if built.name == 'DataLoader' and frame.f_code.co_name in _LOADERS), '')
    values = _shown(built.values)
    return f'{key or built.name} cannot be built with {values or "its values"}: {message.rstrip(".")}; {_REMEDY}'


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _built(frame: FrameType) -> _Built | None:
    """What a frame of MMEngine was building."""
    if not str(frame.f_globals.get('__name__')).startswith('mmengine.'):
        return None
    name, values = frame.f_code.co_name, frame.f_locals
    if name == 'build_from_cfg' and values.get('obj_cls') is not None:
        cls = values['obj_cls']
        return _Built(getattr(cls, '__name__', str(cls)), dict(values.get('args') or {}), cls)
    if name in _VALUES:
        return _Built(_VALUES[name][0], {key: values.get(key) for key in _VALUES[name][1:]})
    if name in _BUILDERS:
        key, made = _BUILDERS[name]
        return _Built(made, dict(values.get(key) or {}))
    if name.startswith('build_') and name != 'build_from_cfg':
        return _Built(name.removeprefix('build_'), {})
    if name == '__init__' and type(values.get('self')).__name__.endswith('Runner'):
        return _Built('the runner', {})
    return None


def _parameters(cls: Any) -> Iterator[str]:
    """Names of the arguments of a class; of its bases, too, as long as it hands on what it does not know."""
    for base in inspect.getmro(cls) if inspect.isclass(cls) else (cls, ):
        if inspect.isclass(base) and '__init__' not in vars(base):
            continue
        parameters = inspect.signature(base.__init__ if inspect.isclass(base) else base).parameters.values()
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        yield from (one.name for one in parameters if one.name != 'self' and one.kind in named)
        if all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in parameters):
            return


def _shown(values: dict[str, Any]) -> str:
    """Values short enough for a sentence."""
    plain = {key: repr(value) for key, value in values.items()
             if isinstance(value, (str, int, float, bool, tuple, list, dict)) or value is None}
    return ', '.join(f'{key}={text}' for key, text in plain.items() if len(text) <= _LONGEST)
