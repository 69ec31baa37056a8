"""One column of a table has one test set: what ``result.json`` says of it, and the refusal of a mixture."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str, int]


@dataclass(frozen=True)
class TestSet:
    """The samples behind one score.

    Args:
        held_out (bool): Only what was held out of the adaptation, instead of all that was evaluated.
        samples (int | None): Their number; None in results from before it was written.
        fingerprint (str | None): Of their names, domains and labels; None likewise.
    """

    held_out: bool
    samples: int | None = None
    fingerprint: str | None = None

    __test__ = False  # not a test case, whatever the name suggests to pytest

    @classmethod
    def of(cls, result: Mapping[str, Any], part: str, metric: str) -> 'TestSet':
        """That of the score ``metric`` in the ``part`` (``'test'``, ``'val'``) of a ``result.json``.

        Metrics that count a split apart report all samples under a second name: where there is one, this is held out.
        """
        held_out = f'{metric}_transductive' in (result.get(part) or {})
        known = (result.get(f'{part}_set') or {}).get('held_out' if held_out else 'all') or {}
        return cls(held_out, known.get('samples'), known.get('fingerprint'))

    def __str__(self) -> str:
        part = 'the held-out part' if self.held_out else 'all'
        return part if self.samples is None else f'{part}, {self.samples} samples ({self.fingerprint})'


def one_test_set(sets: Mapping[Key, TestSet], where: str) -> None:
    """Refuse scores of one target that are of different test sets.

    Results from before the sets were written are told apart by what was held out alone.

    Args:
        sets (Mapping): Test set of (row, target, seed).
        where (str): File, for the message.

    Raises:
        ValueError: If two rows of a target were scored on different samples.
    """
    for target in dict.fromkeys(target for _, target, _ in sets):
        rows: dict[TestSet, dict[str, None]] = defaultdict(dict)
        for (row, own, _), found in sets.items():
            if own == target:
                rows[found][row] = None
        known = {found.fingerprint for found in rows} - {None}
        unknown = any(found.fingerprint is None for found in rows)
        if len(known) > 1 or (unknown and len({found.held_out for found in rows}) > 1):
            scored = '; '.join(f'{", ".join(names)} on {found}' for found, names in rows.items())
            raise ValueError(f'{where}: the rows of target {target} were scored on different samples ({scored}), so '
                             'their numbers do not compare: report the rows of each test set by themselves (--rows, '
                             '--out)')


def describe(sets: Mapping[Key, TestSet]) -> str:
    """The test set of each target in a sentence, and for which rows it is not known."""
    found = {target: own for (_, target, _), own in sets.items() if own.fingerprint}
    unknown = list(dict.fromkeys(row for (row, _, _), own in sets.items() if not own.fingerprint))
    text = '; '.join(f'{target}: {own}' for target, own in found.items())
    said = [f'Scored on: {text}.'] if found else []
    if unknown:
        rows = ', '.join(unknown) if found else 'the rows'
        said.append(f'On which samples {rows} were scored is not recorded (results of an earlier version).')
    return ' '.join(said)
