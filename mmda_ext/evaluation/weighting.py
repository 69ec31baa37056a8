r"""Weights for the summed log-probabilities of several predictors, fitted after training.

The class of a sample is :math:`\arg\max_c \sum_k w_k \log p_k(c)`. Multiplying all weights by one number changes no
class, so weights are given on the simplex, :math:`w \ge 0,\ \sum_k w_k = 1`, and a domain is asked at its best scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import LinearConstraint, brentq, minimize
from scipy.special import logsumexp

from mmda_ext import epsilons

#: Logarithm of the smallest and largest factor at which a group is asked: certainty without an error has no best one.
_LOG_SCALE = 9.0


@dataclass(frozen=True)
class Evidence:
    """What the predictors said of labelled samples of one domain.

    Args:
        log_probs (np.ndarray): Log-probabilities of K predictors, ``(K, N, C)``, finite.
        labels (np.ndarray): Classes, ``(N, )``.

    Raises:
        ValueError: If there is no sample, shapes contradict each other, or a log-probability is not finite.
    """

    log_probs: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        shape = self.log_probs.shape
        if len(shape) != 3 or 0 in shape or self.labels.shape != shape[1:2]:
            raise ValueError(f'log-probabilities (K, N, C) of N samples with labels (N, ) are needed, got {shape} and '
                             f'{self.labels.shape}')
        if not np.isfinite(self.log_probs).all():
            raise ValueError('a log-probability is not finite: clamp probabilities before their logarithm is taken')

    def loss(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        r"""NLL of :math:`\operatorname{softmax}(\sum_k a_k \log p_k)`, nats, and its gradient ``(K, )``; convex."""
        scores = np.tensordot(weights, self.log_probs, 1)
        log_total = logsumexp(scores, axis=1, keepdims=True)
        right = self.log_probs[:, np.arange(len(self.labels)), self.labels]
        expected = (self.log_probs * np.exp(scores - log_total)).sum(2)
        return float((log_total[:, 0] - weights @ right).mean()), (expected - right).mean(1)

    def loss_at_best_scale(self, weights: np.ndarray) -> tuple[float, float]:
        """The least NLL over all factors of the weights, and the logarithm of that factor."""
        def slope(log_scale: float) -> float:
            return float(self.loss(np.exp(log_scale) * weights)[1] @ weights)

        # NLL is convex in the factor: its slope changes sign once, or not at all.
        if slope(_LOG_SCALE) <= 0:
            best = _LOG_SCALE
        else:
            best = -_LOG_SCALE if slope(-_LOG_SCALE) >= 0 else brentq(slope, -_LOG_SCALE, _LOG_SCALE)
        return self.loss(np.exp(best) * weights)[0], best


def equal_weights(size: int) -> np.ndarray:
    """``1 / K`` for each of K predictors: the default of every rule."""
    return np.full(size, 1 / size)


def fitted_weights(groups: Sequence[Evidence]) -> np.ndarray:
    r"""The weights of least NLL, :math:`\arg\min_{a \ge 0} \frac{1}{G} \sum_g \mathrm{NLL}_g(a)`, scaled to sum 1.

    Args:
        groups (Sequence[Evidence]): Domains, which count alike whatever their size.

    Returns:
        np.ndarray: ``(K, )``; equal where no predictor is worth any weight.
    """
    size = _size(groups)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        values, gradients = zip(*(group.loss(weights) for group in groups))
        return float(np.mean(values)), np.mean(gradients, axis=0)

    found = minimize(loss, equal_weights(size), jac=True, method='L-BFGS-B', bounds=[(0, None)] * size,
                     options={'ftol': 1e-12, 'gtol': 1e-9, 'maxiter': 1000}).x
    return found / found.sum() if found.sum() > 0 else equal_weights(size)


def gains(groups: Sequence[Evidence], weights: np.ndarray) -> np.ndarray:
    r"""What each domain gains over equal weights, nats, ``(G, )``, each at its own best scale.

    .. math:: \min_s \mathrm{NLL}_g(s / K) - \min_s \mathrm{NLL}_g(s w)
    """
    equal = equal_weights(_size(groups))
    return np.array([group.loss_at_best_scale(equal)[0] - group.loss_at_best_scale(weights)[0] for group in groups])


def agreed_weights(groups: Sequence[Evidence], least: float = epsilons.AGREED_GAIN) -> np.ndarray:
    r"""The weights by which the domain that gains least gains most; equal ones unless every domain gains.

    .. math:: \arg\max_w \min_g \left( \min_s \mathrm{NLL}_g(s / K) - \min_s \mathrm{NLL}_g(s w) \right)

    A set of weights at which a domain loses at most some NLL is a cone over a convex set, so every local optimum is a
    global one. A domain of which equal weights miss nothing cannot gain, and so keeps them.

    Args:
        groups (Sequence[Evidence]): Domains, seen ones and unseen ones.
        least (float): Smallest gain of every domain, nats, for which equal weights are left.

    Returns:
        np.ndarray: ``(K, )`` on the simplex.
    """
    size = _size(groups)
    equal = equal_weights(size)
    start = [group.loss_at_best_scale(equal) for group in groups]
    problem = _Maximin(groups, np.array([loss for loss, _ in start]), size)
    x = np.concatenate([equal, [scale for _, scale in start], [0.]])
    bounds = [(0, 1)] * size + [(-_LOG_SCALE, _LOG_SCALE)] * len(groups) + [(None, None)]
    simplex = np.r_[np.ones(size), np.zeros(len(groups) + 1)]
    last = np.r_[np.zeros(len(x) - 1), -1.]
    found = minimize(lambda x: -x[-1], x, jac=lambda x: last, method='SLSQP', bounds=bounds,
                     constraints=[{'type': 'ineq', 'fun': problem.slack, 'jac': problem.slopes},
                                  LinearConstraint(simplex, 1, 1)], options={'maxiter': 300, 'ftol': 1e-8})
    weights = np.clip(found.x[:size], 0, None)
    weights = weights / weights.sum()
    # Whatever the solver came to, its weights stand only if all gain; NaN does not.
    return weights if gains(groups, weights).min() > least else equal


@dataclass(frozen=True)
class _Maximin:
    r"""Constraints :math:`\text{gain}_g(w, s_g) \ge t` of ``x`` = weights, logarithms of the scales, ``t``."""

    groups: Sequence[Evidence]
    base: np.ndarray
    size: int

    def slack(self, x: np.ndarray) -> np.ndarray:
        return self.base - [group.loss(scale * x[:self.size])[0] for group, scale in self._scales(x)] - x[-1]

    def slopes(self, x: np.ndarray) -> np.ndarray:
        weights, jacobian = x[:self.size], np.zeros((len(self.groups), len(x)))
        for row, (group, scale) in enumerate(self._scales(x)):
            gradient = scale * group.loss(scale * weights)[1]
            jacobian[row, :self.size], jacobian[row, self.size + row] = -gradient, -gradient @ weights
        jacobian[:, -1] = -1
        return jacobian

    def _scales(self, x: np.ndarray) -> zip:
        return zip(self.groups, np.exp(x[self.size:-1]))


def _size(groups: Sequence[Evidence]) -> int:
    sizes = {len(group.log_probs) for group in groups}
    if len(sizes) != 1:
        raise ValueError(f'all domains need the same predictors, found numbers {sorted(sizes)}')
    return sizes.pop()
