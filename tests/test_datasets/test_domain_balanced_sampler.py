"""Batches with as many samples of each source domain: numbers, coverage, processes, epochs, refusals."""

from collections import Counter

import pytest
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner

from mmda_ext.datasets.samplers import DomainBalancedBatchSampler
from tests.recipes import recipe
from tests.test_engine.feature_run import write_features


class Domains:
    """A data set that says nothing but whose domain a sample is of; -1 is the target."""

    def __init__(self, domains):
        self.domains = domains

    def __len__(self):
        return len(self.domains)

    def get_data_info(self, index):
        return dict(is_target=self.domains[index] < 0, domain_label=self.domains[index])


def sampler_of(sizes=(30, 12, 6), batch_size=8, rank=0, world=1, seed=0, target=0, **options):
    """Domains one after the other, samples of the target in between."""
    dataset = Domains([-1] * target + [index for index, size in enumerate(sizes) for _ in range(size)])
    inner = DefaultSampler(dataset, seed=seed)
    inner.rank, inner.world_size = rank, world
    return DomainBalancedBatchSampler(inner, batch_size, **options)


def counts(sampler):
    domains = sampler.sampler.dataset.domains
    return [Counter(domains[index] for index in batch) for batch in sampler]


def test_every_batch_has_as_many_of_each():
    found = counts(sampler_of(batch_size=9, sizes=(30, 12, 6)))
    assert found == [{0: 3, 1: 3, 2: 3}] * 5, 'as many batches as without balance'


def test_places_that_are_left_over_go_round():
    sampler = sampler_of(sizes=(40, 40, 40))
    assert len(sampler) == 15
    found = counts(sampler)
    assert all(sorted(batch.values()) == [2, 3, 3] for batch in found)
    assert sum(found, Counter()) == {0: 40, 1: 40, 2: 40}
    # Of 14 batches one domain gets less; the next epoch goes on where this one stopped.
    short = sampler_of(sizes=(38, 38, 38))
    total = Counter()
    for epoch in range(3):
        short.set_epoch(epoch)
        total += sum(counts(short), Counter())
    assert len(short) == 14
    assert len(set(total.values())) == 1


def test_small_domains_cycle_and_large_ones_come_in_parts():
    sampler = sampler_of(sizes=(60, 6), batch_size=6)
    seen = []
    for epoch in range(8):
        sampler.set_epoch(epoch)
        seen.append([index for batch in sampler for index in batch])
    large, small = ([index for index in seen[0] if (index >= 60) == side] for side in (False, True))
    assert len(large) == len(set(large)) == 33
    assert all(len(set(small[start:start + 6])) == 6 for start in range(0, 30, 6)), 'each once in each cycle'
    assert set().union(*seen) == set(range(66)), 'nobody is left out for good'


def test_order_depends_on_seed_and_epoch_alone():
    sampler = sampler_of()
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first != second
    assert list(sampler) == second
    resumed = sampler_of()
    resumed.set_epoch(1)
    assert list(resumed) == second
    assert list(sampler_of(seed=1)) != first
    equal = sampler_of(sizes=(20, 20), batch_size=40)
    batch = next(iter(equal))
    assert [index + 20 for index in batch[:20]] != batch[20:], 'domains have orders of their own'


def test_two_processes_are_disjoint_and_balanced_together():
    parts = [sampler_of(sizes=(24, 24, 24), rank=rank, world=2) for rank in range(2)]
    batches = [list(part) for part in parts]
    assert len(batches[0]) == len(batches[1]) == 4
    first, second = ([index for batch in own for index in batch] for own in batches)
    assert not set(first) & set(second)
    together = [one + other for one, other in zip(*map(counts, parts))]
    assert all(sorted(batch.values()) == [5, 5, 6] for batch in together)


def test_target_samples_come_last_or_not_at_all():
    assert all(-1 not in batch for batch in counts(sampler_of(target=10)))
    sampler = sampler_of(target=10, batch_size=9, n_source=6, n_target=3)
    assert counts(sampler) == [{0: 2, 1: 2, 2: 2, -1: 3}] * 8
    assert all(max(batch[-3:]) < 10 <= min(batch[:-3]) for batch in sampler)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(batch_size=5), 'batch_size=5 has no two places for each of 3 source domains: 6 are the fewest'),
    (dict(sizes=(30, 3, 9), batch_size=12), '4 samples of source domain 1 .* are 4, the data set has 3: lower'),
    (dict(sizes=(30, 7, 9), batch_size=12, world=2), '4 samples of source domain 1 .*2 process.* are 8, .* has 7'),
    (dict(batch_size=9, n_source=6, n_target=3), '3 samples of the target'),
    (dict(batch_size=9, n_source=6), 'n_source=6 and n_target=0 must add up to batch_size=9'),
    (dict(sizes=(), target=4), 'no sample of a source domain'),
])
def test_what_cannot_be_balanced_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sampler_of(**options)


@pytest.mark.parametrize(('adapts', 'size', 'expected'), [
    (False, 16, {'x': 8, 'y': 8}), (True, 32, {'x': 8, 'y': 8, 'z': 16})])
def test_recipes_choose_it_for_either_kind_of_data(tmp_path, adapts, size, expected):
    cfg = recipe('vrex', str(write_features(tmp_path / 'f.npz', size=180)), target=['z'])
    if adapts:
        own = recipe('boomda', str(tmp_path / 'f.npz'), target=['z']).train_dataloader
        cfg.train_dataloader = dict(own, batch_sampler=dict(own.batch_sampler, **cfg.train_dataloader.batch_sampler))
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    for batch in loader:
        assert Counter(sample.domain for sample in batch['data_samples']) == expected
    assert len(loader) == len([1 for index in range(len(loader.dataset))
                               if not loader.dataset.get_data_info(index)['is_target']]) // 16
