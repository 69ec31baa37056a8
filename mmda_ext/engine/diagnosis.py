"""How separable a modality's features are, and how far its encoder goes back for it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def purity(labels: np.ndarray, clusters: np.ndarray) -> float:
    r"""Fraction of samples that are of the most frequent class of their cluster.

    .. math:: P = \frac{1}{N} \sum_c \max_y |\{i : \text{cluster}_i = c, y_i = y\}|

    Args:
        labels (np.ndarray): Class of each sample, ``(N, )``, at least one.
        clusters (np.ndarray): Cluster of each sample, ``(N, )``.
    """
    from sklearn.metrics.cluster import contingency_matrix
    return float(contingency_matrix(labels, clusters).max(0).sum() / len(labels))


def separability(features: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Purity of as many k-means clusters as there are classes.

    Each dimension is scaled to [-1, 1] over the samples first; k-means starts ten times from seed 0.

    Args:
        features (np.ndarray): ``(N, D)``.
        labels (np.ndarray): ``(N, )``.
        classes (int): Number of clusters.

    Raises:
        ValueError: If there are fewer samples than clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import MinMaxScaler
    if len(labels) < classes:
        raise ValueError(f'{len(labels)} labelled source samples cannot be put into {classes} clusters, one for each '
                         'class: use larger training and validation sets')
    # Double precision: a sum in another order must not move a sample to another cluster.
    scaled = MinMaxScaler((-1, 1)).fit_transform(features.astype(np.float64))
    return purity(labels, KMeans(classes, n_init=10, random_state=0).fit_predict(scaled))


def relearning_strength(gap: float, scale: float = 3.0) -> float:
    r""":math:`\tanh(\lambda g)` of a gap of purities in [0, 1]."""
    return float(np.tanh(scale * gap))


@torch.no_grad()
def blend_(parameters: Sequence[Tensor], initial: Sequence[Tensor], strength: float) -> None:
    r""":math:`\theta \leftarrow a\, \theta_\text{init} + (1 - a)\, \theta` in place, for each pair."""
    for parameter, start in zip(parameters, initial, strict=True):
        parameter.lerp_(start.to(parameter), strength)
