"""Batches of source and target: numbers, coverage, processes, epochs; and target labels that nobody reads."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner

from mmda_ext.datasets.samplers import SourceTargetBatchSampler
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS
from tests.recipes import recipe as shipped


class Flags:
    """A data set that says nothing but who is of the target."""

    def __init__(self, flags):
        self.flags = flags

    def __len__(self):
        return len(self.flags)

    def get_data_info(self, index):
        return dict(is_target=self.flags[index])


def sampler_of(n_source=40, n_target=15, counts=(4, 3), rank=0, world=1, seed=0, **options):
    dataset = Flags([index % 3 == 0 for index in range(3 * n_target)] + [False] * (n_source - 2 * n_target))
    inner = DefaultSampler(dataset, seed=seed)
    inner.rank, inner.world_size = rank, world
    return SourceTargetBatchSampler(inner, sum(counts), *counts, **options)


def split(sampler):
    """Source and target positions of an epoch, in order; checks each batch."""
    flags = sampler.sampler.dataset.flags
    parts = ([], [])
    batches = list(sampler)
    assert len(batches) == len(sampler)
    for batch in batches:
        assert [flags[index] for index in batch] == [False] * sampler.counts[0] + [True] * sampler.counts[1]
        parts[0].extend(batch[:sampler.counts[0]])
        parts[1].extend(batch[sampler.counts[0]:])
    return parts


def test_the_shorter_domain_cycles_in_a_new_order():
    sampler = sampler_of()
    assert len(sampler) == 10
    source, target = split(sampler)
    assert len(set(source)) == 40, 'every source sample once'
    cycles = [target[:15], target[15:]]
    assert all(len(set(cycle)) == 15 for cycle in cycles), 'every target sample once in each cycle'
    assert cycles[0] != cycles[1]


@pytest.mark.parametrize(('length', 'batches'), [('source', 10), ('longest', 10), ('shortest', 5)])
def test_length(length, batches):
    assert len(sampler_of(length=length)) == batches
    short = sampler_of(n_source=30, n_target=15, counts=(10, 2), length='longest')
    assert len(short) == 7
    assert len(set(split(short)[0])) == 30, 'the source cycles where the target is longer'


def test_two_processes_are_disjoint_and_cover():
    parts = [split(sampler_of(n_source=41, n_target=16, counts=(4, 2), rank=rank, world=2)) for rank in range(2)]
    for side, total in ((0, 40), (1, 16)):
        first, second = (part[side] for part in parts)
        first, second = (values[:total // 2] for values in (first, second))
        assert not set(first) & set(second)
        assert len(set(first) | set(second)) == min(total, len(first) + len(second))
    assert len(parts[0][0]) == len(parts[1][0]) == 20


def test_order_depends_on_seed_and_epoch_alone():
    sampler = sampler_of()
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] != epochs[1]
    resumed = sampler_of()
    resumed.set_epoch(2)
    assert list(resumed) == epochs[2]
    assert list(resumed) == epochs[2], 'a second pass of the same epoch repeats it'
    assert list(sampler_of(seed=1)) != epochs[0]
    assert list(sampler_of(seed=1, )) == list(SourceTargetBatchSampler(sampler_of().sampler, 7, 4, 3, seed=1))


def test_both_domains_have_orders_of_their_own():
    """Pools of one size in one epoch, and the same domain in seeds and epochs: no two orders are alike."""
    orders = []
    for seed in (0, 1, 2):
        for epoch in range(3):
            dataset = Flags([index % 2 == 1 for index in range(40)])
            sampler = SourceTargetBatchSampler(DefaultSampler(dataset, seed=seed), 20, 10, 10)
            sampler.set_epoch(epoch)
            source, target = split(sampler)
            orders += [tuple(index // 2 for index in part) for part in (source, target)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len(set(orders)) == len(orders)


def test_odd_pools_leave_out_another_sample_each_time():
    """Five target samples, two processes: four of each round are dealt, disjoint, and over rounds everyone comes."""
    ranks = [split(sampler_of(n_source=81, n_target=5, counts=(4, 2), rank=rank, world=2))[1] for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1]) == 20
    rounds = [set(ranks[0][start:start + 2]) | set(ranks[1][start:start + 2]) for start in range(0, 20, 2)]
    assert all(len(members) == 4 for members in rounds)
    assert len(set().union(*rounds)) == 5
    assert len({frozenset(members) for members in rounds}) > 1
    alone = split(sampler_of(n_source=81, n_target=5, counts=(4, 2)))[1]
    assert all(len(set(alone[start:start + 5])) == 5 for start in range(0, 40, 5)), 'one process leaves nobody out'


def test_errors_say_what_to_do():
    inner = sampler_of().sampler
    for options, match in ((dict(batch_size=8, n_source=4, n_target=3), 'add up to batch_size=8'),
                           (dict(batch_size=4, n_source=4, n_target=0), 'at least 1'),
                           (dict(batch_size=20, n_source=4, n_target=16), 'has 15: lower n_target'),
                           (dict(batch_size=7, n_source=4, n_target=3, length='both'), "length='both' is unknown")):
        with pytest.raises(ValueError, match=match):
            SourceTargetBatchSampler(inner, **options)
    with pytest.raises(TypeError, match='get_data_info'):
        SourceTargetBatchSampler(DefaultSampler([1, 2, 3]), 2, 1, 1)


# In a config.


@pytest.fixture
def recipe(tmp_path: Path):
    """The full recipe on a small feature file; returns a function of the labels of the target."""

    def make(shuffle_target=False):
        rng = np.random.default_rng(0)
        domain = np.repeat(['x', 'y', 'z'], 60)
        label = np.tile(np.arange(3), 60)
        arrays = {name: rng.normal(size=(180, width)).astype(np.float32) + label[:, None] for name, width in
                  (('face', 6), ('audio', 5))}
        if shuffle_target:
            label = np.where(domain == 'z', 2 - label, label)
        path = tmp_path / f'{shuffle_target}.npz'
        np.savez(path, **arrays, label=label, domain=domain, classes=np.array(list('abc')))
        cfg = shipped('boomda', 'ravdess-adaptation')
        cfg.merge_from_dict({
            'model.backbones.face.in_channels': 6, 'model.backbones.audio.in_channels': 5,
            'model.cls_head.num_classes': 3,
            'train_dataloader.batch_size': 16, 'train_dataloader.batch_sampler.n_source': 10,
            'train_dataloader.batch_sampler.n_target': 6})
        for index, domains in ((0, ('x', 'y')), (1, ('z', ))):
            cfg.train_dataloader.dataset.datasets[index].update(
                ann_file=str(path), domains=domains, source_domains=('x', 'y'),
                # None of the target held out: what is held out is drawn class by class.
                split='all' if index else 'train')
        return cfg

    return make


def train(cfg, epochs=(0, 1), state=None):
    torch.manual_seed(0)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    model = MODELS.build({'_scope_': 'mmaction', **cfg.model})
    options = {key: value for key, value in cfg.optim_wrapper.items() if key != 'optimizer'}
    wrapper = OPTIM_WRAPPERS.build({**options, 'optimizer': torch.optim.Adam(model.parameters(), lr=1e-3)})
    if state:
        model.load_state_dict(state[0])
        wrapper.load_state_dict(state[1])
    for epoch in epochs:
        # As MMEngine's DistSamplerSeedHook and our EpochSeedHook do.
        torch.manual_seed(100 + epoch)
        loader.batch_sampler.sampler.set_epoch(epoch)
        for batch in loader:
            log = model.train_step(batch, wrapper)
    return model, log, loader, copy.deepcopy((model.state_dict(), wrapper.state_dict()))


def test_recipe_trains_and_reads_no_target_label(recipe):
    results = []
    for shuffle_target in (False, True):
        model, log, loader, _ = train(recipe(shuffle_target))
        assert len(loader) == 96 // 10
        assert all(torch.isfinite(torch.as_tensor(value)).all() for value in log.values())
        results.append({name: value.detach().clone() for name, value in model.named_parameters()})
    for name, value in results[0].items():
        assert torch.equal(value, results[1][name]), f'{name} depends on labels of the target'


def test_resumed_equals_uninterrupted(recipe):
    cfg = recipe()
    whole = train(cfg)[0].state_dict()
    resumed = train(cfg, epochs=(1, ), state=train(cfg, epochs=(0, ))[3])[0].state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert not all(torch.equal(value, train(cfg, epochs=(0, ))[0].state_dict()[name]) for name, value in whole.items())


def test_target_samples_arrive_without_label(recipe):
    loader = Runner.build_dataloader(recipe().train_dataloader, seed=0)
    batch = next(iter(loader))
    assert ['gt_label' in sample for sample in batch['data_samples']] == [True] * 10 + [False] * 6
    assert [sample.is_target for sample in batch['data_samples']] == [False] * 10 + [True] * 6
    assert {sample.domain for sample in batch['data_samples'][10:]} == {'z'}
