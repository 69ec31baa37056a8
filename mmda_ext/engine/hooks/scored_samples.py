"""Which samples an evaluation has scored: what a table compares before it puts two numbers side by side."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mmengine.dist import all_gather_object
from mmengine.runner.base_loop import BaseLoop


class Scored(NamedTuple):
    """What makes a sample of a test set the one that it is."""

    sample_id: str
    domain: str
    label: str
    split: str


class ScoredSamples:
    """Collects the samples of one evaluation, on every process its own."""

    def __init__(self) -> None:
        self._seen: set[Scored] = set()
        self._nameless = False

    def add(self, outputs: Any) -> None:
        """Take the predicted samples of a batch in; ones that say no ``sample_id`` cannot be told apart."""
        for sample in outputs if isinstance(outputs, Sequence) else [outputs]:
            if not hasattr(sample, 'get') or sample.get('sample_id') is None:
                self._nameless = True
                continue
            label = sample.get('gt_label')
            label = label.tolist() if hasattr(label, 'tolist') else label
            self._seen.add(Scored(*map(str, (sample.get('sample_id'), sample.get('domain'), label,
                                             sample.get('split')))))

    def summary(self, loop: BaseLoop) -> dict[str, dict[str, Any]]:
        """``'all'`` samples and, where metrics count one split apart, those ``'held_out'``; of all processes.

        Each is ``{'samples': int, 'domains': {name: int}, 'fingerprint': str}``, and empty where nothing was scored. No
        summary is better than a wrong one: there is none of samples without ``sample_id``.
        """
        parts = all_gather_object((self._seen, self._nameless))
        seen = set().union(*(part for part, _ in parts))
        if not seen or any(nameless for _, nameless in parts):
            return {}
        metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', ())
        splits = {getattr(metric, 'inductive_split', None) for metric in metrics} - {None}
        out = {'all': _describe(seen)}
        if len(splits) == 1:
            out['held_out'] = _describe(sample for sample in seen if sample.split in splits)
        return out


def _describe(samples: Iterable[Scored]) -> dict[str, Any]:
    lines = sorted(samples)
    text = '\n'.join('\t'.join(sample[:3]) for sample in lines)
    return {
        'samples': len(lines), 'domains': dict(sorted(Counter(sample.domain for sample in lines).items())),
        'fingerprint': hashlib.sha256(text.encode()).hexdigest()[:16]}
