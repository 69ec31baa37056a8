"""Weighted F1 and unweighted accuracy, the two numbers of emotion recognition."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from mmengine.evaluator import BaseMetric

from mmda_ext.evaluation.samples import by_split, further_scores, label_of, scores_of
from mmda_ext.registry import METRICS


class Prediction(TypedDict):
    """What is kept of one sample."""

    label: int
    fused: int
    domain: str | None
    is_target: bool
    split: str | None
    further: dict[str, int]


@METRICS.register_module()
class WeightedF1(BaseMetric):
    r"""Weighted F1 and unweighted accuracy in percent.

    .. math:: \sum_c \frac{n_c}{n} \frac{2 h_c}{n_c + p_c}, \qquad \frac{1}{C} \sum_c \frac{h_c}{n_c}

    with ``n_c`` samples of class ``c``, ``p_c`` predictions and ``h_c`` hits, over the classes that occur.

    Keys:

    * ``f1/weighted`` and ``acc/unweighted``: all samples, fused prediction;
    * ``<domain>/f1/weighted``, ``<domain>/acc/unweighted`` for each domain that occurs;
    * the same with ``source/`` and ``target/`` when samples of both kinds occur;
    * the same with ``modality/<m>/`` for each modality that a sample's ``modality_scores`` names, over those samples;
    * the same with ``predictor/<name>/`` for each predictor in ``predictor_scores``: heads, sums of them, a teacher.

    A score that is not finite stops the evaluation and names the sample. Among equal scores the lower class index comes
    first.

    Args:
        inductive_split (str, optional): Count only samples of this ``split`` under these keys; the same keys with
            ``_transductive`` behind them count all samples, those that training has adapted to included.
        collect_device (str): As for every MMEngine metric.
        prefix (str, optional): As for every MMEngine metric.
        collect_dir (str, optional): As for every MMEngine metric.
    """

    default_prefix = ''  # keys are complete; None would make MMEngine warn

    def __init__(self,
                 inductive_split: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.inductive_split = inductive_split

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        for sample in data_samples:
            label = label_of(sample, 'WeightedF1')
            self.results.append(
                Prediction(
                    label=label,
                    fused=_predict(sample, 'pred_score', sample.get('pred_score'), label),
                    domain=sample.get('domain'),
                    is_target=bool(sample.get('is_target', False)),
                    split=sample.get('split'),
                    further={name: _predict(sample, name, score, label)
                             for name, score in further_scores(sample).items()}))

    def compute_metrics(self, results: list[Prediction]) -> dict[str, float]:
        return by_split(_metrics, results, self.inductive_split, 'WeightedF1')


def _metrics(results: Sequence[Prediction]) -> dict[str, float]:
    metrics = {}
    for prefix, pairs in _groups(results).items():
        metrics[f'{prefix}f1/weighted'] = weighted_f1(pairs)
        metrics[f'{prefix}acc/unweighted'] = unweighted_accuracy(pairs)
    return metrics


def _groups(results: Sequence[Prediction]) -> dict[str, list[tuple[int, int]]]:
    """Label and prediction by prefix: all, domains in the order in which they occur, modalities, further predictors."""
    both = len({item['is_target'] for item in results}) == 2
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list, {'': []})
    for item in results:
        # A set, because a domain may itself be called source or target.
        names = {item['domain']} if item['domain'] is not None else set()
        if both:
            names.add('target' if item['is_target'] else 'source')
        for prefix in ('', *(f'{name}/' for name in sorted(names))):
            groups[prefix].append((item['label'], item['fused']))
    for item in results:
        for name, predicted in item['further'].items():
            groups[f'{name}/'].append((item['label'], predicted))
    return groups


def _counts(pairs: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int, int]]:
    """Samples, predictions and hits of each class that occurs."""
    classes = sorted({label for label, _ in pairs})
    return {
        name: (sum(label == name for label, _ in pairs), sum(guess == name for _, guess in pairs),
               sum(label == guess == name for label, guess in pairs))
        for name in classes}


def weighted_f1(pairs: Sequence[tuple[int, int]]) -> float:
    """F1 of the classes weighted by their samples, in percent; not a number without samples."""
    if not pairs:
        return float('nan')
    return 100. * sum(n * 2 * hits / (n + p) for n, p, hits in _counts(pairs).values()) / len(pairs)


def unweighted_accuracy(pairs: Sequence[tuple[int, int]]) -> float:
    """Mean recall of the classes that occur, in percent; not a number without samples."""
    recalls = [hits / n for n, _, hits in _counts(pairs).values()]
    return 100. * sum(recalls) / len(recalls) if recalls else float('nan')


def _predict(sample: Mapping[str, Any], name: str, score: Any, label: int) -> int:
    scores = scores_of(sample, name, score, label, 'WeightedF1')
    return int((scores == scores.max()).nonzero()[0])
