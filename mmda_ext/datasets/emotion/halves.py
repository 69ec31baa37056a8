"""Two halves of a corpus, source and target, and in each a part to train, to validate and to test."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from mmda_ext.datasets.emotion.records import Utterance
from mmda_ext.datasets.emotion.table import PARTS

DOMAINS = ('source', 'target')
SPLITS = ('random', 'speaker', 'session')
#: Share of each class of a half that validates, and that tests.
HELD_OUT = 0.1


def assign(utterances: Sequence[Utterance], split: str = 'random', seed: int = 0) -> dict[str, tuple[str, str]]:
    """Give every utterance a domain and a part.

    Args:
        utterances (Sequence[Utterance]): With a class each; their order has no influence.
        split (str): ``'random'``: equal halves at random, as in the paper, with the same speakers on both sides;
            ``'speaker'`` or ``'session'``: no speaker or session is on both sides, so halves are about equal only.
        seed (int): Of the split; independent of the seed of training.

    Returns:
        dict[str, tuple[str, str]]: Identifier -> domain, part. In each domain 80 % of each class train, 10 % validate
        and 10 % test, rounded to even.

    Raises:
        ValueError: If the split is unknown or a half would be empty.
    """
    if split not in SPLITS:
        raise ValueError(f'split={split!r} is unknown: use one of {SPLITS}')
    rng = np.random.default_rng(seed)
    items = sorted(utterances, key=lambda item: item.id)
    source = _random_half(items, rng) if split == 'random' else _group_half(items, split, rng)
    halves = {'source': [item for item in items if item.id in source],
              'target': [item for item in items if item.id not in source]}
    if not all(halves.values()):
        raise ValueError(f'split={split!r} leaves a half of the {len(items)} utterances empty: use split=\'random\', '
                         'or a release with more sessions')
    return {item.id: (domain, part) for domain, members in halves.items()
            for item, part in zip(members, _parts(members, rng))}


def _random_half(items: Sequence[Utterance], rng: np.random.Generator) -> set[str]:
    return {items[index].id for index in rng.permutation(len(items))[:len(items) // 2]}


def _group_half(items: Sequence[Utterance], split: str, rng: np.random.Generator) -> set[str]:
    """Deal speakers or sessions, in random order, to the half that is smaller."""
    groups: dict[str, list[str]] = defaultdict(list)
    for item in items:
        groups[getattr(item, split)].append(item.id)
    names = sorted(groups)
    halves: tuple[list[str], list[str]] = ([], [])
    for index in rng.permutation(len(names)):
        min(halves, key=len).extend(groups[names[index]])
    return set(halves[0])


def _parts(items: Sequence[Utterance], rng: np.random.Generator) -> list[str]:
    by_class: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_class[str(item.label)].append(index)
    parts = ['train'] * len(items)
    for label in sorted(by_class):
        order = rng.permutation(by_class[label])
        held = round(HELD_OUT * len(order))
        for place, part in ((order[:held], 'val'), (order[held:2 * held], 'test')):
            for index in place:
                parts[index] = part
    return parts


def count_parts(utterances: Sequence[Utterance], places: dict[str, tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Utterances by ``domain/part`` and class, for the manifest."""
    counts: dict[str, Counter[str]] = {f'{domain}/{part}': Counter() for domain in DOMAINS for part in PARTS}
    for item in utterances:
        counts['/'.join(places[item.id])][str(item.label)] += 1
    return {name: dict(counter) for name, counter in counts.items()}
