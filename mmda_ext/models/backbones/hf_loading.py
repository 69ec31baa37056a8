"""Models of the ``transformers`` library: architecture from a config, weights from a folder. Imported lazily."""

import inspect
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn

from mmda_ext.compat import tensors_only
from mmda_ext.local_models import cached_folder

WEIGHT_FILES = ('model.safetensors', 'model.safetensors.index.json', 'pytorch_model.bin',
                'pytorch_model.bin.index.json')


def transformers() -> Any:
    """The library.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import transformers as library
    except ImportError as error:
        raise ImportError('pre-trained encoders need the package transformers: run `pip install transformers`'
                          ) from error
    return library


def read_config(config: Mapping[str, Any] | None, pretrained: str | None, allow_download: bool) -> Any:
    """The library's config object, from a dict with ``model_type`` or from the ``config.json`` of ``pretrained``.

    What would make a step of training random behind the user's back, or leave parameters without a gradient, is
    switched off: dropped layers and the masking of speech features (``layerdrop``, ``apply_spec_augment``).

    Raises:
        ValueError: If neither is given, or the ``model_type`` is unknown.
        FileNotFoundError: If there is no ``config.json``.
    """
    auto = transformers().AutoConfig
    if config is not None:
        options = dict(config)
        kind = options.pop('model_type', None)
        if kind not in transformers().CONFIG_MAPPING:
            raise ValueError(f'config.model_type={kind!r} is unknown to transformers: write the `model_type` of a '
                             'config.json, such as "wavlm", "bert" or "vit"')
        out = auto.for_model(kind, **options)
    elif pretrained is not None:
        place = locate(pretrained, allow_download, ('config.json', ))
        out = auto.from_pretrained(place, local_files_only=not allow_download, trust_remote_code=False)
    else:
        raise ValueError('neither `pretrained` (a folder with weights) nor `config` (dict(model_type=...)) is given')
    for name in ('layerdrop', 'encoder_layerdrop'):
        if hasattr(out, name):
            setattr(out, name, 0.0)
    if hasattr(out, 'apply_spec_augment'):
        out.apply_spec_augment = False
    return out


def build_model(config: Any) -> nn.Module:
    """The model of a config object with random weights, without the pooler on top where its class has that choice."""
    return transformers().AutoModel.from_config(config, **_without_pooler(config))


def load_weights(model: nn.Module, pretrained: str, allow_download: bool) -> None:
    """Fill every parameter of ``model`` from the folder or name ``pretrained``; further entries there are left out.

    Raises:
        FileNotFoundError: If there are no weights.
        ValueError: If they belong to another architecture; names the first tensor that does not fit.
    """
    place = locate(pretrained, allow_download, WEIGHT_FILES)
    options = dict(config=model.config, output_loading_info=True, **_without_pooler(model.config))
    try:
        with tensors_only():
            loaded, info = transformers().AutoModel.from_pretrained(
                place, local_files_only=not allow_download, trust_remote_code=False, **options)
    except pickle.UnpicklingError as error:
        raise ValueError(f'pretrained={pretrained!r}: its weights hold more than tensors and are not loaded, because '
                         'such a file can run code: save the model there with `save_pretrained`, as safetensors'
                         ) from error
    except RuntimeError as error:
        raise ValueError(f'pretrained={pretrained!r} does not fit `config`, a {type(model).__name__}: '
                         f'{str(error).splitlines()[-1]}; leave out `config`, or name the folder it describes'
                         ) from error
    missing = sorted(set(info['missing_keys']))
    if missing:
        raise ValueError(f'pretrained={pretrained!r} holds weights of another architecture than '
                         f'{type(model).__name__}: it lacks {len(missing)} tensors, first {missing[0]}')
    model.load_state_dict(loaded.state_dict())
    print_log(f'{type(model).__name__}: weights loaded from {pretrained}', logger='current')


def locate(pretrained: str, allow_download: bool, names: tuple[str, ...]) -> str:
    """Folder in which one of the files ``names`` lies; with ``allow_download`` a name that is no folder stays one.

    Raises:
        FileNotFoundError: If there is none; names files and folder.
    """
    folder = Path(pretrained).expanduser()
    if not folder.is_dir():
        if allow_download:
            return pretrained
        cached = cached_folder(pretrained)
        if cached is None:
            raise FileNotFoundError(
                f'pretrained={pretrained!r}: there is no folder {folder.resolve()} with config.json and '
                'model.safetensors, and transformers has no model of that name in its cache: put the files there '
                '(docs/encoders.md), or set `allow_download=True`')
        folder = cached
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(f'pretrained={pretrained!r}: the folder {folder.resolve()} lacks '
                                f'{" or ".join(names[:3:2])}: save the model there with `save_pretrained`')
    return str(folder)


def _without_pooler(config: Any) -> dict[str, bool]:
    """``add_pooling_layer=False`` where the class takes it: nothing uses the pooler, and DDP refuses idle weights."""
    kind = transformers().MODEL_MAPPING[type(config)]
    has_choice = isinstance(kind, type) and 'add_pooling_layer' in inspect.signature(kind).parameters
    return dict(add_pooling_layer=False) if has_choice else {}
