"""What other rules would have selected: read off one training, which they do not change."""

import json

import pytest
import torch

from mmda_ext.engine.hooks.selection_rules_hook import HISTORY
from mmda_ext.engine.label_free_scores import mixture_score, read
from mmda_ext.evaluation import label_free
from mmda_ext.selection_rules import FURTHER, LABEL_FREE, pick
from tests.test_engine.feature_run import checkpoint, feature_config, run
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_resume import assert_same

RULES = dict(type='mmda_ext.SelectionRulesHook', rules=list(FURTHER))
KILL = dict(type='mmda_ext.KillHook', where='validation', epoch=3)


def configured(tmp_path, name, *hooks, recipe='erm', **changes):
    cfg = feature_config(recipe, tmp_path, tmp_path / name, epochs=4, **changes)
    cfg.custom_hooks = [*cfg.custom_hooks, *hooks]
    return cfg


def result(tmp_path, name):
    return json.loads((tmp_path / name / 'result.json').read_text())


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """A run without, a run with, and one with that was killed in between."""
    tmp_path = tmp_path_factory.mktemp('rules')
    run(configured(tmp_path, 'plain'))
    runner = run(configured(tmp_path, 'rules', RULES))
    with pytest.raises(Killed):
        run(configured(tmp_path, 'killed', RULES, KILL))
    run(configured(tmp_path, 'killed', RULES, resume=True))
    return tmp_path, runner


def test_the_training_and_its_result_are_not_changed(runs):
    tmp_path, _ = runs
    plain, ruled = result(tmp_path, 'plain'), result(tmp_path, 'rules')
    assert {key: ruled[key] for key in plain} == plain
    assert set(ruled) - set(plain) == {'rules', 'selection_history'}
    first, second = (checkpoint(tmp_path / name, 'epoch_4.pth') for name in ('plain', 'rules'))
    assert_same(first['state_dict'], second['state_dict'], 'weights')


def test_each_rule_names_its_epoch(runs):
    tmp_path, _ = runs
    found = result(tmp_path, 'rules')
    history = found['selection_history']
    assert [epoch['epoch'] for epoch in history] == [1, 2, 3, 4]
    assert set(found['rules']) == set(FURTHER)
    assert found['rules']['last']['epoch'] == 4
    best = max(epoch['test'] for epoch in history)
    assert found['rules']['oracle']['test']['acc/top1'] == best
    for rule in LABEL_FREE:
        chosen = next(epoch for epoch in history if epoch['epoch'] == found['rules'][rule]['epoch'])
        assert chosen[rule] == max(epoch[rule] for epoch in history)
    # The epoch that validation selected was scored as it is tested.
    tested = next(epoch for epoch in history if epoch['epoch'] == found['epoch'])
    assert tested['test'] == found['test']['acc/top1']


def test_a_killed_run_knows_its_earlier_epochs(runs):
    tmp_path, _ = runs
    assert result(tmp_path, 'killed') == result(tmp_path, 'rules')


def test_scores_are_those_of_the_model(runs):
    _, runner = runs
    rows = read(runner.model.eval(), runner.test_loop.dataloader, lambda sample: True)
    batch = next(iter(runner.test_loop.dataloader))
    with torch.no_grad():
        p = torch.stack([sample.pred_score for sample in runner.model.test_step(batch)]).double().numpy()
    assert rows.p[:len(p)] == pytest.approx(p, abs=1e-6)
    last = runner.message_hub.get_info(HISTORY)[-1]
    # The tested weights are those of the best epoch; only where it is the last one are the scores its own.
    if runner.message_hub.get_info('best_epoch') == last['epoch']:
        assert last['scores']['entropy'] == pytest.approx(label_free.entropy(rows.p))
        assert last['scores']['mixval'] == mixture_score(runner.model, rows)


def test_averaged_weights_are_scored_as_they_were_validated(tmp_path):
    average = dict(type='mmda_ext.AveragedWeightsHook', momentum=.05)
    runner = run(configured(tmp_path, 'ema', dict(RULES, rules=['entropy']), **{'default_hooks.average': average}))
    found = result(tmp_path, 'ema')
    tested = next(epoch for epoch in found['selection_history'] if epoch['epoch'] == found['epoch'])
    # The best checkpoint, which the model has now, holds the averages.
    rows = read(runner.model, runner.test_loop.dataloader, lambda sample: True)
    assert tested['entropy'] == pytest.approx(label_free.entropy(rows.p))
    assert tested['test'] == found['test']['acc/top1']


def test_a_run_that_cannot_answer_is_refused(tmp_path):
    run(configured(tmp_path, 'a'))
    cfg = configured(tmp_path, 'a', RULES, resume=True)
    cfg.train_cfg.max_epochs = 5
    with pytest.raises(ValueError, match='written without it, so the scores of its epochs are not known'):
        run(cfg)
    cfg = configured(tmp_path, 'b', dict(RULES, metric='f1'))
    with pytest.raises(ValueError, match="the test has no 'f1', only acc/mean_class, acc/top1"):
        run(cfg)
    cfg = configured(tmp_path, 'c', RULES)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    with pytest.raises(ValueError, match='this run does not validate and test'):
        run(cfg)
    with pytest.raises(ValueError, match="rule='best' is unknown"):
        run(configured(tmp_path, 'd', dict(RULES, rules=['best'])))


def test_the_later_of_equals_and_never_no_number():
    nan = float('nan')
    history = [{'epoch': number, 'test': {'acc': test}, 'scores': {'snd': snd}}
               for number, test, snd in ((1, 5., nan), (2, 7., .5), (3, 7., .25), (4, 6., nan))]
    assert [pick(history, rule, 'acc')['epoch'] for rule in ('last', 'oracle', 'snd')] == [4, 3, 2]
    with pytest.raises(ValueError, match='--also-select snd: no epoch has a score that is a number'):
        pick(history[:1], 'snd', 'acc')
