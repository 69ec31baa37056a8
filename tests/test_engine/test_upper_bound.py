"""Trained on the target: three disjoint parts of it, and a result that says so."""

import json

import numpy as np
import pytest

from mmda_ext.apis.upper_bound import train_on_target
from mmda_ext.datasets.feature_splits import assign_parts
from tests.recipes import recipe
from tests.test_engine.feature_run import feature_config, run


def samples(loader):
    return {loader.dataset[index]['data_samples'].sample_id for index in range(len(loader.dataset))}


@pytest.mark.parametrize('adapts', [False, True])
def test_the_target_is_divided_in_three(tmp_path, adapts):
    cfg = feature_config('erm', tmp_path, tmp_path / 'run', epochs=1)
    cfg.recipe.update(target=['z'])
    if adapts:
        cfg.train_dataloader = recipe('dt', 'ravdess-adaptation').train_dataloader
        data = dict(cfg.test_dataloader.dataset, split='train', unlabeled_target=True, target_test_fraction=.2)
        cfg.train_dataloader.dataset.datasets = [dict(data, domains=['x', 'y']), dict(data, domains=['z'])]
    train_on_target(cfg)
    runner = run(cfg)
    parts = [samples(loader) for loader in (runner.train_dataloader, runner.val_dataloader, runner.test_dataloader)]
    assert [len(part) for part in parts] == [18, 6, 6]
    assert len(set.union(*parts)) == 30
    assert all(name.startswith('z/') for name in set.union(*parts))
    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    assert (result['seen_test_domains'], result['selection']) == (['z'], 'source_validation')
    assert cfg.recipe.run.endswith('_upper-bound')


def test_what_is_held_out_is_what_an_adaptation_holds_out():
    labels, domains = np.arange(60) % 3, np.array(['x', 'z'])[np.arange(60) % 2]
    adapted = assign_parts(labels, domains, ['x'], .2, 0, target_test_fraction=.2)
    bound = assign_parts(labels, domains, ['z'], .2, 0, source_test_fraction=.2)
    target = domains == 'z'
    assert ((bound == 'test') & target == (adapted == 'test') & target).all()
    assert {part: int(((bound == part) & target).sum()) for part in ('train', 'val', 'test')} == {
        'train': 18, 'val': 6, 'test': 6}


def test_data_that_cannot_be_divided_are_refused():
    with pytest.raises(ValueError, match='--upper-bound divides the target .* has mmda_ext.EpicKitchensDataset'):
        train_on_target(recipe('erm', 'epic'))
