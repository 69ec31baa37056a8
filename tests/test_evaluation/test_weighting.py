"""Weights of predictors: against slow references, invariances, and cases of which the answer is known."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime, minimize_scalar
from scipy.special import log_softmax

from mmda_ext.evaluation.weight_rules import Weighing
from mmda_ext.evaluation.weighted_samples import evidence_of, predictors_of, weighted_samples
from mmda_ext.evaluation.weighting import Evidence, agreed_weights, equal_weights, fitted_weights, gains

VIDEO, AUDIO, FUSED = ([2., 0, -1], [.5, .2, .1], [1.5, 1, -.5])


def evidence(skill, seed, count=60, classes=3):
    """Predictors that give the right class so many nats more than the others, in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(0, 1, (len(skill), count, classes))
    logits[:, np.arange(count), labels] += np.array(skill)[:, None]
    return Evidence(log_softmax(logits, axis=2), labels)


def slow_loss(group, weights):
    """Sample by sample, predictor by predictor."""
    total = 0.
    for sample, label in enumerate(group.labels):
        scores = sum(weight * own[sample] for weight, own in zip(weights, group.log_probs))
        total -= log_softmax(scores)[label]
    return total / len(group.labels)


def slow_gain(group, weights):
    def best(direction):
        return minimize_scalar(lambda log_scale: slow_loss(group, np.exp(log_scale) * np.array(direction)),
                               bounds=(-4, 4), method='bounded', options=dict(xatol=1e-8)).fun

    return best(np.full(len(weights), 1 / len(weights))) - best(weights)


def simplex(size, steps):
    return [np.array(point) / steps for point in product(range(steps + 1), repeat=size) if sum(point) == steps]


def test_the_loss_and_its_gradient_against_a_slow_reference():
    group, weights = evidence([1., 0, -1], 0), np.array([.7, .2, 1.1])
    value, gradient = group.loss(weights)
    assert value == pytest.approx(slow_loss(group, weights), abs=1e-12)
    assert gradient == pytest.approx(approx_fprime(weights, lambda a: slow_loss(group, a), 1e-7), abs=1e-5)


def test_gains_against_a_slow_reference():
    groups, weights = [evidence([2., 0, 1], 0), evidence([0., 1, 1], 1)], np.array([.6, .1, .3])
    assert gains(groups, weights) == pytest.approx([slow_gain(group, weights) for group in groups], abs=1e-7)
    assert gains(groups, equal_weights(3)) == pytest.approx([0, 0], abs=1e-12)
    # Of both signs: the first predictor is the better one of the first domain alone.
    assert gains(groups, np.array([1., 0, 0]))[1] < 0 < gains(groups, np.array([1., 0, 0]))[0]


def test_fitted_weights_are_the_best_of_a_grid():
    groups = [evidence([2., 0, 1], 0), evidence([0., 1, 1], 1, count=20)]
    found = fitted_weights(groups)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()

    def loss(weights):
        return minimize_scalar(lambda s: np.mean([group.loss(s * weights)[0] for group in groups]), bounds=(0, 20),
                               method='bounded', options=dict(xatol=1e-8)).fun

    best = min(simplex(3, 24), key=loss)
    assert loss(found) <= loss(best) + 1e-8
    assert abs(found - best).max() < 1 / 24


@pytest.mark.parametrize('seed', range(3))
def test_agreed_weights_are_the_best_of_a_grid(seed):
    """The domain that gains least gains most; the reference asks 153 weights one by one."""
    skills = ([2., 0, 1], [1.5, 0, 0], [1., 0, 2])
    groups = [evidence(skill, 10 * seed + place) for place, skill in enumerate(skills)]
    found, points = agreed_weights(groups), simplex(3, 16)
    best = max(points, key=lambda weights: gains(groups, weights).min())
    assert gains(groups, found).min() >= gains(groups, best).min() - 1e-6
    assert gains(groups, found).min() > .01
    assert abs(found - best).max() < 1.5 / 16


def test_the_order_of_predictors_and_domains_does_not_matter():
    groups, order = [evidence([2., 0, 1, 0], 0), evidence([1., 0, 1, 0], 1)], [2, 0, 3, 1]
    moved = [Evidence(group.log_probs[order], group.labels) for group in groups[::-1]]
    for rule in (fitted_weights, agreed_weights):
        assert rule(moved) == pytest.approx(rule(groups)[order], abs=1e-4)
        assert abs(rule(groups) - .25).max() > .1


def test_the_scale_of_a_domain_does_not_matter():
    """A domain of which all are too sure, such as an unseen one, asks for no other weights."""
    groups = [evidence([2., 0, 1], 0), evidence([1., 0, 1], 1)]
    sure = [groups[0], Evidence(5 * groups[1].log_probs, groups[1].labels)]
    assert gains(sure, np.array([.5, .2, .3])) == pytest.approx(gains(groups, np.array([.5, .2, .3])), abs=1e-9)
    assert agreed_weights(sure) == pytest.approx(agreed_weights(groups), abs=1e-4)


def test_equal_weights_without_evidence():
    one, other = evidence([2., 0], 0), evidence([0., 2], 1)
    contradiction = [one, other]
    same = np.broadcast_to(one.log_probs[:1], one.log_probs.shape)
    alike = [Evidence(same, one.labels)]
    nothing = [Evidence(np.full((2, 5, 3), -np.log(3)), np.zeros(5, int))]
    without_error = [one, evidence([40., 30.], 2)]
    for groups in (contradiction, alike, nothing, without_error):
        assert agreed_weights(groups).tolist() == [.5, .5]
    assert agreed_weights([one])[0] > .9  # what the others were asked against
    assert fitted_weights([evidence([-5., -5.], 3)]).tolist() == [.5, .5]  # worth no weight at all


def wrong_when_unseen(seed, unseen, count=200):
    """A narrow modality that is right, and a wide one that is as right on its sources, surely wrong elsewhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    narrow, wide = rng.normal(0, 1, (2, count, 3))
    narrow[np.arange(count), labels] += 2
    wide[np.arange(count), (labels + unseen) % 3] += 6 if unseen else 1.8
    fused = narrow + wide
    return Evidence(log_softmax([fused, narrow, wide], axis=2), labels)


def accuracy(group, weights):
    return 100 * (np.tensordot(weights, group.log_probs, 1).argmax(1) == group.labels).mean()


def test_a_wide_modality_that_fails_on_unseen_domains_is_found_out():
    seen, unseen = wrong_when_unseen(0, 0), [wrong_when_unseen(1, 1), wrong_when_unseen(2, 1)]
    target = wrong_when_unseen(3, 1)
    assert accuracy(target, equal_weights(3)) < 10
    assert accuracy(target, fitted_weights([seen])) < 10  # the sources do not tell
    assert accuracy(target, fitted_weights(unseen)) > 70
    # The wide one is worth something on the sources, so they do not let it go: no gain, but no loss either.
    assert agreed_weights([seen, *unseen]).tolist() == equal_weights(3).tolist()
    # Where it is worth nothing there, all agree.
    labels = seen.labels
    useless = Evidence(np.stack([seen.log_probs[1] + evidence([0.], 5, 200).log_probs[0], seen.log_probs[1],
                                 evidence([0.], 5, 200).log_probs[0]]), labels)
    assert accuracy(target, agreed_weights([useless, *unseen])) > 70


@pytest.mark.parametrize(('log_probs', 'labels', 'message'), [
    (np.zeros((2, 0, 3)), np.zeros(0, int), r'got \(2, 0, 3\)'), (np.zeros((2, 4)), np.zeros(4, int), r'got \(2, 4\)'),
    (np.zeros((2, 4, 3)), np.zeros(5, int), r'and \(5,\)'), (np.full((2, 4, 3), -np.inf), np.zeros(4, int), 'finite')])
def test_evidence_that_is_none_is_refused(log_probs, labels, message):
    with pytest.raises(ValueError, match=message):
        Evidence(log_probs, labels)


def test_domains_with_other_predictors_are_refused():
    with pytest.raises(ValueError, match=r'same predictors, found numbers \[2, 3\]'):
        agreed_weights([evidence([0., 1], 0), evidence([0., 1, 2], 1)])


def sample(key, label, domain, video=VIDEO, audio=AUDIO, fused=FUSED):
    logits = dict(fused=fused, head_video=video, head_audio=audio)
    scores = {name: torch.tensor(value).softmax(0) for name, value in logits.items()}
    return dict(sample_id=key, gt_label=torch.tensor([label]), domain=domain, pred_score=scores['fused'],
                predictor_scores={**scores, 'modalities': scores['fused'], 'all': scores['fused'], 'teacher': 0})


def test_samples_are_predicted_with_the_weights():
    rules = dict(equal=equal_weights(3), audio=np.array([0., 0, 1]))
    first, = weighted_samples([sample('a', 0, 'x')], rules, 'equal')
    known = torch.tensor([.641626, .252314, .106060], dtype=torch.float64)
    torch.testing.assert_close(first['pred_score'], known, atol=1e-6, rtol=0)
    assert set(first['predictor_scores']) == {'fused', 'head_video', 'head_audio', 'equal', 'audio'}
    torch.testing.assert_close(first['predictor_scores']['audio'], torch.tensor(AUDIO).double().softmax(0), atol=1e-6,
                               rtol=0)


def test_a_probability_that_was_rounded_to_nothing_is_evidence():
    found = evidence_of([sample('a', 1, 'x', video=[200., 0, 0])])
    assert found.log_probs.shape == (3, 1, 3)
    assert found.labels.tolist() == [1]
    assert found.log_probs[1, 0, 1] == pytest.approx(np.log(np.finfo(np.float32).tiny))


def test_there_must_be_something_to_weigh():
    for samples in ([], [{}], [dict(predictor_scores=dict(fused=0, teacher=0))]):
        with pytest.raises(ValueError, match='without class heads of the modalities'):
            predictors_of(samples)


def test_rules_see_what_is_theirs():
    """Video is right on the sources, audio on the domains that were left out."""
    def domain(name, right):
        rng = np.random.default_rng(len(name))
        logits = dict(video=rng.normal(0, 1, (40, 3)), audio=rng.normal(0, 1, (40, 3)), fused=np.zeros((40, 3)))
        logits[right][:, 2] += 1.5
        return [sample(f'{name}{i}', 2, name, *(logits[one][i].tolist() for one in ('video', 'audio', 'fused')))
                for i in range(40)]

    found = Weighing.of(domain('a', 'video') + domain('bb', 'video'), dict(a=domain('a', 'audio')))
    best = {rule: found.predictors[weights.argmax()] for rule, weights in found.rules.items()}
    assert (best['source'], best['unseen']) == ('head_video', 'head_audio')
    assert found.rules['agreed'].tolist() == found.rules['equal'].tolist() == [1 / 3] * 3
    record = found.record('source')
    assert list(record['evidence']) == ['source/a', 'source/bb', 'unseen/a']
    assert record['evidence']['source/a']['gain'] > 0 > record['evidence']['unseen/a']['gain']
    assert (record['evidence']['source/a']['samples'], record['rule']) == (40, 'source')
    assert record['weights']['unseen']['head_audio'] == found.rules['unseen'][2]
