"""Adaptation in two real processes, each with half of the source and half of the target, against one with all."""

import tempfile
from pathlib import Path

import pytest
import torch

from tests.test_engine.test_distributed import build as frozen_statistics
from tests.tiny import batch_of, parameters_of, wrapper_of
from tests.two_processes import run_in_two_processes

STEPS, SOURCE, TARGET = 3, 8, 6
OBJECTIVES = [
    dict(type='mmda_ext.InformationBottleneck', beta=.05, estimator='ema'),
    dict(type='mmda_ext.VotingPseudoLabel', min_votes=2),
    dict(type='mmda_ext.CorrelationAlignment', alpha2=.3),
]
CASES = {
    'closed form': dict(balancer=dict(type='MGDA')),
    'exact': dict(balancer=dict(type='MGDA', solver='exact', momentum=.5)),
    'parameter': dict(balancer=dict(type='MGDA', space='parameter')),
    'plain sum': dict(kind='OptimWrapper'),
}


def build():
    return frozen_statistics(torch.float64, objectives=OBJECTIVES)


def part_of(step, rank, world):
    """Source samples first, as the batch sampler gives them; of both kinds each process has its share."""
    whole = batch_of(size=SOURCE + TARGET, seed=step)
    for sample in whole['data_samples'][SOURCE:]:
        sample.set_metainfo(dict(is_target=True, domain_label=-1))
        del sample.gt_label
    source = range(rank * SOURCE // world, (rank + 1) * SOURCE // world)
    target = range(SOURCE + rank * TARGET // world, SOURCE + (rank + 1) * TARGET // world)
    return {key: [value[index] for index in (*source, *target)] for key, value in whole.items()}


def run(model, wrapped, options, rank, world):
    wrapper = wrapper_of(model, lr=.05, **options)
    gammas = []
    for step in range(STEPS):
        wrapped.train_step(part_of(step, rank, world), wrapper)
        if hasattr(wrapper, 'balancer'):
            gammas.append({key: value for key, value in wrapper.balancer.diagnostics.items() if 'gamma' in key})
    return parameters_of(model), gammas, dict(model.named_buffers())


def worker(rank, folder):
    from mmengine.model import MMDistributedDataParallel
    torch.set_num_threads(1)
    results = {}
    for name, options in CASES.items():
        model = build()
        wrapped = MMDistributedDataParallel(module=model, device_ids=None, broadcast_buffers=False,
                                            find_unused_parameters=name == 'plain sum')
        results[name] = run(model, wrapped, options, rank, 2)
    torch.save(results, Path(folder) / f'{rank}.pt')


@pytest.fixture(scope='module')
def two_processes():
    with tempfile.TemporaryDirectory() as folder:
        run_in_two_processes(worker, folder)
        yield [torch.load(Path(folder) / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize('case', CASES)
def test_two_processes_equal_one(two_processes, case):
    """Gamma, parameters and the moving variances."""
    model = build()
    parameters, gammas, buffers = run(model, model, CASES[case], 0, 1)
    for rank in range(2):
        own, own_gammas, own_buffers = two_processes[rank][case]
        for name, value in parameters.items():
            torch.testing.assert_close(own[name], value, rtol=1e-10, atol=1e-12, msg=name)
        for name, value in buffers.items():
            torch.testing.assert_close(own_buffers[name], value, rtol=1e-10, atol=1e-12, msg=name)
        for expected, got in zip(gammas, own_gammas):
            for key, value in expected.items():
                torch.testing.assert_close(got[key], value, rtol=1e-9, atol=1e-12)
    assert len(gammas) == (0 if case == 'plain sum' else STEPS)


def test_the_case_reaches_the_losses():
    """Half a batch has other covariances, other variances and other votes, so the parity above says something."""
    whole, half = ([dict(build().loss(**build().data_preprocessor(part_of(0, 0, world), True)))
                    for world in (1, 2)])
    for key in ('loss_align/fused', 'loss_entropy', 'loss_pseudo'):
        assert not torch.allclose(whole[key], half[key], rtol=1e-3), key
        assert float(whole[key].detach()) != 0
