"""Known answers (Wei et al., ECCV 2024), and what purity and separability mean."""

import numpy as np
import pytest
import torch

from mmda_ext.engine.diagnosis import blend_, purity, relearning_strength, separability


def test_known_answers_a5():
    assert relearning_strength(.1) == pytest.approx(.291313, abs=1e-6)
    assert purity(np.array([0, 0, 1, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(4 / 6)
    current = torch.tensor([5.], requires_grad=True)
    blend_([current], [torch.tensor([2.])], relearning_strength(.1))
    assert current.item() == pytest.approx(4.126062, abs=1e-6)
    assert current.requires_grad
    assert current.grad_fn is None


def test_purity_does_not_depend_on_the_names_of_the_clusters():
    generator = np.random.default_rng(0)
    labels, clusters = generator.integers(0, 4, 50), generator.integers(0, 4, 50)
    assert purity(labels, clusters) == purity(labels, np.array([7, 2, 9, 0])[clusters])
    slow = sum(max(np.sum((clusters == c) & (labels == y)) for y in range(4)) for c in range(4)) / 50
    assert purity(labels, clusters) == pytest.approx(slow)


def test_separability_of_clear_classes_is_one_and_the_scale_of_a_dimension_does_not_matter():
    generator = np.random.default_rng(1)
    labels = np.arange(60) % 3
    clear = 10 * np.eye(3)[labels] + generator.normal(size=(60, 3))
    assert separability(clear, labels, 3) == 1
    noise = generator.normal(size=(60, 3))
    assert separability(noise, labels, 3) < .7
    assert separability(clear * [1, 1e3, 1e-3] + 5, labels, 3) == 1


def test_fewer_samples_than_clusters_are_refused():
    with pytest.raises(ValueError, match='2 labelled source samples cannot be put into 3 clusters'):
        separability(np.zeros((2, 4)), np.zeros(2), 3)
