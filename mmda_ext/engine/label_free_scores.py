"""Scores of a run's model on the target without its labels, gathered from its loaders."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmda_ext.engine.still_samples import (
    is_labelled_source,
    labelled_features,
    recognizer_of,
    sample_rows,
    training_set_of,
)
from mmda_ext.evaluation import label_free
from mmda_ext.models.predictors import classify

#: Weight of a sample's own features in a mixture (MixVal), as published.
MIXTURE = 0.55
#: Of the permutation that says what is mixed: the same after every epoch.
SEED = 0


class Rows:
    """Features by modality and probabilities ``(N, C)`` of samples; labels where they have any, else -1.

    Args:
        rows (Sequence[tuple]): Features ``{m: (D_m, )}``, probabilities ``(C, )`` and label of each.
    """

    def __init__(self, rows: Sequence[tuple[dict[str, np.ndarray], np.ndarray, int]]) -> None:
        self.by_modality = {name: np.stack([own[name] for own, _, _ in rows]) for name in rows[0][0]}
        self.p = np.stack([p for _, p, _ in rows])
        self.labels = np.array([label for _, _, label in rows])

    @cached_property
    def features(self) -> np.ndarray:
        return np.concatenate(list(self.by_modality.values()), axis=1)


class LabelFreeScores:
    """Rule -> score of the model as it is, on the main process; higher is better.

    Args:
        rules (Sequence[str]): Of :data:`mmda_ext.selection_rules.LABEL_FREE`.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self.rules = list(rules)
        self._train_loader: Any = None

    def __call__(self, runner: Runner) -> dict[str, float]:
        model = recognizer_of(runner, '--also-select')
        splits = {getattr(metric, 'inductive_split', None) for metric in runner.test_loop.evaluator.metrics} - {None}
        target = read(model, runner.test_loop.dataloader, lambda sample: sample.get('split') not in splits)
        found = {}
        if is_main_process():
            if target is None:
                raise ValueError('--also-select: the test has no sample that is not held out, on which to score: take '
                                 f'{", ".join(self.rules)} out')
            found = {rule: getattr(label_free, rule)(target.p) for rule in self.rules
                     if rule in ('entropy', 'infomax', 'snd')}
            if 'mixval' in self.rules:
                found['mixval'] = mixture_score(model, target)
        weighted = [rule for rule in self.rules if rule in ('importance_weighted', 'dev')]
        return {**found, **(self._weighted(runner, model, target, weighted) if weighted else {})}

    def _weighted(self, runner: Runner, model: Any, target: Rows | None, rules: Sequence[str]) -> dict[str, float]:
        if self._train_loader is None:
            self._train_loader = training_set_of(runner, None, '--also-select')
        size = len(self._train_loader.dataset)
        train, _ = labelled_features(model, self._train_loader, is_labelled_source, size)
        val = read(model, runner.val_loop.dataloader, is_labelled_source)
        if target is None or val is None:
            return {}
        weights = label_free.density_ratios(np.concatenate(list(train.values()), axis=1), target.features, val.features)
        scores: dict[str, tuple[Callable[..., float], np.ndarray]] = {
            'importance_weighted': (label_free.importance_weighted, val.p.argmax(1) == val.labels),
            'dev': (label_free.dev, label_free.cross_entropies(val.p, val.labels))}
        return {rule: score(values, weights) for rule, (score, values) in scores.items() if rule in rules}


def read(model: Any, loader: Any, keep: Any) -> Rows | None:
    """The kept samples of a loader; None on other processes than the main one, and where there are none."""

    def rows_of(inputs: Any, samples: list[Any]) -> list[Any]:
        found = model.extract_feat(inputs, len(samples))
        features = {name: value.double().cpu().numpy() for name, value in found.items()}
        p = _probabilities(model, found)
        return [({name: value[row] for name, value in features.items()}, p[row],
                 int(sample.gt_label) if 'gt_label' in sample else -1) for row, sample in enumerate(samples)]

    rows = sample_rows(model, loader, rows_of, keep, len(loader.dataset))
    return Rows(rows) if rows else None


def mixture_score(model: Any, rows: Rows) -> float:
    """MixVal on mixtures of features, with one permutation and one weight for all modalities."""
    partner = np.random.default_rng(SEED).permutation(len(rows.p))
    parameter = next(model.parameters())
    mixed = {name: torch.as_tensor(MIXTURE * value + (1 - MIXTURE) * value[partner], dtype=parameter.dtype,
                                   device=parameter.device) for name, value in rows.by_modality.items()}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        p = _probabilities(model, mixed)
    model.train(was_training)
    return label_free.mixval(rows.p.argmax(1), p.argmax(1), partner)


def _probabilities(model: Any, features: dict[str, torch.Tensor]) -> np.ndarray:
    return classify(model, features).double().softmax(1).cpu().numpy()
