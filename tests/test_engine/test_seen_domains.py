"""A domain whose labels were trained on is not called unseen."""

import json

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmda_ext.compat import allow_mmengine_checkpoints
from mmda_ext.engine.seen_domains import check_seen_domains, domains_seen_by, seen_test_domains
from tests.toy_run import toy_config


def config(train, test=('c', ), **changes):
    return Config(dict(
        train_dataloader=dict(dataset=train), test_dataloader=dict(dataset=dict(domains=test)), **changes))


def part(domains, sources=('a', 'b'), **rest):
    return dict(type='X', domains=domains, source_domains=sources, **rest)


@pytest.mark.parametrize(('train', 'seen'), [
    (part(('a', 'b')), ()),
    (part(('a', 'c'), ('a', 'c')), ('c', )),
    # Labelled samples of a domain that is called a target are seen all the same.
    (part(('a', 'b', 'c')), ('c', )),
    (part(('a', 'c'), unlabeled_target=True), ()),
    # Withholding the labels of targets does not withhold those of a source.
    (part(('a', 'c'), ('a', 'c'), unlabeled_target=True), ('c', )),
    (dict(type='ConcatDataset', datasets=[part(('a', )), part(('c', ), unlabeled_target=True)]), ()),
    (dict(type='ConcatDataset', datasets=[part(('a', )), part(('c', ))]), ('c', )),
    (dict(type='RepeatDataset', dataset=part(('c', ))), ('c', )),
    (dict(type='Other', ann_file='x'), ()),
])
def test_which_tested_domains_are_seen(train, seen):
    cfg = config(train)
    assert seen_test_domains(cfg) == seen
    if seen:
        with pytest.raises(ValueError, match=r"labels of \['c'\].*seen_test_domains=\['c'\] at the top"):
            check_seen_domains(cfg)
        check_seen_domains(Config({**cfg.to_dict(), 'seen_test_domains': ['c']}))
        with pytest.raises(ValueError, match='seen_test_domains'):
            check_seen_domains(Config({**cfg.to_dict(), 'seen_test_domains': ['a']}))
    else:
        check_seen_domains(cfg)


def test_a_config_without_loaders_says_nothing():
    assert seen_test_domains(Config({'model': {}, 'train_dataloader': None})) == ()


def test_which_domains_a_checkpoint_has_seen():
    checkpoint = {'meta': {'dataset_meta': {'domains': ('a', 'c'), 'source_domains': ('a', 'b')}}}
    assert domains_seen_by(checkpoint, {'domains': ('a', 'b', 'c', 'd')}) == ['a']
    assert domains_seen_by({'meta': {}}, {'domains': ('a', )}) == domains_seen_by({}, {}) == []


def test_a_run_says_what_it_has_seen(tmp_path, monkeypatch):
    """In its result where the config allows it, and in the log of a later test."""
    allow_mmengine_checkpoints()
    cfg = toy_config(tmp_path, epochs=1, **{'test_dataloader.dataset.domains': ('A', 'T'), 'seen_test_domains': ['A']})
    Runner.from_cfg(cfg).train()
    result = tmp_path / 'result.json'
    record = json.loads(result.read_text())
    assert record['seen_test_domains'] == ['A']
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text, *args: said.append(text))
    cfg.load_from = str(tmp_path / 'epoch_1.pth')
    test = Runner.from_cfg(cfg)
    test.test_dataloader.dataset.metainfo.update(domains=('A', 'T'))
    hook = next(hook for hook in test.hooks if type(hook).__name__ == 'FittingCheckpointHook')
    hook.after_load_checkpoint(test, {'state_dict': test.model.state_dict(), 'meta': {
        'dataset_meta': {'domains': ('A', 'B'), 'source_domains': ('A', 'B')}}})
    assert [text for text in said if "trained on the labels of ['A'], which this test reads" in text]

    # A finished run that is resumed to test something else tests it, and keeps what it has else.
    cfg.resume = True
    stamp = result.stat().st_mtime_ns
    Runner.from_cfg(cfg).train()
    assert result.stat().st_mtime_ns == stamp
    cfg.test_dataloader.dataset.domains, cfg.seen_test_domains = ('T', ), []
    Runner.from_cfg(cfg).train()
    again = json.loads(result.read_text())
    assert again['seen_test_domains'] == []
    assert set(again['test']) != set(record['test'])
    assert again['tested_with'] != record['tested_with']


def test_a_run_without_a_step_has_no_result(tmp_path):
    with pytest.raises(ValueError, match='no step was taken'):
        Runner.from_cfg(toy_config(tmp_path, epochs=0)).train()
    assert not (tmp_path / 'result.json').exists()
