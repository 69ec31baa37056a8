"""What MMEngine does to configs while it reads and writes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

#: Texts kept: a run has a handful, one for each state of its config that is written.
_TEXTS = 32


@contextmanager
def quiet_substitution() -> Iterator[None]:
    """MMEngine logs every environment variable that it puts into a config, once for each file; here it does not."""
    from mmengine.config import config as module
    said = module.print_log
    module.print_log = lambda *args, **kwargs: None
    try:
        yield
    finally:
        module.print_log = said


def format_configs_once() -> None:
    """MMEngine (0.10.7) lays out the text of the whole config anew, by yapf, for every checkpoint: 0.2 s.

    The layout depends on nothing but the unformatted text, which is still made of the config at every call: a config
    that has changed has another text, and is laid out again. Safe to call twice.
    """
    from mmengine.config import config as module
    if not hasattr(module.FormatCode, 'cache_info'):
        module.FormatCode = _remembering(module.FormatCode)


def _remembering(lay_out: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a text and a style, with its last answers at hand; what it refuses it is asked again."""
    cached = lru_cache(_TEXTS)(lambda text, style, options: lay_out(text, style_config=dict(style), **dict(options)))

    def format_code(text: str, style_config: dict[str, Any], **options: Any) -> Any:
        return cached(text, tuple(style_config.items()), tuple(options.items()))

    format_code.cache_info = cached.cache_info  # type: ignore[attr-defined]
    return format_code
