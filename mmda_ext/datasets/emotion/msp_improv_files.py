"""Names and the label file of MSP-IMPROV."""

import re
from dataclasses import dataclass
from pathlib import Path

from mmda_ext.datasets.emotion.records import Problem, read_lines

_NUMBER = r'(?:\d+(?:\.\d+)?|[Nn]a[Nn])'
_NAME = re.compile(r'MSP-IMPROV-S(?P<sentence>\d\d)(?P<intended>[AHNS])-(?P<gender>[FM])(?P<session>\d\d)'
                   r'-(?P<scenario>[PRST])-(?P<pair>[FM]{2})(?P<turn>\d+)')
_CONSENSUS = re.compile(rf'UTD-IMPROV-(?P<name>[A-Z0-9-]+)\.avi;\s*(?P<label>[A-Z]);\s*A:(?P<a>{_NUMBER})\s*;'
                        rf'\s*V:(?P<v>{_NUMBER})\s*;\s*D:(?P<d>{_NUMBER})\s*;(?:\s*N:(?P<n>{_NUMBER})\s*;)?\s*')
_RATING = re.compile(rf'(?P<rater>[^;]+);(?P<label>[^;]*);(?P<others>[^;]*);(?:\s*[AVDN]:\s*{_NUMBER}?\s*;?)*\s*')


@dataclass(frozen=True)
class Name:
    """Fields of a file name; ``sentence`` is spoken with the ``intended`` emotion A, H, N or S."""

    sentence: str
    intended: str
    gender: str
    session: str
    scenario: str
    pair: str
    turn: str


@dataclass(frozen=True)
class Evaluation:
    """A block of the label file: consensus of the raters, and each rater's label once.

    ``attributes`` are activation, valence, dominance and naturalness; not a number where the file says NaN or nothing.
    """

    name: str
    label: str
    attributes: tuple[float, float, float, float]
    ratings: tuple[tuple[str, str], ...]


def parse_name(stem: str) -> Name | None:
    """Take a file name apart, without its suffix; None if it is of no known form."""
    match = _NAME.fullmatch(stem)
    return None if match is None else Name(**match.groupdict())


def read_evaluations(path: Path) -> tuple[list[Evaluation], list[Problem]]:
    """Read ``Evalution.txt`` or ``Evaluation.txt``.

    A blank line ends a block. Copies of a rater's line are dropped.

    Args:
        path (Path): The file.

    Returns:
        tuple[list[Evaluation], list[Problem]]: Blocks in the order of the file, and the lines of no known form.
    """
    found: list[Evaluation] = []
    problems: list[Problem] = []
    consensus: Evaluation | None = None
    ratings: dict[str, tuple[str, str]] = {}

    def close() -> None:
        if consensus is not None:
            found.append(Evaluation(consensus.name, consensus.label, consensus.attributes, tuple(ratings.values())))

    for number, line in [*read_lines(path), (0, '')]:
        rating = _RATING.fullmatch(line)
        if not line.strip() or line.startswith('UTD-IMPROV'):
            close()
            consensus, ratings = _consensus(line), {}
            readable = consensus is not None or not line.strip()
        else:
            # Raters of a block whose first line is unreadable are passed over with it.
            readable = rating is not None
            if rating is not None:
                ratings[line.strip()] = (rating['rater'].strip(), rating['label'].strip())
        if not readable:
            problems.append(Problem('unreadable line', f'{path}, line {number}', line))
    return found, problems


def _consensus(line: str) -> Evaluation | None:
    match = _CONSENSUS.fullmatch(line)
    if match is None or parse_name(f'MSP-IMPROV-{match["name"]}') is None:
        return None
    activation, valence, dominance = (float(match[key]) for key in 'avd')
    attributes = (activation, valence, dominance, float(match['n'] or 'nan'))
    return Evaluation(f'MSP-IMPROV-{match["name"]}', match['label'], attributes, ())
