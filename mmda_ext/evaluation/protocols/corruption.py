"""What is left of the accuracy when one modality of the target is corrupted, by family and severity?"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from mmengine.dataset import Compose

from mmda_ext.choices import choose
from mmda_ext.datasets.corruptions import KINDS, SEVERITIES
from mmda_ext.datasets.corruptions.places import Place, find_places, single_steps
from mmda_ext.evaluation.protocols.base import Evaluation, Protocol
from mmda_ext.registry import PROTOCOLS

#: No adaptation.
NONE = ''
NO_PLACE = 'its pipeline has no step at which it is pictures in bytes, sound, words or features of real numbers'


@PROTOCOLS.register_module()
class Corruption(Protocol):
    """Accuracy on the target for each modality, family and severity; the other modalities stay clean.

    Args:
        families (Sequence[str] | str, optional): Which corruptions; by default all that the data admit.
        severities (Sequence[int] | int): Which severities.
        modalities (Sequence[str] | str, optional): Which modalities; by default all of the test.
        seed (int): Of the corruptions; what is drawn is the same for every model.

    Raises:
        ValueError: If a family is unknown, or a severity is none.
    """

    def __init__(self, families: Sequence[str] | str | None = None, severities: Sequence[int] | int = SEVERITIES,
                 modalities: Sequence[str] | str | None = None, seed: int = 0) -> None:
        known = dict.fromkeys(name for kind in KINDS.values() for name in kind.families)
        self.families = [choose('families', name, known, 'protocols.corruption') for name in _listed(families)]
        self.severities = sorted(dict.fromkeys(_listed(severities)))
        if not self.severities or any(one not in SEVERITIES for one in self.severities):
            raise ValueError(f'protocols.corruption.severities={severities!r} must be of {SEVERITIES}')
        self.modalities, self.seed = _listed(modalities), seed

    def evaluate(self, evaluation: Evaluation) -> dict[str, Any]:
        """``modalities.<m>.families.<family>`` and what was skipped, with the reasons."""
        loader, dataset = evaluation.test_loader(), evaluation.runner.test_dataloader.dataset
        if not loader['dataset'].get('pipeline'):
            raise ValueError(f'the data set of the test, {type(dataset).__name__}, has no `pipeline` of its own, into '
                             'which a corruption could be put: test one data set at a time')
        steps = single_steps(loader['dataset']['pipeline'])
        places = find_places(dataset, steps)
        chosen = [choose('modalities', name, places, 'protocols.corruption') for name in self.modalities] or places
        done = {name: self._modality(evaluation, loader, steps, place)
                for name in chosen if (place := places[name]) is not None}
        if not any(own['families'] for own in done.values()):
            why = '; '.join(_reasons(done, chosen)) or f'no modality has the families {self.families}'
            raise ValueError(f'there is nothing to corrupt: {why}')
        clean = evaluation.clean
        return {
            'samples': len(clean.labels), 'clean': clean.accuracy(), 'severities': self.severities, 'seed': self.seed,
            'modalities': {name: _summed_up(own, clean.accuracy()) for name, own in done.items()},
            'skipped': {name: NO_PLACE for name in chosen if name not in done}}

    def _modality(self, evaluation: Evaluation, loader: Mapping[str, Any], steps: Sequence[Any],
                  place: Place) -> dict[str, Any]:
        names = [name for name in place.kind.families if not self.families or name in self.families]
        skipped = {name: reason for name in names if (reason := place.obstacle(name))}
        found = {}
        for name in names:
            if name not in skipped:
                rows = [self._accuracies(evaluation, loader, steps, place, name, severity)
                        for severity in self.severities]
                found[name] = {adaptation: [row[adaptation] for row in rows] for adaptation in rows[0]}
                scores = ' '.join(f'{score:.1f}' for score in found[name][NONE])
                evaluation.runner.logger.info(f'corruption: {place.facts.modality}, {name}: {scores}')
        return {'kind': place.kind.name, 'families': found, 'skipped': skipped}

    def _accuracies(self, evaluation: Evaluation, loader: Mapping[str, Any], steps: Sequence[Any], place: Place,
                    family: str, severity: int) -> dict[str, float]:
        """Without adaptation, and with each of ``evaluation.adaptations``."""
        corruption = dict(type='mmda_ext.CorruptModality', modality=place.facts.modality, family=family,
                          severity=severity, seed=self.seed, facts=place.facts, neighbours=place.neighbours)
        # The data set that is there, with other steps: building it anew would read its files each time.
        dataset = copy.copy(evaluation.runner.test_dataloader.dataset)
        dataset.pipeline = Compose([*steps[:place.index], corruption, *steps[place.index:]])
        return {NONE: evaluation.scores({**loader, 'dataset': dataset}).accuracy(),
                **{name: evaluation.adapted(method, loader, dataset).accuracy()
                   for name, method in evaluation.adaptations.items()}}

    def table(self, result: Mapping[str, Any]) -> str:
        heads = ['modality', 'corruption', *map(str, result['severities']), 'mean', 'relative drop %']
        lines = [_line(heads), '|' + '---|' * len(heads),
                 _line(['', 'none', *[''] * len(result['severities']), f'{result["clean"]:.1f}', ''])]
        for name, own in result['modalities'].items():
            rows = [row for family, one in own['families'].items() for row in _rows(family, one)]
            if own['families']:
                rows += _rows('**mean**', own)
            lines += [_line([name, family, *(f'{score:.1f}' for score in scores), f'{one["mean"]:.1f}',
                             _percent(one['relative_drop'])]) for family, scores, one in rows]
        skipped = [f'Skipped: {reason}.' for reason in _reasons(result['modalities'], result['skipped'])]
        return '\n'.join([*lines, '', *skipped, ''])

    def draw(self, result: Mapping[str, Any], folder: Path) -> Sequence[Path]:
        from mmda_ext.visualization.corruption_plot import plot_corruption

        return [plot_corruption(result, folder / 'corruption.png')]


def _rows(title: str, own: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[float], Mapping[str, Any]]]:
    yield title, own['accuracy'], own
    yield from ((f'{title} + {name}', one['accuracy'], one) for name, one in own.get('test_time', {}).items())


def _summed_up(own: Mapping[str, Any], clean: float) -> dict[str, Any]:
    """Adds means over severities and, for the modality, over families; and the share of the accuracy that is lost."""
    families = {name: _with_means(scores, clean) for name, scores in own['families'].items()}
    if not families:
        return {**own, 'families': {}}
    adaptations = next(iter(own['families'].values()))
    means = {adaptation: [fmean(column) for column in zip(*(one[adaptation] for one in own['families'].values()))]
             for adaptation in adaptations}
    return {**own, **_with_means(means, clean), 'families': families}


def _with_means(scores: Mapping[str, Sequence[float]], clean: float) -> dict[str, Any]:
    """Of the model as it is, and of each adaptation under ``test_time.<name>``."""
    found = {}
    for name, own in scores.items():
        mean = fmean(own)
        found[name] = {'accuracy': list(own), 'mean': mean,
                       'relative_drop': 1 - mean / clean if clean else float('nan')}
    alone = found.pop(NONE)
    return {**alone, 'test_time': found} if found else alone


def _reasons(modalities: Mapping[str, Any], absent: Any) -> Iterator[str]:
    for name, own in modalities.items():
        for reason in dict.fromkeys(own['skipped'].values()):
            families = ', '.join(family for family, why in own['skipped'].items() if why == reason)
            yield f'{families} of {name}, because {reason}'
    yield from (f'{name}, because {NO_PLACE}' for name in absent if name not in modalities)


def _percent(share: Any) -> str:
    return f'{100 * float(share):.1f}'


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'
