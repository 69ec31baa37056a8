"""Measures of trust against numbers by hand, slow references and torchmetrics."""

import itertools
from math import isnan, log

import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from mmda_ext.evaluation.calibration import expected_calibration_error, negative_log_likelihood, reliability
from mmda_ext.evaluation.detection import aurc, auroc, excess_aurc, fpr_at_95
from mmda_ext.evaluation.protocols.trust import COLUMNS, Trust, measures

#: Five predictions of two classes: the first, third and fourth are right.
SURE = torch.tensor([.92, .81, .73, .38, .45])
FIVE, LABELS = torch.stack([SURE, 1 - SURE], 1), torch.tensor([0, 1, 0, 1, 0])


@pytest.mark.parametrize('bins', [5, 10, 15])
def test_measures_by_hand(bins):
    found = measures(FIVE, LABELS, bins)
    assert set(found) == set(COLUMNS)
    expected = dict(accuracy=60, ece={5: .386, 10: .418, 15: .418}[bins], brier=.472920, nll=.667074, aurc=.296667,
                    excess_aurc=.166667, auroc=.666667, fpr95=.5)
    assert found == pytest.approx(expected, abs=1e-6)


def test_measures_of_three_classes_by_hand():
    rows = torch.tensor([[.7, .2, .1], [.1, .3, .6]], dtype=torch.float64)
    found = measures(rows, torch.tensor([0, 1]), 10)
    assert found['brier'] == pytest.approx((.09 + .04 + .01 + .01 + .49 + .36) / 2)
    assert found['nll'] == pytest.approx(-(log(.7) + log(.3)) / 2)
    assert found['ece'] == pytest.approx((.3 + .6) / 2)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    for dtype in (torch.float32, torch.float64):
        rows = torch.tensor([[.8, .2], [1., 0], [.95, .05]], dtype=dtype)
        bins = reliability(rows, torch.tensor([0, 0, 1]), 15)
        assert [(round(one.high * 15), one.samples) for one in bins] == [(12, 1), (15, 2)]
        # In a bin of its own, which torchmetrics gives it, the confidence of 1 would hide the wrong one beside it.
        assert expected_calibration_error(bins) == pytest.approx((.2 + 2 * abs(.5 - .975)) / 3)


def test_calibration_error_is_that_of_torchmetrics_off_the_edges():
    generator = torch.Generator().manual_seed(0)
    rows = (3 * torch.randn(500, 4, generator=generator, dtype=torch.float64)).softmax(1)
    labels = torch.randint(4, (500, ), generator=generator)
    for bins in (1, 10, 15):
        own = expected_calibration_error(reliability(rows, labels, bins))
        assert own == pytest.approx(float(multiclass_calibration_error(rows, labels, 4, n_bins=bins)), abs=1e-6)


def test_a_calibrated_model_has_no_error():
    rows = torch.tensor([[.75, .25]] * 4 + [[.5, .5]] * 2)
    assert expected_calibration_error(reliability(rows, torch.tensor([0, 0, 0, 1, 0, 1]), 2)) == 0


def test_a_probability_of_zero_costs_a_finite_amount():
    found = negative_log_likelihood(torch.tensor([[1., 0]]), torch.tensor([1]))
    assert found == pytest.approx(-log(1e-12))


def test_ties_of_the_risk_are_the_mean_over_all_orders():
    scores, correct = torch.tensor([.9, .7, .7, .7, .2]), torch.tensor([True, False, True, True, False])
    areas = []
    for order in itertools.permutations((1, 2, 3)):
        errors = [0., *(0. if correct[index] else 1. for index in order), 1.]
        areas.append(sum(sum(errors[:count]) / count for count in range(1, 6)) / 5)
    assert aurc(scores, correct) == pytest.approx(sum(areas) / len(areas))
    shuffled = [3, 0, 4, 2, 1]
    assert aurc(scores[shuffled], correct[shuffled]) == pytest.approx(aurc(scores, correct))


@pytest.mark.parametrize('wrong', [0, 1, 3, 6])
def test_nothing_exceeds_the_order_with_all_errors_last(wrong):
    correct = torch.arange(6) < 6 - wrong
    assert excess_aurc(torch.linspace(1, .5, 6), correct) == pytest.approx(0, abs=1e-12)
    assert excess_aurc(torch.linspace(.5, 1, 6), correct) >= -1e-12


def test_detection_by_hand():
    known, unknown = torch.tensor([.9, .8, .7, .6]), torch.tensor([.75, .5, .4])
    assert auroc(known, unknown) == pytest.approx(.833333, abs=1e-6)
    assert fpr_at_95(known, unknown) == pytest.approx(1 / 3)
    assert auroc(torch.tensor([.5, .5]), torch.tensor([.5])) == pytest.approx(.5)


@pytest.mark.parametrize(('below', 'expected'), [(1, 0.), (2, 1.)])
def test_the_threshold_accepts_exactly_95_of_a_hundred(below, expected):
    """One of twenty may be lost, not two."""
    trusted = torch.tensor([.1] * below + [.9] * (20 - below))
    assert fpr_at_95(trusted, torch.tensor([.5])) == pytest.approx(expected)


def test_nothing_to_tell_apart_is_no_number():
    for one, other in (([], [.5]), ([.5], []), ([], [])):
        assert isnan(auroc(torch.tensor(one), torch.tensor(other)))
        assert isnan(fpr_at_95(torch.tensor(one), torch.tensor(other)))
    found = measures(FIVE, torch.tensor([0, 0, 0, 1, 1]), 15)
    assert found['accuracy'] == 100
    assert found['aurc'] == 0
    assert isnan(found['auroc'])


@pytest.mark.parametrize('bins', [0, -1, 2.5])
def test_bins_are_a_whole_number(bins):
    with pytest.raises(ValueError, match='must be a whole number from 1 on'):
        Trust(bins=bins)
