"""Scores of a model on a target without labels: which epoch of an adaptation to take. Higher is better for all.

Probabilities are ``(N, C)`` with rows that sum to 1, features ``(N, D)``, all in float64.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Temperature of SND, as published.
TEMPERATURE = 0.05
#: Smallest probability in the cross-entropy of DEV, as in its public code.
SMALLEST = 1e-15


def _entropies(p: Array) -> Array:
    """Entropies ``(N, )`` in nats; 0 log 0 is 0."""
    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(-1)


def entropy(p: Array) -> float:
    r"""Minus the mean entropy of the predictions, :math:`-\frac1N \sum_i H(p_i)`; it rewards a collapse to one class.

    Source: Morerio, Cavazza, Murino, Minimal-entropy correlation alignment, ICLR 2018.
    """
    return -float(_entropies(p).mean())


def infomax(p: Array) -> float:
    r""":math:`H(\bar p) - \frac1N \sum_i H(p_i)` with :math:`\bar p` the mean prediction: sure, and of all classes."""
    return float(_entropies(p.mean(0))) + entropy(p)


def snd(p: Array, temperature: float = TEMPERATURE) -> float:
    r"""Soft neighbourhood density: mean entropy of the rows of :math:`\mathrm{softmax}(\hat p \hat p^\top / T)`.

    :math:`\hat p` has rows of length 1; the diagonal is left out.

    Source: Saito, Kim, Teterwak, Sclaroff, Darrell, Saenko, Tune it the right way, ICCV 2021.
    """
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    similar = unit @ unit.T / temperature
    np.fill_diagonal(similar, -np.inf)
    weights = np.exp(similar - similar.max(1, keepdims=True))
    return float(_entropies(weights / weights.sum(1, keepdims=True)).mean())


def mixval(labels: NDArray[np.int64], mixed: NDArray[np.int64], partner: NDArray[np.int64]) -> float:
    r"""How often a mixture is given the pseudo-label of its larger part.

    The mean of two shares: among mixtures of samples of one pseudo-label, and of different ones; one that has no
    sample is left out. The published rule averages ranks of the two over models.

    Args:
        labels (NDArray): Pseudo-labels of the target, ``(N, )``.
        mixed (NDArray): Classes given to :math:`a x_i + (1 - a) x_{\pi(i)}`, :math:`a > 0.5`, ``(N, )``.
        partner (NDArray): :math:`\pi`, ``(N, )``.

    Source: Hu, Liang, Liew, Xue, Bai, Wang, Mixed samples as probes, NeurIPS 2023.
    """
    hits, same = mixed == labels, labels == labels[partner]
    return float(np.mean([hits[part].mean() for part in (same, ~same) if part.any()]))


def importance_weighted(correct: NDArray[np.bool_], weights: Array) -> float:
    r"""Accuracy on source validation as it would be on the target, :math:`\sum_i w_i a_i / \sum_i w_i`.

    Source: Sugiyama, Krauledat, Mueller, Covariate shift adaptation by importance weighted cross validation, JMLR 2007.
    """
    return float((weights * correct).sum() / weights.sum())


def dev(losses: Array, weights: Array) -> float:
    r"""Minus the deep embedded validation risk: the weighted source loss with a control variate.

    .. math:: \overline{w l} + \eta \bar w - \eta, \qquad \eta = -\frac{\mathrm{Cov}(w l, w)}{\mathrm{Var}(w)}

    Source: You, Wang, Long, Jordan, Towards accurate model selection in deep unsupervised domain adaptation, ICML 2019.
    """
    weighted = weights * losses
    spread = weights.var(ddof=1)
    eta = -np.cov(weighted, weights, ddof=1)[0, 1] / spread if spread > 0 else 0.0
    return -float(weighted.mean() + eta * weights.mean() - eta)


def cross_entropies(p: Array, labels: NDArray[np.int64]) -> Array:
    """``(N, )``, of probabilities that are at least :data:`SMALLEST`."""
    return -np.log(np.clip(p[np.arange(len(p)), labels], SMALLEST, None))


def density_ratios(train: Array, target: Array, validation: Array) -> Array:
    r"""Weights of source validation samples, ``(N, )``.

    .. math:: w = \frac{n_\text{train}}{n_\text{target}} \frac{P(\text{target} \mid f)}{P(\text{source} \mid f)}

    from a logistic regression of standardised features that tells the training samples of the sources from the target.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sides = np.repeat([0, 1], [len(train), len(target)])
    judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    judge.fit(np.concatenate([train, target]), sides)
    # The logit is the logarithm of the ratio, and needs no division.
    return np.exp(judge.decision_function(validation)) * len(train) / len(target)
