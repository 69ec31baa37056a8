"""No run without work, no model that is too small, and a count of what a run did without."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, DefaultSampler, InfiniteSampler, RepeatDataset
from torch.utils.data import DataLoader

from mmda_ext.apis.cli import run_training
from mmda_ext.datasets import FeatureDataset
from mmda_ext.engine.data_checks import check_counts, check_steps, left_out, listed
from mmda_ext.engine.hooks.check_data_hook import LACKING
from tests.test_engine.feature_run import SOURCES, feature_config, run, write_features
from tests.toy_run import ToyDataset, toy_config


def loader_of(size: int, batch_size: int, drop_last: bool, sampler=DefaultSampler, world: int = 1) -> DataLoader:
    dataset = range(size)
    own = sampler(dataset)
    if world > 1:
        own.world_size, own.num_samples, own.total_size = world, size // world, size
    return DataLoader(dataset, batch_size=batch_size, drop_last=drop_last, sampler=own)


def test_a_loader_without_a_batch_is_refused_with_the_arithmetic() -> None:
    message = r'train_dataloader gives no batch: 120 samples on 1 process\(es\) are 120 for each, batch_size=500 and'
    with pytest.raises(ValueError, match=message):
        check_steps(loader_of(120, 500, True), 'train')
    with pytest.raises(ValueError, match='are 60 for each, batch_size=64'):
        check_steps(loader_of(120, 64, True, world=2), 'train')
    check_steps(loader_of(120, 64, True), 'train')
    check_steps(loader_of(120, 500, False), 'train')
    check_steps(loader_of(120, 500, True, InfiniteSampler), 'train')


def test_an_evaluation_that_drops_samples_is_refused() -> None:
    with pytest.raises(ValueError, match='test_dataloader.drop_last=True leaves 20 of 120 samples out'):
        check_steps(loader_of(120, 50, True), 'test')
    check_steps(loader_of(120, 50, False), 'test')


@pytest.fixture
def features(tmp_path: Path) -> FeatureDataset:
    path = write_features(tmp_path / 'features.npz')
    return FeatureDataset(str(path), SOURCES, SOURCES, ('face', ))


@pytest.mark.parametrize('wrap', [lambda data: data, lambda data: ConcatDataset([data, data]),
                                  lambda data: RepeatDataset(data, 2)])
def test_a_model_with_too_few_classes_or_domains_is_refused(features: FeatureDataset, wrap) -> None:
    dataset = wrap(features)
    check_counts(Config(dict(cls_head=dict(num_classes=3), objectives=[dict(head=dict(num_domains=2))])), dataset)
    check_counts(Config(dict(cls_head=dict(num_classes=3), backbones=dict(face=dict(num_classes=1)))), dataset)
    with pytest.raises(ValueError, match=r'model\.cls_head\.num_classes=2, but the training data has class labels '
                                         'from 0 to 2: set it to at least 3'):
        check_counts(Config(dict(cls_head=dict(num_classes=2))), dataset)
    with pytest.raises(ValueError, match=r'model\.objectives\.1\.head\.num_domains=1, .*source domains from 0 to 1'):
        check_counts(Config(dict(objectives=[dict(), dict(head=dict(num_domains=1))])), dataset)


def test_missing_samples_are_counted_through_wrappers(features: FeatureDataset) -> None:
    assert left_out(ConcatDataset([features, features])) == {}
    features.num_missing = 3
    assert left_out(ConcatDataset([features, features])) == {'missing': 6}
    assert listed(features) == len(features) + 3
    assert left_out(range(4)) == {}


def test_the_tool_ends_without_a_result(tmp_path: Path) -> None:
    """Also where a scheduler counts iterations, which fails on an empty loop before any hook."""
    scheduler = [dict(type='LinearLR', start_factor=1., end_factor=0., convert_to_iter_based=True, end=1)]
    cfg = toy_config(tmp_path, epochs=1, param_scheduler=scheduler,
                     **{'train_dataloader.drop_last': True, 'train_dataloader.batch_size': 500})
    cfg.dump(tmp_path / 'config.py')
    with pytest.raises(ValueError, match='train_dataloader gives no batch: 24 samples'):
        run_training([str(tmp_path / 'config.py'), '--work-dir', str(tmp_path / 'run')])
    assert not (tmp_path / 'run' / 'result.json').exists()


def test_a_run_with_too_few_classes_stops_before_its_first_step(tmp_path: Path) -> None:
    cfg = feature_config('base', tmp_path, tmp_path / 'run', epochs=1, model=dict(cls_head=dict(num_classes=2)))
    with pytest.raises(ValueError, match=r'cls_head\.num_classes=2'):
        run(cfg)


def test_what_a_run_did_without_is_in_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ToyDataset.__getitem__

    def lacking(self, index):
        item = read(self, index)
        if self.noisy and index in (3, 5):
            item['data_samples'].set_metainfo(dict(replaced=('A/90', f'B/{index}')))
        if not self.noisy and index == 2:
            item['data_samples'].set_metainfo(dict(incomplete=dict(audio='shortened')))
        return item

    monkeypatch.setattr(ToyDataset, '__getitem__', lacking)
    monkeypatch.setattr(ToyDataset, 'num_missing', 6, raising=False)
    runner = run(toy_config(tmp_path, epochs=2))
    assert sorted(runner.message_hub.get_info(LACKING)['train']['undecodable']) == ['A/90', 'B/3', 'B/5'], 'each once'
    result = json.loads((tmp_path / 'result.json').read_text())
    whole = {'samples': 30, 'missing': 6}
    assert result['left_out'] == {'train': {**whole, 'undecodable': 3}, 'val': {**whole, 'shortened': 1},
                                  'test': {**whole, 'shortened': 1}}


@pytest.mark.parametrize(('changes', 'message'), [
    ({'train_dataloader.batch_size': 500, 'train_dataloader.drop_last': True}, 'train_dataloader gives no batch'),
    ({'val_dataloader.drop_last': True}, 'val_dataloader.drop_last=True leaves 4 of 24'),
    ({'test_dataloader.drop_last': True}, 'test_dataloader.drop_last=True leaves 4 of 24'),
])
def test_a_run_without_the_tools_looks_at_its_loaders_too(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(toy_config(tmp_path, epochs=1, **changes))
    assert not (tmp_path / 'result.json').exists()


def test_a_run_on_everything_says_so(tmp_path: Path) -> None:
    run(toy_config(tmp_path, epochs=1))
    assert json.loads((tmp_path / 'result.json').read_text())['left_out'] == {}
