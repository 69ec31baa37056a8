"""The rules that weigh predictors, from the samples that are known to each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmda_ext.evaluation.weighted_samples import Sample, evidence_of, predictors_of
from mmda_ext.evaluation.weighting import Evidence, agreed_weights, equal_weights, fitted_weights, gains


@dataclass(frozen=True)
class Weighing:
    """Weights by rule, and what they rest on.

    ``'equal'``: all alike. ``'source'``: least NLL of the validation samples of all sources. ``'unseen'``: least mean
    NLL of the sources, each predicted by a training without it. ``'agreed'``: :func:`agreed_weights` of both kinds,
    each domain apart.

    Args:
        predictors (list[str]): Names, in the order of the weights.
        rules (dict[str, np.ndarray]): Weights ``(K, )`` of each rule, on the simplex.
        domains (dict[str, Evidence]): ``source/<domain>`` and ``unseen/<domain>`` -> its samples.
    """

    predictors: list[str]
    rules: dict[str, np.ndarray]
    domains: dict[str, Evidence]

    @classmethod
    def of(cls, seen: Sequence[Sample], unseen: Mapping[str, Sequence[Sample]]) -> 'Weighing':
        """Fit all rules.

        Args:
            seen (Sequence[dict]): Validation samples of the sources, predicted by the model that is to be weighed.
            unseen (dict): Domain -> its samples, predicted by a model that was trained without it.

        Raises:
            ValueError: If a sample has no scores, or there is no class head of a modality.
        """
        apart: dict[str, list[Sample]] = {}
        for sample in seen:
            apart.setdefault(f'source/{sample["domain"]}', []).append(sample)
        sources = {name: evidence_of(samples) for name, samples in apart.items()}
        left_out = {f'unseen/{name}': evidence_of(samples) for name, samples in unseen.items()}
        domains = {**sources, **left_out}
        names = predictors_of(seen)
        rules = {'equal': equal_weights(len(names)), 'source': fitted_weights([evidence_of(seen)]),
                 'unseen': fitted_weights(list(left_out.values())), 'agreed': agreed_weights(list(domains.values()))}
        return cls(names, rules, domains)

    def record(self, rule: str) -> dict[str, Any]:
        """For ``result.json``: the rule, weights of all rules, and number of samples and gain (nats) of each domain."""
        found = gains(list(self.domains.values()), self.rules[rule])
        named = {name: dict(zip(self.predictors, values.tolist())) for name, values in self.rules.items()}
        return {'rule': rule, 'weights': named,
                'evidence': {name: {'samples': len(self.domains[name].labels), 'gain': float(gain)}
                             for name, gain in zip(self.domains, found)}}
