"""A console line that stays one line."""

import re
from typing import Any

from mmengine.runner import LogProcessor, Runner

from mmda_ext.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class CompactLogProcessor(LogProcessor):
    """MMEngine's log processor without the scalars that only a plot needs, and those as means over the window.

    Args:
        hidden (Sequence[str]): Prefixes of scalars that stay out of the console line. Visualizers get them all.
        **kwargs: As for ``LogProcessor``.
    """

    def __init__(self, hidden: tuple[str, ...] = ('balance/', ), **kwargs: Any) -> None:
        # A coefficient of one step says little: log it like a loss, averaged.
        averaged = '|'.join(map(re.escape, ('loss', 'time', 'data_time', 'grad_norm', *hidden)))
        super().__init__(**{'mean_pattern': f'.*({averaged}).*', **kwargs})
        self.hidden = tuple(hidden)

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict[str, Any], str]:
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        # MMEngine joins `name: value` items with two spaces and offers no seam before that.
        return tag, '  '.join(item for item in line.split('  ') if not item.startswith(self.hidden))
