"""Accuracy over all samples, by class, by domain and by modality."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from mmengine.evaluator import BaseMetric

from mmda_ext.evaluation.samples import by_split, further_scores, label_of, scores_of
from mmda_ext.registry import METRICS


class Outcome(TypedDict):
    """What is kept of one sample: ranks of its label, 0 = the highest score."""

    label: int
    rank: int
    domain: str | None
    is_target: bool
    split: str | None
    further_ranks: dict[str, int]


@METRICS.register_module()
class DomainAccuracy(BaseMetric):
    """Accuracies in percent.

    Keys, with ``k`` from ``topk``:

    * ``acc/top<k>``: all samples; ``acc/mean_class``: mean over the classes that occur of their top-1 accuracy;
    * ``<domain>/acc/top<k>`` for each domain that occurs, also when there is only one, so that readers of results find
      the same key in every run;
    * ``source/acc/top<k>`` and ``target/acc/top<k>`` when samples of both kinds occur;
    * ``modality/<m>/acc/top<k>`` for each modality that a sample's ``modality_scores`` names, over those samples;
    * ``predictor/<name>/acc/top<k>`` for each predictor in ``predictor_scores``: heads, sums of them, a teacher.

    A score that is not finite stops the evaluation and names the sample. Among equal scores the lower class index comes
    first.

    Args:
        topk (Sequence[int]): Which accuracies to report.
        inductive_split (str, optional): Count only samples of this ``split`` under these keys; the same keys with
            ``_transductive`` behind them count all samples, those that training has adapted to included.
        collect_device (str): As for every MMEngine metric.
        prefix (str, optional): As for every MMEngine metric.
        collect_dir (str, optional): As for every MMEngine metric.

    Raises:
        ValueError: If ``topk`` holds anything but positive integers, or a sample cannot be scored.
    """

    default_prefix = ''  # keys are complete; None would make MMEngine warn

    def __init__(self,
                 topk: Sequence[int] = (1, ),
                 inductive_split: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        if not topk or any(not isinstance(k, int) or k < 1 for k in topk):
            raise ValueError(f'DomainAccuracy: topk={topk!r} must be positive integers such as (1, 5)')
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.topk, self.inductive_split = tuple(topk), inductive_split

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        for sample in data_samples:
            label = label_of(sample, 'DomainAccuracy')
            self.results.append(
                Outcome(
                    label=label,
                    rank=_rank(sample, 'pred_score', sample.get('pred_score'), label),
                    domain=sample.get('domain'),
                    is_target=bool(sample.get('is_target', False)),
                    split=sample.get('split'),
                    further_ranks={name: _rank(sample, name, score, label)
                                   for name, score in further_scores(sample).items()}))

    def compute_metrics(self, results: list[Outcome]) -> dict[str, float]:
        return by_split(self._metrics, results, self.inductive_split, 'DomainAccuracy')

    def _metrics(self, results: Sequence[Outcome]) -> dict[str, float]:
        metrics = self._accuracies('', (item['rank'] for item in results))
        metrics['acc/mean_class'] = _mean_class(results)
        for prefix, ranks in _groups(results).items():
            metrics.update(self._accuracies(prefix, ranks))
        return metrics

    def _accuracies(self, prefix: str, ranks: Iterable[int]) -> dict[str, float]:
        ranks = list(ranks)
        return {f'{prefix}acc/top{k}': _percent(sum(rank < k for rank in ranks), len(ranks)) for k in self.topk}


def _groups(results: Sequence[Outcome]) -> dict[str, list[int]]:
    """Ranks by prefix of the metric: domains in the order in which they occur, modalities, further predictors."""
    both = len({item['is_target'] for item in results}) == 2
    domains: dict[str, list[int]] = defaultdict(list)
    further: dict[str, list[int]] = defaultdict(list)
    for item in results:
        if item['domain'] is not None:
            domains[f'{item["domain"]}/'].append(item['rank'])
        if both:
            domains['target/' if item['is_target'] else 'source/'].append(item['rank'])
        for name, rank in item['further_ranks'].items():
            further[f'{name}/'].append(rank)
    return {**domains, **further}


def _percent(correct: int, total: int) -> float:
    return 100.0 * correct / total if total else float('nan')


def _mean_class(results: Sequence[Outcome]) -> float:
    by_class: dict[int, list[bool]] = defaultdict(list)
    for item in results:
        by_class[item['label']].append(item['rank'] == 0)
    recalls = [_percent(sum(hits), len(hits)) for hits in by_class.values()]
    return sum(recalls) / len(recalls) if recalls else float('nan')


def _rank(sample: Mapping[str, Any], name: str, score: Any, label: int) -> int:
    """Number of classes that are placed before the label."""
    scores = scores_of(sample, name, score, label, 'DomainAccuracy')
    return int((scores > scores[label]).sum() + (scores[:label] == scores[label]).sum())
