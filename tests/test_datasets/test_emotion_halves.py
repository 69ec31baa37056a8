"""Two halves, and three parts of each."""

from collections import Counter

import pytest

from mmda_ext.datasets.emotion.halves import assign, count_parts
from mmda_ext.datasets.emotion.iemocap_release import DOCUMENTED_SESSIONS
from mmda_ext.datasets.emotion.records import CLASSES, Utterance


def utterance(name: str, session: str, speaker: str, label: str) -> Utterance:
    return Utterance(name, 'iemocap', session, 'd', speaker, speaker[-1], label, label, 0., 1., 'a', 'a.wav', 'a.avi')


def corpus() -> list[Utterance]:
    """As many turns by session and class as the release has."""
    return [utterance(f'{session}{label}{index:04d}', session, f'Ses0{session}{"FM"[index % 2]}', label)
            for session, counts in DOCUMENTED_SESSIONS.items() for label, count in zip(CLASSES, counts)
            for index in range(count)]


def test_random_halves_have_the_sizes_of_the_paper() -> None:
    items = corpus()
    places = assign(items)
    assert Counter(domain for domain, _ in places.values()) == {'source': 2765, 'target': 2766}
    counts = count_parts(items, places)
    for domain in ('source', 'target'):
        for label in CLASSES:
            train, val, test = (counts[f'{domain}/{part}'][label] for part in ('train', 'val', 'test'))
            total = train + val + test
            assert val == test == round(total / 10)


@pytest.mark.parametrize('split', ['speaker', 'session'])
def test_groups_are_never_on_both_sides(split: str) -> None:
    items = corpus()
    for seed in range(5):
        places = assign(items, split, seed)
        sides: dict[str, set[str]] = {'source': set(), 'target': set()}
        for item in items:
            sides[places[item.id][0]].add(getattr(item, split))
        assert not sides['source'] & sides['target']
        sizes = Counter(domain for domain, _ in places.values())
        assert min(sizes.values()) > (.4 if split == 'speaker' else .3) * len(items)


def test_order_has_no_influence_and_the_seed_has() -> None:
    items = corpus()[::7]
    assert assign(items) == assign(items[::-1])
    assert assign(items) != assign(items, seed=1)
    assert assign(items, 'session', 0) != assign(items, 'session', 3)


def test_what_cannot_be_split_is_refused() -> None:
    items = [utterance(str(index), '1', 'Ses01F', 'sad') for index in range(4)]
    with pytest.raises(ValueError, match='use one of'):
        assign(items, 'dialog')
    with pytest.raises(ValueError, match='empty'):
        assign(items, 'session')
