"""The samples of an evaluation in a few words: equal exactly where the samples are."""

from types import SimpleNamespace

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmda_ext.engine.hooks.scored_samples import ScoredSamples


def sample(name, label=0, domain='T', split=None):
    return ActionDataSample().set_gt_label(label).new(metainfo=dict(sample_id=name, domain=domain, split=split))


def loop_of(*splits):
    metrics = [SimpleNamespace(inductive_split=split) for split in splits]
    return SimpleNamespace(evaluator=SimpleNamespace(metrics=[*metrics, SimpleNamespace()]))


def summary(samples, *splits):
    scored = ScoredSamples()
    for batch in samples[:1], samples[1:]:
        scored.add(batch)
    return scored.summary(loop_of(*splits))


SAMPLES = [sample('T/1'), sample('T/2', 1), sample('U/1', 2, 'U')]


def test_a_summary_counts_each_sample_once_in_any_order():
    found = summary(SAMPLES)
    assert list(found) == ['all']
    assert (found['all']['samples'], found['all']['domains']) == (3, dict(T=2, U=1))
    assert summary([*SAMPLES[::-1], SAMPLES[0]]) == found


@pytest.mark.parametrize('other', [sample('T/3', 1), sample('T/2', 2), sample('T/2', 1, 'U')],
                         ids=['name', 'label', 'domain'])
def test_another_name_label_or_domain_is_another_set(other):
    assert summary([SAMPLES[0], other, SAMPLES[2]])['all']['fingerprint'] != summary(SAMPLES)['all']['fingerprint']


def test_what_was_held_out_is_told_apart():
    """By the split that the metrics count; its set does not depend on what else was evaluated."""
    test = [sample('T/1', split='test'), sample('T/2', split='test')]
    both = summary([*test, sample('T/3', split='train')], 'test', None, 'test')
    assert (both['all']['samples'], both['held_out']['samples']) == (3, 2)
    assert both['held_out'] == summary([sample('T/1'), sample('T/2')])['all'], 'the name of the split plays no part'
    assert 'held_out' not in summary(test, 'test', 'train'), 'two meanings of one key: nothing is said'


def test_nothing_is_said_of_samples_without_a_name():
    assert summary([SAMPLES[0], ActionDataSample().set_gt_label(0)]) == {}
    assert summary([SAMPLES[0], torch.zeros(2)]) == {}
    for foreign in (None, torch.zeros(2), dict(x=1)):
        scored = ScoredSamples()
        scored.add(SAMPLES)
        scored.add(foreign)
        assert scored.summary(loop_of()) == {}
    assert ScoredSamples().summary(loop_of()) == {}
    unlabelled = ActionDataSample(metainfo=dict(sample_id='T/1', domain='T'))
    assert summary([unlabelled])['all']['samples'] == 1
