"""A domain whose labels were trained on is not called unseen."""

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmda_ext.compat import allow_mmengine_checkpoints, checkpoint_globals
from mmda_ext.engine.seen_domains import check_seen_domains, check_start, domains_seen_by, seen_test_domains
from tests.toy_run import ToyDataset, toy_config


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


def test_weights_that_have_seen_the_target_are_no_start():
    cfg = config(part(('a', 'b')), load_from='old.pth')
    seen = {'meta': {'dataset_meta': {'domains': ('a', 'c'), 'source_domains': ('a', 'c'), 'classes': ('x', 'y')}}}
    with pytest.raises(ValueError, match=r"='old.pth' was trained on the labels of \['c'\].*seen_test_domains="):
        check_start(cfg, seen, ('x', 'y'))
    check_start(Config({**cfg.to_dict(), 'seen_test_domains': ['c']}), seen, ('x', 'y'))
    # Domains of another data set may have the same names.
    check_start(cfg, seen, ('x', 'z'))
    check_start(cfg, seen, None)
    check_start(cfg, {'weight': 1}, ('x', 'y'))


@pytest.fixture
def finished(tmp_path):
    """Config and folder of a run that tests a domain it was trained on, and says so."""
    allow_mmengine_checkpoints()
    cfg = toy_config(tmp_path, epochs=1, **{'test_dataloader.dataset.domains': ('A', 'T'), 'seen_test_domains': ['A']})
    Runner.from_cfg(cfg).train()
    return cfg, tmp_path


def read(folder):
    return json.loads((folder / 'result.json').read_text())


def test_a_result_says_what_training_has_seen(finished):
    assert read(finished[1])['seen_test_domains'] == ['A']


def test_a_test_and_a_new_run_ask_what_a_checkpoint_has_seen(finished, monkeypatch):
    cfg, folder = finished
    path = folder / 'epoch_1.pth'
    with torch.serialization.safe_globals(checkpoint_globals()):
        checkpoint = torch.load(path)
    checkpoint['meta']['dataset_meta'].update(domains=('A', 'B'), source_domains=('A', 'B'))
    torch.save(checkpoint, path)
    cfg.load_from = str(path)
    monkeypatch.setattr(ToyDataset, 'metainfo', property(lambda self: {'classes': tuple('abc'), 'domains': ('A', 'T')},
                                                         lambda self, value: None), raising=False)
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text, *args: said.append(text))
    Runner.from_cfg(cfg).test()
    assert [text for text in said if "epoch_1.pth was trained on the labels of ['A'], which this test reads" in text]
    cfg.seen_test_domains = []
    with pytest.raises(ValueError, match=r"epoch_1.pth' was trained on the labels of \['A'\]"):
        Runner.from_cfg(cfg).train()


def test_a_finished_run_is_tested_again_where_the_test_changed(finished):
    cfg, folder = finished
    first, stamp = read(folder), (folder / 'result.json').stat().st_mtime_ns
    cfg.resume = True
    Runner.from_cfg(cfg).train()
    assert (folder / 'result.json').stat().st_mtime_ns == stamp
    cfg.test_dataloader.dataset.domains = ('T', )
    Runner.from_cfg(cfg).train()
    again = read(folder)
    assert again['seen_test_domains'] == []
    assert set(again['test']) < set(first['test'])
    assert again['tested_with'] != first['tested_with']


def test_a_run_without_a_step_has_no_result(tmp_path):
    with pytest.raises(ValueError, match='no step was taken'):
        Runner.from_cfg(toy_config(tmp_path, epochs=0)).train()
    assert not (tmp_path / 'result.json').exists()
