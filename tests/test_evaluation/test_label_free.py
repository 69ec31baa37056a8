"""Scores without labels of the target: known answers, by hand or from the papers' formulas."""

import numpy as np
import pytest

from mmda_ext.evaluation import label_free

P = np.array([[.7, .2, .1], [.6, .3, .1], [.1, .1, .8]])


def test_known_answers_of_predictions():
    assert label_free.entropy(P) == pytest.approx(-.779599, abs=1e-6)
    assert label_free.infomax(P) == pytest.approx(.264158, abs=1e-6)
    assert label_free.snd(P) == pytest.approx(.221903, abs=1e-6)
    sure = np.eye(3)[[0, 0, 2]]
    assert label_free.entropy(sure) == 0
    assert label_free.infomax(np.eye(3)) == pytest.approx(np.log(3))


def test_known_answers_of_weights():
    weights, losses = np.array([.5, 1.5, 2, 1]), np.array([.2, .4, 1, .3])
    assert label_free.dev(losses, weights) == pytest.approx(-.45)
    assert label_free.dev(losses, np.ones(4)) == pytest.approx(-losses.mean())  # no spread, no control
    assert label_free.importance_weighted(np.array([True, False, True, False]), weights) == pytest.approx(.5)
    assert label_free.importance_weighted(np.array([False, False, True, False]), weights) == pytest.approx(.4)
    p = np.array([[.25, .75], [1., 0.]])
    assert label_free.cross_entropies(p, np.array([1, 1])) == pytest.approx([-np.log(.75), -np.log(1e-15)])


def test_known_answer_of_mixtures():
    x, partner = np.array([-2., -.5, 1, 3]), np.array([2, 0, 3, 1])
    mixed = .55 * x + .45 * x[partner]
    assert mixed == pytest.approx([-.65, -1.175, 1.9, 1.425])
    labels = (x > 0).astype(int)
    assert label_free.mixval(labels, (mixed > 0).astype(int), partner) == 1
    # One of two among equals, two of two among others: not three of four.
    assert label_free.mixval(labels, np.array([0, 1, 1, 1]), partner) == .75
    assert label_free.mixval(np.zeros(2, int), np.array([0, 1]), np.array([1, 0])) == .5  # there are no others


def test_ratios_are_those_of_the_densities():
    """Two normal distributions, one standard deviation apart: log ratio x - 1/2, whatever the numbers of samples."""
    generator = np.random.default_rng(0)
    train, target = generator.normal(size=(9000, 1)), generator.normal(1, size=(3000, 1))
    found = label_free.density_ratios(train, target, np.array([[0.], [.5], [2.]]))
    assert np.log(found) == pytest.approx([-.5, 0, 1.5], abs=.1)
