"""What is left of a model when modalities are missing in the test."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmda_ext.evaluation import calibration
from mmda_ext.evaluation.protocols.base import MODEL, Evaluation, Protocol, accuracy
from mmda_ext.evaluation.shapley import imbalance, shapley_values
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.missing import FILLS, caveat, check_fill, fill_in
from mmda_ext.models.predictors import predict_from
from mmda_ext.registry import PROTOCOLS

Subset = tuple[str, ...]


@PROTOCOLS.register_module()
class Missing(Protocol):
    """Accuracy and calibration for every subset of the modalities, and where each sample lacks some at random.

    The encoders see each sample once; what stands for a missing modality enters in front of fusion and heads, as in a
    recognizer with ``missing``.

    Args:
        fills (Sequence[str], optional): What stands for missing modalities: of ``'zeros'``, ``'mean'`` (that of the
            training samples of the sources), ``'translated'``, ``'left-out'``; by default all that the model can.
        rates (Sequence[float]): Probabilities with which a sample lacks each modality, given that it keeps one.
        seed (int): Of what a sample lacks, which depends on nothing else but ``sample_id`` and modality.
        bins (int): Bins of the calibration error.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(self, fills: Sequence[str] | None = None, rates: Sequence[float] = (.1, .3, .5, .7, .9), seed: int = 0,
                 bins: int = 15) -> None:
        unknown = [name for name in fills or () if name not in FILLS]
        if isinstance(fills, str) or unknown:
            raise ValueError(f'protocols.missing.fills={fills!r} must be a list of some of {", ".join(FILLS)}')
        if any(not 0 <= rate < 1 for rate in rates):
            raise ValueError(f'protocols.missing.rates={rates!r} must be numbers from 0 on and less than 1')
        self.fills, self.rates, self.seed, self.bins = fills, tuple(rates), seed, bins

    def evaluate(self, evaluation: Evaluation) -> dict[str, Any]:
        """``fills.<fill>``: ``subsets.<a+b>.<measure>``, ``shapley``, ``rates.<rate>``; ``not_done.<fill>``: why not.

        Raises:
            ValueError: If the test lacks a modality, or the model has only one, or cannot do any of the fills.
        """
        model, fills, refused = evaluation.model, {}, {}
        lacking = set(model.modalities) - set(evaluation.runner.test_dataloader.dataset[0]['inputs'])
        if lacking:
            raise ValueError(f'the test has no {", ".join(sorted(lacking))}, so that nothing can be taken away from '
                             'complete samples: test with all modalities of the model')
        for fill in self.fills or FILLS:
            try:
                check_fill(model, fill, 'protocols.missing')
            except ValueError as error:
                refused[fill] = str(error)
                continue
            fills[fill] = self._fill(evaluation, fill)
        if not fills:
            raise ValueError('; '.join(dict.fromkeys(refused.values())))
        return {'modalities': list(model.modalities), 'predictor': model.predictor,
                'samples': len(evaluation.features.labels), 'fills': fills, 'not_done': refused,
                'notes': [note for fill in fills if (note := caveat(model, fill))]}

    def _fill(self, evaluation: Evaluation, fill: str) -> dict[str, Any]:
        labels, ids = evaluation.features.labels, evaluation.clean.sample_ids
        means = None
        if fill == 'mean':
            means = {name: value.mean(0) for name, value in evaluation.training_features.values.items()}
        said = {subset: predict_without(evaluation.model, {name: evaluation.features.values[name] for name in subset},
                                        fill, means) for subset in subsets(evaluation.model.modalities)}
        names = evaluation.model.modalities
        return {
            'subsets': {'+'.join(subset): self._measures(own, labels) for subset, own in said.items()},
            'shapley': _shapley(said, names, labels),
            'rates': {str(rate): accuracy(self._mixture(said, ids, rate), labels) for rate in self.rates}}

    def _measures(self, said: Mapping[str, Tensor], labels: Tensor) -> dict[str, Any]:
        own = said[MODEL]
        return {
            'accuracy': accuracy(own, labels),
            'ece': calibration.expected_calibration_error(calibration.reliability(own, labels, self.bins)),
            'brier': calibration.brier_score(own, labels),
            'nll': calibration.negative_log_likelihood(own, labels),
            'predictors': {name: accuracy(value, labels) for name, value in said.items() if name != MODEL}}

    def _mixture(self, said: Mapping[Subset, Mapping[str, Tensor]], ids: Sequence[str], rate: float) -> Tensor:
        """Probabilities ``(N, C)``, of each sample those of the modalities that it keeps."""
        names = max(said, key=len)
        return torch.stack([said[kept(name, names, rate, self.seed)][MODEL][row] for row, name in enumerate(ids)])

    def table(self, result: Mapping[str, Any]) -> str:
        fills = result['fills']
        head = ['modalities', *fills]
        lines = ['Accuracy in percent, by what stands for the modalities that are missing', '', _line(head),
                 '|' + '---|' * len(head)]
        for subset in next(iter(fills.values()))['subsets']:
            lines.append(_line([subset, *(f'{own["subsets"][subset]["accuracy"]:.1f}' for own in fills.values())]))
        for rate in next(iter(fills.values()))['rates']:
            lines.append(_line([f'each missing in {100 * float(rate):g} %',
                                *(f'{own["rates"][rate]:.1f}' for own in fills.values())]))
        for title, key in [*((f'Shapley value of {name}', name) for name in result['modalities']),
                           ('imbalance of the modalities', None)]:
            lines.append(_line([title, *(f'{_share(own["shapley"], key):.1f}' for own in fills.values())]))
        notes = [*result['notes'], *(f'Not done: {reason}.' for reason in result['not_done'].values())]
        return '\n'.join([*lines, '', *notes, ''])

    def draw(self, result: Mapping[str, Any], folder: Path) -> Sequence[Path]:
        from mmda_ext.visualization.subset_plot import plot_subsets

        return [plot_subsets(result, folder / 'missing.png')]


def subsets(names: Sequence[str]) -> Iterator[Subset]:
    """Non-empty subsets, the whole first, each in the order of ``names``."""
    for size in range(len(names), 0, -1):
        yield from combinations(names, size)


def predict_without(model: Any, features: Mapping[str, Tensor], fill: str,
                    means: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Probabilities ``(N, C)`` of the model and of each of its predictors, on the host.

    Args:
        model (MultimodalRecognizer): Whose modalities may be missing from ``features``.
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``, of one modality or more.
        fill (str): One of :data:`FILLS`.
        means (dict[str, Tensor], optional): Modality -> ``(D_m, )``, for ``'mean'``.
    """
    weight = next(model.cls_head.parameters())
    absent = [name for name in model.modalities if name not in features]
    with torch.no_grad(), evaluating(model):
        complete = fill_in(model, {name: value.to(weight) for name, value in features.items()}, fill, means)
        score, _, further = predict_from(model, complete, absent)
    return {name: value.cpu() for name, value in {MODEL: score, **further}.items()}


def kept(sample_id: str, names: Sequence[str], rate: float, seed: int) -> Subset:
    """Modalities that a sample keeps where it lacks each with probability ``rate``, given that it keeps one.

    Drawn again where it would keep none; the numbers drawn are the same at all rates.

    Args:
        sample_id (str): Of the sample.
        names (Sequence[str]): Its modalities.
        rate (float): From 0 on, less than 1.
        seed (int): Of the draw.
    """
    attempt = 0
    while True:
        found = tuple(name for name in names if _uniform(seed, attempt, name, sample_id) >= rate)
        if found:
            return found
        attempt += 1


def _uniform(*parts: object) -> float:
    """A number in [0, 1) from a digest, alike on all machines."""
    digest = hashlib.sha256('\0'.join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], 'big') / 2**64


def _shapley(said: Mapping[Subset, Mapping[str, Tensor]], names: Sequence[str], labels: Tensor) -> dict[str, Any]:
    """Shapley values of the accuracies in percent; without any modality nothing speaks: a guess."""
    scores = {subset: accuracy(own[MODEL], labels) for subset, own in said.items()}
    empty = 100 / next(iter(said.values()))[MODEL].shape[1]
    values = shapley_values(scores, names, empty)
    return {'values': values, 'imbalance': imbalance(values), 'empty': empty}


def _share(shapley: Mapping[str, Any], name: str | None) -> float:
    return shapley['imbalance'] if name is None else shapley['values'][name]


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'
