"""Accuracies by hand."""

import math

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from mmda_ext.evaluation import DomainAccuracy
from tests.two_processes import run_in_two_processes


def sample(label, scores, domain='D1', is_target=False, **modality_scores):
    item = ActionDataSample().set_pred_score(torch.tensor(scores, dtype=torch.float))
    if label is not None:
        item.set_gt_label(label)
    item.set_metainfo({'domain': domain, 'is_target': is_target, 'sample_id': f'{domain}/x'})
    if modality_scores:
        item.set_field({name: torch.tensor(score, dtype=torch.float) for name, score in modality_scores.items()},
                       'modality_scores')
    return item


def five():
    """Top 1 right: first, third, fifth; classes 0, 0, 0, 1, 2."""
    return [
        sample(0, [.8, .1, .1], 'D1', video=[.9, .1, .0], audio=[.1, .9, .0]),
        sample(0, [.3, .6, .1], 'D1', video=[.9, .1, .0], audio=[.8, .1, .1]),
        sample(0, [.5, .4, .1], 'D2', video=[.1, .9, .0], audio=[.1, .9, .0]),
        sample(1, [.5, .1, .4], 'D2', video=[.2, .8, .0]),
        sample(2, [.1, .2, .7], 'D2'),
    ]


def evaluate(samples, **kwargs):
    evaluator = Evaluator(DomainAccuracy(**kwargs))
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start:start + 2])
    return evaluator.evaluate(len(samples))


def test_known_answers():
    assert evaluate(five(), topk=(1, 2)) == pytest.approx({
        'acc/top1': 60.0, 'acc/top2': 80.0, 'acc/mean_class': 100 * (2 / 3 + 0 + 1) / 3,
        'D1/acc/top1': 50.0, 'D1/acc/top2': 100.0,
        'D2/acc/top1': 100 * 2 / 3, 'D2/acc/top2': 100 * 2 / 3,
        'modality/video/acc/top1': 75.0, 'modality/video/acc/top2': 100.0,
        'modality/audio/acc/top1': 100 / 3, 'modality/audio/acc/top2': 100.0,
    })


def test_further_predictors():
    samples = [sample(0, [1., 0.]), sample(1, [1., 0.])]
    for item, scores in zip(samples, ([0., 1.], [0., 1.])):
        item.set_field(dict(teacher=torch.tensor(scores)), 'predictor_scores')
    metrics = evaluate([*samples, sample(0, [1., 0.])])
    assert metrics['predictor/teacher/acc/top1'] == 50.0
    assert metrics['acc/top1'] == pytest.approx(200 / 3)


def test_one_domain_keeps_its_key():
    assert evaluate([sample(0, [1., 0.], 'D3')])['D3/acc/top1'] == 100.0


def test_source_and_target_apart_when_both_occur():
    metrics = evaluate([sample(0, [1., 0.]), sample(1, [1., 0.], 'D3', is_target=True)])
    assert (metrics['source/acc/top1'], metrics['target/acc/top1'], metrics['acc/top1']) == (100.0, 0.0, 50.0)
    assert 'source/acc/top1' not in evaluate(five())


def test_samples_that_know_neither_domain_nor_modalities():
    plain = ActionDataSample().set_gt_label(1).set_pred_score(torch.tensor([0., 1.]))
    assert evaluate([plain]) == {'acc/top1': 100.0, 'acc/mean_class': 100.0}


def test_ties_go_to_the_lower_class():
    assert evaluate([sample(0, [.5, .5])])['acc/top1'] == 100.0
    assert evaluate([sample(1, [.5, .5])])['acc/top1'] == 0.0


@pytest.mark.parametrize(('bad', 'message'), [
    (sample(None, [1., 0.]), 'sample D1/x has no gt_label'),
    (sample(2, [1., 0.]), 'gt_label 2, but pred_score has 2 classes'),
    (sample(-1, [1., 0.]), 'gt_label -1'),
    (sample([0, 1], [1., 0.]), r'2 labels \[0, 1\]'),
    (ActionDataSample().set_gt_label(0), 'has no pred_score'),
    (sample(0, [.9, math.nan]), r'sample D1/x has pred_score \[.*, nan\], which is not finite'),
    (sample(0, [math.inf, 0]), 'sample D1/x has pred_score .*not finite'),
    (sample(0, [1., 0.], video=[math.nan, 0.]), 'sample D1/x has modality/video .*not finite'),
])
def test_errors_name_the_sample(bad, message):
    with pytest.raises(ValueError, match=message):
        evaluate([bad])


@pytest.mark.parametrize('topk', [(), (0, ), (1.5, )])
def test_topk_is_checked(topk):
    with pytest.raises(ValueError, match='topk='):
        DomainAccuracy(topk=topk)


def test_is_built_by_name():
    assert isinstance(METRICS.build({'type': 'mmda_ext.DomainAccuracy'}), DomainAccuracy)


def _two_process_metric(rank, expected):
    # As MMEngine's sampler deals them: alternating, the first sample again to fill up the second process.
    samples = five()
    mine = (samples + samples[:1])[rank::2]
    evaluator = Evaluator(DomainAccuracy(topk=(1, 2)))
    for batch in (mine[:2], mine[2:]):
        evaluator.process(batch)
    assert evaluator.evaluate(len(samples)) == pytest.approx(expected)


def test_two_processes_with_an_uneven_last_batch():
    run_in_two_processes(_two_process_metric, evaluate(five(), topk=(1, 2)))
