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


def keep_order_of_dumps() -> None:
    """A dumped config keeps the order of its keys; MMEngine (0.10) sorts them.

    The order of ``backbones`` is that of the columns in which a fused head reads the features: a checkpoint that is
    loaded by a sorted config has the modalities exchanged, and nothing says so where their widths let it load.
    """
    from mmengine.config import config as module
    if module.Config(dict(b=1, a=2)).pretty_text.startswith('a'):
        # The function that writes sorts by this name, and nothing else in its module does.
        vars(module)['sorted'] = lambda items, key: list(items)
