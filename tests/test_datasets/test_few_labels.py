"""Few labels: which samples keep theirs, batches that have some, and configs, in whole trainings, too."""

from collections import Counter

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler

from mmda_ext.apis.few_labels import set_few_labels
from mmda_ext.datasets import FeatureDataset
from mmda_ext.datasets.few_labels import FewLabels
from mmda_ext.datasets.samplers import LabelledBatchSampler
from tests.test_engine.feature_run import SOURCES, feature_config, run, write_features

SIZES = {('x', 0): 40, ('x', 1): 3, ('y', 0): 21, ('y', 1): 20}


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp('features') / 'features.npz')


def samples(order=1):
    rows = [dict(domain=domain, gt_label=label, is_target=False, sample_id=f'{domain}/{label}/{index}')
            for (domain, label), size in SIZES.items() for index in range(size)]
    return [*rows, dict(domain='z', gt_label=0, is_target=True, sample_id='z/0')][::order]


def kept(order=1, **options):
    rows = samples(order)
    count = FewLabels(('x', 'y'), **options).withhold(rows)
    names = {info['sample_id'] for info in rows if 'gt_label' in info}
    assert 'z/0' in names, 'the target is not its business'
    assert count == len(names) - 1
    return names - {'z/0'}


def numbers(names):
    return Counter((name.split('/')[0], int(name.split('/')[1])) for name in names)


@pytest.mark.parametrize(('options', 'expected'), [
    (dict(per_class=5), [5, 3, 5, 5]),
    (dict(share=.05), [2, 1, 2, 1]),
    (dict(share=.1), [4, 1, 3, 2]),
    (dict(share=1.), [40, 3, 21, 20]),
    (dict(unlabelled=['y']), [40, 3, 0, 0]),
    (dict(unlabelled=['x'], per_class=2), [0, 0, 2, 2])])
def test_how_many_keep_their_label(options, expected):
    assert numbers(kept(**options)) == Counter({key: count for key, count in zip(SIZES, expected) if count})


def test_the_draw_is_of_names_and_seed():
    one = kept(per_class=5)
    assert kept(-1, per_class=5) == one
    assert kept(per_class=5, seed=1) != one
    assert kept(per_class=3) < one, 'more labels hold the fewer ones'


@pytest.mark.parametrize(('options', 'message'), [
    ({}, 'few_labels needs one of per_class=5'),
    (dict(per_class=5, share=.1), 'few_labels needs one of per_class=5'),
    (dict(per_class=0), 'per_class=0 must be a whole number from 1'),
    (dict(per_class=.5), 'per_class=0.5 must be a whole number from 1'),
    (dict(share=0), r'share=0 must be in \(0, 1\]'),
    (dict(share=5), r'share=5 must be in \(0, 1\]'),
    (dict(unlabelled=['w']), r"unlabelled=\['w'\]: name some of the source domains \['x', 'y'\]"),
    (dict(unlabelled=['x', 'y']), 'leave one with labels'),
    (dict(unlabelled='x'), "unlabelled='x' must be a list")])
def test_bad_options_are_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        FewLabels(('x', 'y'), **options)


def dataset(file, **options):
    return FeatureDataset(ann_file=str(file), domains=SOURCES, source_domains=SOURCES, modalities=('face', 'audio'),
                          split='train', **options)


def labelled_in(data):
    return ['gt_label' in data.get_data_info(index) for index in range(len(data))]


def test_a_data_set_keeps_its_samples(file):
    everything, few = dataset(file), dataset(file, few_labels=dict(per_class=1))
    assert len(few) == len(everything)
    assert sum(labelled_in(few)) == 2 * 3


def batches(data, rank=0, world=1, batch_size=8, **options):
    inner = DefaultSampler(data, seed=0)
    inner.rank, inner.world_size = rank, world
    return LabelledBatchSampler(inner, batch_size, **options)


def test_every_batch_has_as_many_with_a_label(file):
    data = dataset(file, few_labels=dict(per_class=2))
    has = labelled_in(data)
    for world, options, expected in ((1, {}, 4), (2, dict(n_labelled=3), 3)):
        whole = [list(batches(data, rank, world, **options)) for rank in range(world)]
        assert all([has[index] for index in batch] == [True] * expected + [False] * (8 - expected)
                   for own in whole for batch in own)
        unlabelled = [index for own in whole for batch in own for index in batch if not has[index]]
        assert len(set(unlabelled)) == len(unlabelled), 'once in an epoch, by one process'
        assert len(whole[0]) == has.count(False) // world // (8 - expected)
    assert batches(data, batch_size=5).counts == (3, 2)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(n_labelled=8), 'n_labelled=8 must be at least 1 and less than train_dataloader.batch_size=8'),
    (dict(n_labelled=0), 'n_labelled=0 must be at least 1'),
    (dict(n_labelled=7), '7 samples with a label in each batch of 1 process')])
def test_what_cannot_be_dealt_is_one_sentence(file, options, message):
    with pytest.raises(ValueError, match=message):
        batches(dataset(file, few_labels=dict(per_class=1)), **options)


def test_two_processes_need_twice_as_many(file):
    data = dataset(file, few_labels=dict(per_class=1))
    assert batches(data, n_labelled=4).counts == (4, 4)
    with pytest.raises(ValueError, match=r'4 samples with a label in each batch of 2 process\(es\) are 8, .* has 6'):
        batches(data, world=2, n_labelled=4)


def test_no_sample_without_a_label_is_one_sentence(file):
    with pytest.raises(ValueError, match='4 samples without a label .* has 0: change few_labels'):
        batches(dataset(file))


def test_a_config_trains_with_few_labels_once(tmp_path):
    cfg = feature_config('cggm', tmp_path, tmp_path / 'run')
    cfg.few_labels, cfg.recipe = dict(per_class=1, unlabelled=['x']), dict(run='cggm')
    for _ in range(2):  # as where the dumped config is read again
        set_few_labels(cfg)
        assert 'few_labels' not in cfg
        assert cfg.recipe.run == 'cggm_few-labels-per_class-1+unlabelled-x'
        assert cfg.train_dataloader.dataset.few_labels == dict(per_class=1, unlabelled=['x'])
        assert cfg.train_dataloader.batch_sampler == dict(type='mmda_ext.LabelledBatchSampler')
        assert 'few_labels' not in cfg.val_dataloader.dataset


def test_a_batch_sampler_of_its_own_stays(tmp_path):
    cfg = feature_config('cggm', tmp_path, tmp_path / 'run')
    cfg.train_dataloader.batch_sampler, cfg.few_labels = dict(type='mine'), dict(share=.1)
    set_few_labels(cfg)
    assert cfg.train_dataloader.batch_sampler == dict(type='mine')


@pytest.mark.parametrize('value', [5, [5]])
def test_what_is_no_dict_is_one_sentence(value):
    with pytest.raises(ValueError, match='must be a dict, such as few_labels.per_class=5'):
        set_few_labels(Config(dict(few_labels=value)))
    with pytest.raises(ValueError, match='has no train_dataloader'):
        set_few_labels(Config(dict(few_labels=dict(share=.1))))


@pytest.mark.parametrize('method', ['erm', 'base', 'gmp', 'mer-dg', 'nel', 'jat'])
def test_methods_train(tmp_path, method):
    write_features(tmp_path / 'features.npz')
    cfg = feature_config(method, tmp_path, tmp_path / 'run')
    cfg.few_labels = dict(per_class=2)
    set_few_labels(cfg)
    runner = run(cfg)
    assert runner.iter > 0
    assert all(bool(torch.isfinite(value).all()) for value in runner.model.parameters())
