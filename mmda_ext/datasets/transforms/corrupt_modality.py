"""Corrupt one modality of every sample, by one family and severity."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.choices import choose
from mmda_ext.datasets.corruptions import KINDS, SEVERITIES, Facts
from mmda_ext.datasets.corruptions.entries import corrupt_entry, kind_of
from mmda_ext.datasets.transforms.per_modality import get_modality
from mmda_ext.registry import TRANSFORMS

#: Domain, name of the sample, random numbers -> data of another sample of the domain.
Neighbours = Callable[[str, str, np.random.Generator], np.ndarray]


@TRANSFORMS.register_module()
class CorruptModality(BaseTransform):
    """Corrupt the data of a modality as they are at this step; see ``mmda_ext.datasets.corruptions``.

    What is drawn depends on ``seed``, ``sample_id``, modality, family and severity alone: it is the same in every
    epoch, worker and run. The protocol ``corruption`` of ``tools/test.py`` puts this step where it belongs: behind
    decoding and cropping, in front of spectrograms, tokens and normalisation.

    Args:
        modality (str): Name of the modality.
        family (str): Name of the corruption.
        severity (int): 1 to 5, or 0 for none.
        seed (int): Of the corruption; independent of the seed of training.
        facts (Facts, optional): What the corruption has to know beside the sample.
        neighbours (Callable, optional): Other samples, for the families that need one.

    Raises:
        ValueError: If the severity or the family is unknown, or the data do not admit the family.
        KeyError: If a sample lacks the modality.
    """

    def __init__(self, modality: str, family: str, severity: int, seed: int = 0, facts: Facts | None = None,
                 neighbours: Neighbours | None = None) -> None:
        choose('family', family, dict.fromkeys(name for kind in KINDS.values() for name in kind.families),
               'CorruptModality')
        choose('severity', str(severity), map(str, (0, *SEVERITIES)), 'CorruptModality')
        self.modality, self.family, self.severity, self.seed = modality, family, severity, seed
        self.facts, self.neighbours = facts or Facts(modality), neighbours

    def transform(self, results: dict) -> dict:
        entry = get_modality(results, self.modality, 'CorruptModality')
        kind, name = kind_of(entry), str(results['sample_id'])
        if kind is None:
            raise ValueError(f'CorruptModality: modality {self.modality!r} of sample {name!r} has no data at this '
                             f'step that can be corrupted, but {sorted(entry)}: place it after decoding and before '
                             'the data are formatted')
        results['modalities'][self.modality] = corrupt_entry(
            entry, KINDS[kind], self.family, self.severity, name, self.seed, self._facts(entry, results))
        return results

    def _facts(self, entry: dict, results: dict) -> Facts:
        facts = replace(self.facts, sample_rate=entry.get('sample_rate', self.facts.sample_rate))
        neighbours = self.neighbours
        if neighbours is None:
            return facts
        return replace(facts, other=lambda rng: neighbours(results['domain'], results['sample_id'], rng))

    def __repr__(self) -> str:
        return (f'CorruptModality(modality={self.modality!r}, family={self.family!r}, severity={self.severity}, '
                f'seed={self.seed})')
