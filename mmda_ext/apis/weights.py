"""Published weights that a config names, looked for before anything is built."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

#: Keys that name a file of weights, and endings of such files; encoders of transformers look for their folders.
KEYS = ('pretrained', 'checkpoint')
ENDINGS = ('.pth', '.pt', '.tar')


def check_weights(cfg: Config) -> None:
    """Look for every local file of weights that the model of a config names.

    Args:
        cfg (Config): Config of a training run.

    Raises:
        FileNotFoundError: Naming all files that are missing, the keys that name them, and the page that says where
            they come from.
    """
    named = _named(cfg.get('model'), 'model')
    missing = [f'{path} (`{key}`)' for key, path in named if not path.expanduser().is_file()]
    if missing:
        raise FileNotFoundError(
            f'published weights are missing: {" and ".join(missing)}; docs/data.md, "Published weights", says where '
            'each file comes from; a key set to None trains from random weights')


def _named(node: Any, key: str, below: str = '') -> Iterator[tuple[str, Path]]:
    """Dotted key and path of each file; ``below`` is the nearest key that names weights."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _named(value, f'{key}.{name}', name if name in KEYS else below)
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _named(value, f'{key}.{index}', below)
    elif below and isinstance(node, str) and '://' not in node and node.endswith(ENDINGS):
        yield key, Path(node)
