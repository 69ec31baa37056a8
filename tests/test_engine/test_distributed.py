"""Two real processes with half the batch each against one process with the whole batch."""

import copy
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from mmda_ext.balancing import Sum
from mmda_ext.models.objectives import Objective
from tests.examples import BALANCER_NAMES, balancer_example
from tests.tiny import batch_of, model_of, wrapper_of
from tests.two_processes import leave_together

STEPS = 3
ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
HEADS = dict(type='mmda_ext.LocalClassification', loss_weight=1., task='heads', by_modality=True,
             balanced_heads=False)
GUIDE = dict(type='mmda_ext.ClassifierGuidance', num_classes=3, direction='live')


class Penalty(Objective):
    """Reaches the encoders besides their features, and ``cls`` is balanced."""

    def bind(self, model):
        self.encoders = [model.backbones]

    def forward(self, step):
        strength = step.features['video'].detach().square().mean()  # another one on each process
        return dict(loss_penalty=strength * sum(p.square().sum() for p in self.encoders[0].parameters()))


BYPASS = dict(objectives=[ADVERSARY, dict(type=Penalty)])
# Arguments of the wrapper, and under ``model`` those of the recognizer.
CASES = {
    'parameter': dict(balancer=dict(type='GMP')),
    'one pass': dict(balancer=dict(type='GMP', projection='none')),
    'feature': dict(balancer=dict(type='GMP', space='feature')),
    'simplex': dict(balancer=dict(type='MGDA', task_prefix='')),
    'simplex parameter': dict(balancer=dict(type='MGDA', solver='exact', space='parameter', task_prefix='')),
    'noise': dict(balancer=dict(type='OGM', ge=True, min_rank=2)),
    'order': dict(balancer=dict(type='PCGrad'), model=dict(
        objectives=[ADVERSARY, dict(type='mmda_ext.LocalClassification', task='heads')])),
    'accuracies': dict(balancer=dict(type='CGGM'), model=dict(objectives=[ADVERSARY, GUIDE])),
    'distillation': dict(balancer=dict(type='BalGrad'), model=dict(
        objectives=[ADVERSARY, HEADS, dict(type='mmda_ext.MutualDistillation')])),
    'scores': dict(balancer=dict(type='Sum'), model=dict(cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3))),
    'learned': dict(balancer=dict(type='GradNorm', tasks=('cls', 'domain'))),
    'accumulated': dict(balancer=dict(type='GMP'), accumulative_counts=2),
    'bypass': dict(balancer=dict(type='GMP'), model=BYPASS),
    'bypass, one pass': dict(balancer=dict(type='GMP', projection='none'), model=BYPASS),
    'bypass, accumulated': dict(balancer=dict(type='GMP'), accumulative_counts=2, model=BYPASS),
    # Decays what has a gradient, be it 0: a parameter of each encoder takes no part.
    'decay': dict(balancer=dict(type='GMP'), optimizer=torch.optim.AdamW),
    'decay, one pass': dict(balancer=dict(type='Sum'), optimizer=torch.optim.AdamW),
    'bfloat16': dict(kind='mmda_ext.AmpBalancedOptimWrapper', dtype='bfloat16', balancer=dict(type='GMP')),
    'accumulated feature': dict(balancer=dict(type='GMP', space='feature'), accumulative_counts=2),
}
for name in BALANCER_NAMES:
    if name != 'TorchJDWeighting' or find_spec('torchjd'):
        example, read = balancer_example(name)
        CASES[name] = dict(balancer=example, model=dict(objectives=[ADVERSARY, *read]))


def build(dtype, **options):
    return freeze_statistics(model_of(dtype=dtype, seed=11, **options))


def freeze_statistics(model):
    """No dropout either: nothing ties a sample to its own process."""
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


def state_of(model):
    """Parameters, and the running scores of a head that has them."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def run(model, wrapped, options, rank, world, dtype):
    # A learning rate this small keeps three steps from amplifying the rounding of a different order of summation.
    wrapper = wrapper_of(model, lr=.05, **{key: value for key, value in options.items() if key != 'model'})
    for step in range(STEPS * options.get('accumulative_counts', 1)):
        wrapped.train_step(part_of(batch_of(size=8, seed=step, dtype=dtype), rank, world), wrapper)
    return wrapper


def buffers(rank, world):
    """Running statistics and parameters of this process, by wrapper, where DDP broadcasts those of the first one."""
    from mmengine.model import MMDistributedDataParallel
    out = {}
    for name, options in dict(stock=dict(kind='OptimWrapper'), ours=dict(balancer=dict(type='Sum')),
                              several=dict(balancer=Plain())).items():
        model = model_of(seed=3)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        wrapped = MMDistributedDataParallel(
            module=model, device_ids=None, broadcast_buffers=True, find_unused_parameters=True)
        wrapper = wrapper_of(model, optimizer=partial(torch.optim.SGD, weight_decay=.1), **options)
        for step in range(STEPS):
            wrapped.train_step(part_of(batch_of(size=8, seed=step), rank, world), wrapper)
        out[name] = state_of(model)
    return out


class Plain(Sum):
    """The plain sum with a backward pass for each task."""

    needs = frozenset(['gramian'])


def worker(rank, world, folder, dtype):
    from mmengine.model import MMDistributedDataParallel
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=world)
    results = {'buffers': buffers(rank, world)}
    for name, options in CASES.items():
        model = build(dtype, **copy.deepcopy(options.get('model', {})))
        wrapped = MMDistributedDataParallel(module=model, device_ids=None, broadcast_buffers=False)
        wrapper = run(model, wrapped, copy.deepcopy(options), rank, world, dtype)
        results[name] = (state_of(model), dict(wrapper.balancer.diagnostics))
    torch.save(results, Path(folder) / f'{rank}.pt')
    leave_together()


@pytest.fixture(scope='module', params=[torch.float64, torch.float32], ids=['float64', 'float32'])
def two_processes(request):
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(2, folder, request.param), nprocs=2)
        yield request.param, [torch.load(Path(folder) / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize('case', CASES)
def test_two_processes_equal_one(two_processes, case):
    dtype, (first, second) = two_processes
    model = build(dtype, **copy.deepcopy(CASES[case].get('model', {})))
    wrapper = run(model, model, copy.deepcopy(CASES[case]), 0, 1, dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    if case == 'bfloat16':
        tolerance = 1e-3  # of parameters near 1: gradients of halves of a batch are rounded apart
    for name, value in state_of(model).items():
        assert torch.equal(first[case][0][name], second[case][0][name]), f'{name} differs between the processes'
        torch.testing.assert_close(first[case][0][name], value, rtol=tolerance, atol=tolerance)
    for key, value in wrapper.balancer.diagnostics.items():
        torch.testing.assert_close(first[case][1][key], value, rtol=1e3 * tolerance, atol=1e3 * tolerance)


def test_the_cases_reach_the_projection(two_processes):
    """Otherwise the parity above would say nothing about it; nor about an order that changes nothing."""
    dtype, (first, _) = two_processes
    assert first['parameter'][1]['conflict'].sum() > 0
    other = copy.deepcopy(CASES['order'])
    model = build(dtype, **other['model'])
    run(model, model, dict(balancer=dict(other['balancer'], seed=1)), 0, 1, dtype)
    assert any(not torch.allclose(value, first['order'][0][name], rtol=1e-4) for name, value in state_of(model).items())
    assert (first['accuracies'][1]['B'] != 1).all()
    assert first['scores'][0]['cls_head.iterations'] == STEPS


def test_buffers_and_unused_parameters_are_those_of_the_stock_wrapper(two_processes):
    _, results = two_processes
    for own in (first['buffers'] for first in results):
        for name, value in own['stock'].items():
            for other in ('ours', 'several'):
                torch.testing.assert_close(own[other][name], value, rtol=1e-9, atol=1e-12, msg=f'{other}: {name}')
        assert own['stock']['backbones.video.unused'].eq(1).all()
    one, two = (own['buffers']['stock'] for own in results)
    assert not torch.equal(one['backbones.video.layers.1.running_mean'], two['backbones.video.layers.1.running_mean'])


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
