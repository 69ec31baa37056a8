"""Weighted F1 and unweighted accuracy by hand and against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from mmda_ext.evaluation import DomainAccuracy, WeightedF1
from mmda_ext.evaluation.weighted_f1 import unweighted_accuracy, weighted_f1
from tests.two_processes import run_in_two_processes

TRUTH, GUESS = (0, 0, 0, 1, 1, 2), (0, 0, 1, 1, 2, 2)


def sample(label, guess, domain='source', is_target=False, classes=4, split=None, **modalities):
    item = ActionDataSample().set_pred_score(torch.eye(classes)[guess])
    if label is not None:
        item.set_gt_label(label)
    item.set_metainfo({'domain': domain, 'is_target': is_target, 'sample_id': f'{domain}/x'})
    if split:
        item.set_metainfo({'split': split})
    if modalities:
        item.set_field({name: torch.eye(classes)[one] for name, one in modalities.items()}, 'modality_scores')
    return item


def evaluate(samples, size=None, metric=WeightedF1, **options):
    evaluator = Evaluator(metric(**options))
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start:start + 2])
    return evaluator.evaluate(size or len(samples))


def test_known_answer():
    metrics = evaluate([sample(label, guess) for label, guess in zip(TRUTH, GUESS)])
    assert metrics['f1/weighted'] == pytest.approx(67.7778, abs=1e-4)
    assert metrics['acc/unweighted'] == pytest.approx(100 * (2 / 3 + 1 / 2 + 1) / 3)
    assert metrics['source/f1/weighted'] == metrics['f1/weighted']
    assert set(metrics) == {'f1/weighted', 'acc/unweighted', 'source/f1/weighted', 'source/acc/unweighted'}


def test_against_scikit_learn():
    sklearn = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, guess = rng.integers(0, 4, 30), rng.integers(0, 4, 30)
        truth[truth == rng.integers(4)] = 0
        pairs = list(zip(truth.tolist(), guess.tolist()))
        assert weighted_f1(pairs) == pytest.approx(
            100 * sklearn.f1_score(truth, guess, average='weighted', zero_division=0))
        assert unweighted_accuracy(pairs) == pytest.approx(
            100 * sklearn.recall_score(truth, guess, labels=np.unique(truth), average='macro'))


def test_a_class_never_predicted_counts_nothing():
    assert weighted_f1([(0, 0), (1, 0)]) == pytest.approx(100 * (.5 * 2 / 3))
    assert unweighted_accuracy([(0, 0), (1, 0)]) == 50.


def test_by_domain_and_modality():
    samples = [sample(label, guess, 'source', speech=label, face=0) for label, guess in zip(TRUTH, GUESS)]
    samples += [sample(1, 1, 'target', True, speech=0), sample(2, 1, 'target', True)]
    metrics = evaluate(samples)
    assert metrics['source/f1/weighted'] == pytest.approx(67.7778, abs=1e-4)
    assert metrics['target/f1/weighted'] == pytest.approx(100 * .5 * 2 / 3)
    assert metrics['target/acc/unweighted'] == 50.
    assert metrics['modality/speech/f1/weighted'] == pytest.approx(
        weighted_f1([*zip(TRUTH, TRUTH), (1, 0)]))
    assert metrics['modality/face/acc/unweighted'] == pytest.approx(100 / 3)


def test_by_predictor():
    samples = [sample(label, guess) for label, guess in zip(TRUTH, GUESS)]
    for item, label in zip(samples, TRUTH):
        item.set_field(dict(all=torch.eye(4)[label]), 'predictor_scores')
    metrics = evaluate(samples)
    assert (metrics['predictor/all/f1/weighted'], metrics['predictor/all/acc/unweighted']) == (100., 100.)
    assert metrics['f1/weighted'] == pytest.approx(67.7778, abs=1e-4)


def test_kinds_of_domains_of_other_names():
    metrics = evaluate([sample(0, 0, 'D1'), sample(1, 0, 'D3', True)])
    assert (metrics['source/f1/weighted'], metrics['target/f1/weighted'], metrics['D3/f1/weighted']) == (100., 0., 0.)


def test_inductive_and_transductive():
    """The held-out part under the plain keys, the whole half beside it; fused and by modality."""
    held = [sample(a, b, 'target', True, split='test', speech=a) for a, b in zip(TRUTH, GUESS)]
    adapted = [sample(0, 1, 'target', True, split=part, speech=0) for part in ('train', 'train', 'val')]
    metrics = evaluate([*adapted, *held], inductive_split='test')
    assert metrics['f1/weighted'] == pytest.approx(67.7778, abs=1e-4)
    both = weighted_f1([(0, 1)] * 3 + list(zip(TRUTH, GUESS)))
    assert metrics['f1/weighted_transductive'] == pytest.approx(both)
    assert metrics['target/f1/weighted_transductive'] == pytest.approx(both)
    assert metrics['modality/speech/f1/weighted'] == metrics['modality/speech/f1/weighted_transductive'] == 100.
    plain = evaluate(held)
    assert {key: value for key, value in metrics.items() if 'transductive' not in key} == plain
    accuracies = evaluate([*adapted, *held], metric=DomainAccuracy, inductive_split='test')
    assert accuracies['acc/top1'] == pytest.approx(400 / 6)
    assert accuracies['acc/top1_transductive'] == pytest.approx(400 / 9)


@pytest.mark.parametrize('metric', [WeightedF1, DomainAccuracy])
@pytest.mark.parametrize(('splits', 'found'), [((None, ), "'None'"), (('train', 'val'), "'train', 'val'"),
                                              (('test', None), "'None', 'test'")])
def test_samples_must_say_their_split(metric, splits, found):
    with pytest.raises(ValueError, match=rf"inductive_split='test' needs .* found \[{found}\]"):
        evaluate([sample(0, 0, split=split) for split in splits], metric=metric, inductive_split='test')


def test_ties_and_what_is_not_finite():
    tie, bad = sample(1, 0), sample(1, 1)
    tie.set_pred_score(torch.tensor([.1, .4, .4, .1]))
    assert evaluate([tie])['acc/unweighted'] == 100.
    bad.set_pred_score(torch.tensor([math.nan, 1., 0., 0.]))
    with pytest.raises(ValueError, match='sample source/x has pred_score .*not finite'):
        evaluate([sample(0, 0), bad])


@pytest.mark.parametrize(('bad', 'message'), [
    (sample(None, 0), 'source/x has no gt_label'),
    (sample(4, 0), 'gt_label 4, but pred_score has 4 classes'),
    (sample([0, 1], 0), '2 labels'),
    (ActionDataSample().set_gt_label(0), 'has no pred_score'),
])
def test_errors_name_the_sample(bad, message):
    with pytest.raises(ValueError, match=message):
        evaluate([bad])


def test_is_built_by_name():
    assert isinstance(METRICS.build({'type': 'mmda_ext.WeightedF1'}), WeightedF1)


def _two_process_metric(rank, expected):
    samples = [sample(label, guess) for label, guess in zip(TRUTH, GUESS)][:5]
    evaluator = Evaluator(WeightedF1())
    evaluator.process((samples + samples[:1])[rank::2])
    assert evaluator.evaluate(len(samples)) == pytest.approx(expected)


def test_two_processes():
    run_in_two_processes(_two_process_metric, evaluate([sample(a, b) for a, b in zip(TRUTH, GUESS)][:5]))
