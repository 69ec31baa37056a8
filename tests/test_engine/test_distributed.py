"""Two real processes with half the batch each against one process with the whole batch."""

import copy
import tempfile
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

STEPS = 3
CASES = {
    'parameter': dict(balancer=dict(type='GMP')),
    'one pass': dict(balancer=dict(type='GMP', projection='none')),
    'feature': dict(balancer=dict(type='GMP', space='feature')),
    'simplex': dict(balancer=dict(type='MGDA', task_prefix='')),
    'simplex parameter': dict(balancer=dict(type='MGDA', solver='exact', space='parameter', task_prefix='')),
    'noise': dict(balancer=dict(type='OGM', ge=True, min_rank=2)),
    'accumulated': dict(balancer=dict(type='GMP'), accumulative_counts=2),
    'accumulated feature': dict(balancer=dict(type='GMP', space='feature'), accumulative_counts=2),
}


def build(dtype, **options):
    """Frozen statistics, no dropout: nothing ties a sample to its own process."""
    model = model_of(dtype=dtype, seed=11, **options)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.BatchNorm1d):
            module.train = lambda mode=True, own=module: own
            module.training = False
    return model


def part_of(batch, rank, world):
    size = len(batch['inputs']) // world
    return {key: value[rank * size:(rank + 1) * size] for key, value in batch.items()}


def run(model, wrapped, options, rank, world, dtype):
    # A learning rate this small keeps three steps from amplifying the rounding of a different order of summation.
    wrapper = wrapper_of(model, lr=.05, **options)
    for step in range(STEPS * options.get('accumulative_counts', 1)):
        wrapped.train_step(part_of(batch_of(size=8, seed=step, dtype=dtype), rank, world), wrapper)
    return wrapper


def worker(rank, world, folder, dtype):
    from mmengine.model import MMDistributedDataParallel
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=world)
    results = {}
    for name, options in CASES.items():
        model = build(dtype)
        wrapped = MMDistributedDataParallel(module=model, device_ids=None, broadcast_buffers=False)
        wrapper = run(model, wrapped, copy.deepcopy(options), rank, world, dtype)
        results[name] = (parameters_of(model), dict(wrapper.balancer.diagnostics))
    torch.save(results, Path(folder) / f'{rank}.pt')
    dist.destroy_process_group()


@pytest.fixture(scope='module', params=[torch.float64, torch.float32], ids=['float64', 'float32'])
def two_processes(request):
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(2, folder, request.param), nprocs=2)
        yield request.param, [torch.load(Path(folder) / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize('case', CASES)
def test_two_processes_equal_one(two_processes, case):
    dtype, (first, second) = two_processes
    model = build(dtype)
    wrapper = run(model, model, copy.deepcopy(CASES[case]), 0, 1, dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    for name, value in parameters_of(model).items():
        assert torch.equal(first[case][0][name], second[case][0][name]), f'{name} differs between the processes'
        torch.testing.assert_close(first[case][0][name], value, rtol=tolerance, atol=tolerance)
    for key, value in wrapper.balancer.diagnostics.items():
        torch.testing.assert_close(first[case][1][key], value, rtol=1e3 * tolerance, atol=1e3 * tolerance)


def test_the_cases_reach_the_projection(two_processes):
    """Otherwise the parity above would say nothing about it."""
    _, (first, _) = two_processes
    assert first['parameter'][1]['conflict'].sum() > 0


def test_both_processes_use_one_gamma(two_processes):
    """The closed form of the joined batch, not of each half."""
    _, (first, second) = two_processes
    for case in ('simplex', 'simplex parameter'):
        for task in ('cls', 'domain'):
            assert torch.equal(first[case][1][f'gamma_{task}'], second[case][1][f'gamma_{task}'])


def test_averaging_after_the_rule_would_be_seen():
    """The halves alone give other weights than the joined batch, so a wrong order of averaging cannot pass."""
    model = build(torch.float64)
    weights = []
    for rank, world in ((0, 1), (0, 2), (1, 2)):
        own = copy.deepcopy(model)
        wrapper = wrapper_of(own, balancer=dict(type='GMP'))
        own.train_step(part_of(batch_of(size=8, seed=0), rank, world), wrapper)
        weights.append(wrapper.balancer.diagnostics['rho'])
    assert not torch.allclose((weights[1] + weights[2]) / 2, weights[0], rtol=1e-4)
