"""A table has one test set for each target: mixtures are refused, what is not known is said."""

import pytest

from mmda_ext.visualization.test_sets import TestSet, describe, one_test_set

WHOLE, PART = TestSet(False, 720, 'aaaa'), TestSet(True, 144, 'bbbb')
OLD_WHOLE, OLD_PART = TestSet(False), TestSet(True)


def sets_of(*found, target='t'):
    return {(f'row{i}', target, seed): own for i, own in enumerate(found) for seed in range(2)}


@pytest.mark.parametrize('found', [
    (WHOLE, WHOLE), (OLD_PART, OLD_PART), (WHOLE, OLD_WHOLE), (OLD_PART, PART),
    (TestSet(False, 3, 'same'), TestSet(True, 3, 'same'))])
def test_one_test_set_passes(found):
    one_test_set(sets_of(*found), 'x')


@pytest.mark.parametrize('found', [
    (WHOLE, PART), (OLD_WHOLE, OLD_PART), (WHOLE, OLD_PART), (OLD_WHOLE, PART), (WHOLE, TestSet(False, 720, 'cccc'))])
def test_two_are_refused(found):
    with pytest.raises(ValueError, match='rows of target t were scored on different samples'):
        one_test_set(sets_of(*found), 'x')


def test_the_refusal_names_file_rows_sets_and_remedy():
    with pytest.raises(ValueError) as refused:
        one_test_set(sets_of(WHOLE, WHOLE, PART), 'some/results.json')
    assert str(refused.value) == (
        'some/results.json: the rows of target t were scored on different samples (row0, row1 on all, 720 samples '
        '(aaaa); row2 on the held-out part, 144 samples (bbbb)), so their numbers do not compare: report the rows of '
        'each test set by themselves (--rows, --out)')


def test_a_refusal_of_old_results_says_what_is_known():
    with pytest.raises(ValueError, match=r'\(row0 on all; row1 on the held-out part\)'):
        one_test_set(sets_of(OLD_WHOLE, OLD_PART), 'x')


def test_targets_have_sets_of_their_own():
    one_test_set({**sets_of(WHOLE), **sets_of(PART, target='u')}, 'x')


def test_the_description_names_sets_and_what_is_not_known():
    known = {**sets_of(WHOLE), **sets_of(PART, target='u')}
    assert describe(known) == 'Scored on: t: all, 720 samples (aaaa); u: the held-out part, 144 samples (bbbb).'
    assert describe(sets_of(WHOLE, OLD_WHOLE)) == (
        'Scored on: t: all, 720 samples (aaaa). On which samples row1 were scored is not recorded (results of an '
        'earlier version).')
    assert describe(sets_of(OLD_PART)) == (
        'On which samples the rows were scored is not recorded (results of an earlier version).')
    assert describe({}) == ''


def test_a_key_with_a_transductive_twin_is_of_what_was_held_out():
    scores = {'acc/top1': 1., 'acc/top1_transductive': 2., 'loss': 3.}
    sets = dict(all=dict(samples=5, fingerprint='aa'), held_out=dict(samples=1, fingerprint='bb'))
    result = dict(test=scores, test_set=sets, val=dict(loss=0.), val_set=dict(all=dict(samples=9, fingerprint='cc')))
    assert TestSet.of(result, 'test', 'acc/top1') == TestSet(True, 1, 'bb')
    for metric in ('acc/top1_transductive', 'loss'):
        assert TestSet.of(result, 'test', metric) == TestSet(False, 5, 'aa')
    assert TestSet.of(result, 'val', 'loss') == TestSet(False, 9, 'cc')
    assert TestSet.of(dict(test=scores), 'test', 'acc/top1') == OLD_PART
