"""Which samples of the training set keep their label, where labels are few."""

import random
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Any


class FewLabels:
    """So many labels of each class of each source domain; the other samples stay, without theirs.

    Which ones is drawn by ``seed`` from the names of the samples alone: neither the order of a file nor the seed of a
    training changes it.

    Args:
        sources (Sequence[str]): The source domains.
        per_class (int, optional): Labels of each class of a domain; all where there are less.
        share (float, optional): Share of the labels of each class of a domain instead, in (0, 1]; at least one.
        unlabelled (Sequence[str]): Source domains without any label.
        seed (int): Of the draw.

    Raises:
        ValueError: If an option is out of range, two say how many, nothing is said, a domain is no source, or no source
            keeps a label.
    """

    def __init__(self, sources: Sequence[str], per_class: int | None = None, share: float | None = None,
                 unlabelled: Sequence[str] = (), seed: int = 0) -> None:
        if isinstance(unlabelled, str):
            raise ValueError(f'few_labels.unlabelled={unlabelled!r} must be a list of source domains')
        if (per_class is not None and share is not None) or (per_class is None and share is None and not unlabelled):
            raise ValueError('few_labels needs one of per_class=5 (labels of each class and source domain) and '
                             'share=0.05, or unlabelled=[a source domain]')
        if per_class is not None and not (isinstance(per_class, int) and per_class >= 1):
            raise ValueError(f'few_labels.per_class={per_class!r} must be a whole number from 1')
        if share is not None and not 0 < share <= 1:
            raise ValueError(f'few_labels.share={share!r} must be in (0, 1]')
        foreign = [name for name in unlabelled if name not in sources]
        if foreign or not set(sources) - set(unlabelled):
            raise ValueError(f'few_labels.unlabelled={list(unlabelled)}: name some of the source domains '
                             f'{list(sources)}, and leave one with labels')
        self.per_class, self.share, self.unlabelled, self.seed = per_class, share, tuple(unlabelled), seed

    def withhold(self, samples: Sequence[dict[str, Any]]) -> int:
        """Take ``gt_label`` out of the samples that do not keep it; how many do is returned."""
        groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for info in samples:
            if 'gt_label' in info and not info['is_target']:
                groups[info['domain'], info['gt_label']].append(info)
        kept = 0
        for (domain, label), group in sorted(groups.items()):
            group.sort(key=lambda info: str(info['sample_id']))
            random.Random(f'{self.seed} {domain} {label}').shuffle(group)
            count = 0 if domain in self.unlabelled else self._count(len(group))
            for info in group[count:]:
                del info['gt_label']
            kept += min(count, len(group))
        return kept

    def _count(self, size: int) -> int:
        if self.per_class is not None:
            return self.per_class
        return size if self.share is None else ceil(self.share * size - 1e-9)
