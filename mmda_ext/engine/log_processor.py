"""A console line that stays one line."""

from typing import Any

from mmengine.runner import LogProcessor, Runner

from mmda_ext.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class CompactLogProcessor(LogProcessor):
    """MMEngine's log processor without the scalars that only a plot needs.

    Args:
        hidden (Sequence[str]): Prefixes of scalars that stay out of the console line. Visualizers get them all.
        **kwargs: As for ``LogProcessor``.
    """

    def __init__(self, hidden: tuple[str, ...] = ('balance/', ), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict[str, Any], str]:
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        # MMEngine joins `name: value` items with two spaces and offers no seam before that.
        return tag, '  '.join(item for item in line.split('  ') if not item.startswith(self.hidden))
