"""Open-set scores against numbers by hand and a slow reference."""

import pytest
import torch

from mmda_ext.evaluation.detection import auroc, false_alarms_at_95, fpr_at_95
from mmda_ext.evaluation.open_set import ORACLE_THRESHOLDS, Known, accepting, hos, open_set_score, oracle
from mmda_ext.evaluation.protocols.open_set import OpenSet

#: Four samples of three known classes and two of an unknown one.
KNOWN = Known.of(torch.tensor([[.8, .1, .1], [.4, .35, .25], [.2, .7, .1], [.1, .3, .6]]), torch.tensor([0, 0, 1, 2]))
UNKNOWN = torch.tensor([.5, .45])


def by_hand(known, unknown, threshold, mean):
    """One sample after the other."""
    rights = {}
    for confidence, label, correct in zip(*(own.tolist() for own in known)):
        rights.setdefault(label if mean == 'class' else 0, []).append(float(correct and confidence >= threshold))
    os = sum(sum(own) / len(own) for own in rights.values()) / len(rights)
    unk = sum(value < threshold for value in unknown.tolist()) / len(unknown)
    return os, unk, 2 * os * unk / (os + unk) if os + unk else 0


def test_the_published_thresholds_by_hand():
    best = oracle(KNOWN, UNKNOWN, lambda own: own.hos)
    assert best[:4] == pytest.approx((.533333, .75, 1, .857143), abs=1e-6)
    for threshold, expected in ((.488889, (.75, .5, .6)), (.622222, (.5, 1, .666667))):
        assert open_set_score(KNOWN, UNKNOWN, threshold, 'sample')[1:4] == pytest.approx(expected, abs=1e-6)
    assert oracle(KNOWN, UNKNOWN, lambda own: own.accuracy).accuracy == pytest.approx(5 / 6)


def test_class_means_by_hand():
    score = open_set_score(KNOWN, UNKNOWN, .55)
    assert score.os == pytest.approx(.833333, abs=1e-6)
    assert score.hos == pytest.approx(.909091, abs=1e-6)
    assert score.accuracy == pytest.approx(5 / 6)


def test_the_harmonic_mean():
    assert hos(.7, .5) == hos(.5, .7) == pytest.approx(.583333, abs=1e-6)
    assert hos(0, 0) == 0
    assert open_set_score(KNOWN, UNKNOWN, 0.).hos == 0, 'the lowest threshold rejects nothing'


@pytest.mark.parametrize('mean', ['class', 'sample'])
def test_random_samples_against_the_reference(mean):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 4, generator=generator).softmax(1)
    known, unknown = Known.of(rows, torch.randint(4, (60, ), generator=generator)), rows.max(1)[0][:17] * .9
    for threshold in (0., .3, .41, .6, 1.):
        assert open_set_score(known, unknown, threshold, mean)[1:4] == pytest.approx(
            by_hand(known, unknown, threshold, mean))
    low, high = min(known.confidence.min(), unknown.min()).item(), max(known.confidence.max(), unknown.max()).item()
    tried = [by_hand(known, unknown, low + (high - low) * k / 9, 'sample')[2] for k in range(ORACLE_THRESHOLDS)]
    assert oracle(known, unknown, lambda own: own.hos).hos == pytest.approx(max(tried))


def test_a_confidence_at_the_threshold_is_accepted():
    known, unknown = Known(torch.tensor([.5]), torch.tensor([0]), torch.tensor([True])), torch.tensor([.5, .4])
    assert open_set_score(known, unknown, .5)[1:3] == (1, .5)


def test_the_threshold_keeps_that_share():
    values = torch.arange(1, 21) / 20
    for share, expected in ((.95, 2), (1., 1), (.5, 11), (.94, 2), (.96, 1)):
        threshold = accepting(values[torch.randperm(20)], share)
        assert threshold == pytest.approx(expected / 20)
        assert (values >= threshold).double().mean() >= share
    assert accepting(torch.tensor([.3])) == pytest.approx(.3)


def test_both_conventions_of_fpr95_by_hand():
    inside, outside = torch.tensor([.9, .8, .7, .6]), torch.tensor([.75, .5, .4])
    assert auroc(inside, outside) == pytest.approx(.833333, abs=1e-6)
    assert fpr_at_95(inside, outside) == pytest.approx(.333333, abs=1e-6)
    assert false_alarms_at_95(inside, outside) == .5
    assert false_alarms_at_95(inside, torch.arange(1, 21) / 100 + .5) == .25  # 19 of 20 at or below .69
    assert false_alarms_at_95(inside, outside[:0]) != false_alarms_at_95(inside, outside[:0]), 'not a number'


def test_what_cannot_be_is_one_sentence():
    with pytest.raises(ValueError, match='there are 4 and 0: look at unknown_classes and target_classes'):
        open_set_score(KNOWN, UNKNOWN[:0], .5)
    with pytest.raises(ValueError, match="os='mean' is unknown"):
        OpenSet(os='mean')
    with pytest.raises(ValueError, match='keep=0 is a share'):
        OpenSet(keep=0)
