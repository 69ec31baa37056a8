"""Classes that are held out: of the samples, of the labels, of the statistics, and of the model's config."""

import numpy as np
import pytest
from mmengine.config import Config

from mmda_ext.apis.unknown_classes import set_unknown_classes
from mmda_ext.datasets import FeatureDataset
from tests.test_engine.feature_run import SOURCES, feature_config, write_features


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp('features') / 'features.npz')


def dataset(file, domains=SOURCES, split='train', **options):
    return FeatureDataset(ann_file=str(file), domains=domains, source_domains=SOURCES, modalities=('face', 'audio'),
                          split=split, **options)


def rows_of(data):
    return {info['sample_id']: info for info in map(data.get_data_info, range(len(data)))}


def test_samples_are_left_out_and_labels_follow_each_other(file):
    everything, known = (rows_of(dataset(file, unknown_classes=names)) for names in ((), ('b', )))
    assert known.keys() == {name for name, info in everything.items() if info['gt_label'] != 1}
    assert all(info['gt_label'] == {0: 0, 2: 1}[everything[name]['gt_label']] for name, info in known.items())
    data = dataset(file, unknown_classes=['b'])
    assert data.metainfo['classes'] == ('a', 'c')
    assert data.largest_labels['gt_label'] == 1


def test_the_others_are_all_of_those_and_have_no_label(file):
    everything = rows_of(dataset(file, ('z', ), 'test'))
    unknown = rows_of(dataset(file, ('z', ), 'test', unknown_classes=['a', 'b'][:1], only_unknown=True))
    assert unknown.keys() == {name for name, info in everything.items() if info['gt_label'] == 0}
    assert not any('gt_label' in info for info in unknown.values())


def test_what_is_unknown_is_in_no_statistics(file):
    table = np.load(file)
    known = rows_of(dataset(file, unknown_classes=['c']))
    index = [int(name.split('/')[1]) for name in known]
    expected = (table['face'] - table['face'][index].mean(0)) / table['face'][index].std(0)
    for options in (dict(), dict(only_unknown=True)):
        data = dataset(file, ('z', ), 'test', unknown_classes=['c'], **options)
        for name, info in rows_of(data).items():
            np.testing.assert_allclose(
                info['modalities']['face']['feature'], expected[int(name.split('/')[1])], atol=1e-5)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(unknown_classes=['d']), r"unknown_classes=\['d'\]: the classes are \['a', 'b', 'c'\]; name some"),
    (dict(unknown_classes=['a', 'b']), 'leave two or more to be known'),
    (dict(only_unknown=True), 'only_unknown=True needs unknown_classes'),
    (dict(unknown_classes=['a'], only_unknown=True), r"no sample of domains \('x', 'y'\) is of the classes \('a',\)"),
])
def test_what_cannot_be_held_out_is_one_sentence(file, options, message):
    with pytest.raises(ValueError, match=message):
        dataset(file, **options)


def test_a_config_holds_out_everywhere_and_once(tmp_path):
    cfg = feature_config('cggm', tmp_path, tmp_path / 'run')
    cfg.unknown_classes, cfg.recipe = ['a b'], dict(run='cggm')
    inner = cfg.test_dataloader.dataset
    wrapped = dict(type='RepeatDataset', dataset=inner)
    cfg.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[inner, wrapped])
    for _ in range(2):  # as where the dumped config is read again
        set_unknown_classes(cfg)
        assert 'unknown_classes' not in cfg
        assert cfg.model.cls_head.num_classes == 2
        assert {own.num_classes for own in cfg.model.objectives if 'num_classes' in own} == {2}
        assert cfg.recipe.run == 'cggm_without-a%20b'
        one, two = cfg.test_dataloader.dataset.datasets
        for data in (cfg.train_dataloader.dataset, cfg.val_dataloader.dataset, one, two.dataset):
            assert data.unknown_classes == ['a b']
        assert 'unknown_classes' not in two


def test_a_name_alone_is_no_list():
    with pytest.raises(ValueError, match=r"unknown_classes='a' must be a list of classes, such as .*=\[a\]"):
        set_unknown_classes(Config(dict(unknown_classes='a')))
