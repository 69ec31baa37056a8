"""What a corruption is: a pure function, five strengths, and random numbers that belong to the sample."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mmda_ext.choices import choose
from mmda_ext.datasets.emotion.corruption import sample_rng

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Statistics:
    """Features of the training samples of the sources, element by element, in the shape of one sample.

    Args:
        deviation (np.ndarray): Standard deviation, 0 for what is constant.
        low (np.ndarray): Smallest value.
        high (np.ndarray): Largest value.
        shift (np.ndarray | float): What the data set has subtracted from the features that it hands out.
        scale (np.ndarray | float): What it has divided them by.
    """

    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray | float = 0.
    scale: np.ndarray | float = 1.


@dataclass(frozen=True)
class Facts:
    """What a corruption may have to know beside the data of the sample.

    Args:
        modality (str): Whose data they are; what all samples have in common is drawn for each modality anew.
        sample_rate (int): Of a waveform, per second.
        unknown (str): How the tokenizer writes a word that it does not know.
        statistics (Statistics, optional): Of the features.
        other (Callable, optional): Draws the data of another sample of the same domain.
    """

    modality: str = ''
    sample_rate: int = 16000
    unknown: str = '[UNK]'
    statistics: Statistics | None = None
    other: Callable[[np.random.Generator], np.ndarray] | None = None


class Need(NamedTuple):
    """A condition on data and facts, and what is said where it does not hold."""

    holds: Callable[[Any, Facts], bool]
    reason: str


#: Data, strength, random numbers, facts -> corrupted data.
Change = Callable[[Any, Any, np.random.Generator, Facts], Any]


@dataclass(frozen=True)
class Family:
    """One way to corrupt data; see :meth:`Kind.family`."""

    change: Change
    levels: tuple[Any, ...]
    need: Need | None
    common: bool


@dataclass(frozen=True)
class Kind:
    """Data of one kind, and the families of corruptions that it has, by name.

    Args:
        name (str): Such as ``'video'``.
        into (Callable): Data, facts -> a new array in the form that the families work on.
        back (Callable): Result, data, facts -> the result in the form of the data.
    """

    name: str
    into: Callable[[Any, Facts], Any]
    back: Callable[[Any, Any, Facts], Any]
    families: dict[str, Family] = field(default_factory=dict)

    def family(self, *levels: Any, need: Need | None = None, common: bool = False) -> Callable[[Change], Change]:
        """Decorator: the function is the family of its name.

        Args:
            *levels: Strengths at severities 1 to 5.
            need (Need, optional): Without it the family does not exist for the data.
            common (bool): What is drawn is the same for all samples and severities.
        """
        assert len(levels) == len(SEVERITIES)

        def register(change: Change) -> Change:
            self.families[change.__name__] = Family(change, levels, need, common)
            return change

        return register

    def obstacle(self, family: str, data: Any, facts: Facts) -> str:
        """Why there is no such corruption of these data; empty if there is."""
        need = self.families[choose('family', family, self.families, self.name)].need
        return '' if need is None or need.holds(data, facts) else need.reason

    def corrupt(self, data: Any, family: str, severity: int, key: str, seed: int = 0,
                facts: Facts | None = None) -> Any:
        """Corrupted copy of the data, of the same shape and type.

        What is drawn depends on ``seed``, ``key``, family and severity alone, so it is the same in every order,
        process and run.

        Args:
            data (Any): Of one sample; it is never changed.
            family (str): Name of the family.
            severity (int): 1 to 5; 0 returns a copy.
            key (str): Name of the sample.
            seed (int): Of the corruption; independent of the seed of training.
            facts (Facts, optional): What else is known.

        Raises:
            ValueError: If the family or the severity is unknown, or the data do not admit the family.
        """
        facts = facts or Facts()
        if severity not in (0, *SEVERITIES):
            raise ValueError(f'severity={severity!r} must be 0 (as it is) or one of {SEVERITIES}')
        obstacle = self.obstacle(family, data, facts)
        if obstacle:
            raise ValueError(f'{family} of {self.name}: {obstacle}')
        if severity == 0:
            return data if isinstance(data, str) else data.copy()
        chosen = self.families[family]
        names = (facts.modality, family) if chosen.common else (facts.modality, key, family, str(severity))
        changed = chosen.change(self.into(data, facts), chosen.levels[severity - 1], sample_rng(seed, *names), facts)
        return self.back(changed, data, facts)
