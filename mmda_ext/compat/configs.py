"""What MMEngine does to configs while it reads and writes them."""

from collections.abc import Iterator
from contextlib import contextmanager


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
