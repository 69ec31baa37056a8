"""Adaptation in two real processes, each with half of the source and half of the target, against one with all.

Boomda with its balancer; every objective and every fusion by its example, under the stock wrapper.
"""

import random
import tempfile
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub

from tests.examples import CLASSES, FUSION_NAMES, OBJECTIVE_NAMES, fusion_example, objective_example
from tests.examples import build as build_model
from tests.test_engine.test_distributed import build as frozen_statistics
from tests.test_engine.test_distributed import freeze_statistics
from tests.tiny import WIDTHS, Encoder, batch_of, parameters_of, wrapper_of
from tests.two_processes import run_in_two_processes

STEPS, SOURCE, TARGET = 3, 8, 6
OBJECTIVES = [
    dict(type='mmda_ext.InformationBottleneck', beta=.05, estimator='ema'),
    dict(type='mmda_ext.VotingPseudoLabel', min_votes=2),
    dict(type='mmda_ext.CorrelationAlignment', alpha2=.3),
]
PLAIN = dict(kind='OptimWrapper')
CASES = {
    'closed form': dict(balancer=dict(type='MGDA')),
    'exact': dict(balancer=dict(type='MGDA', solver='exact', momentum=.5)),
    'parameter': dict(balancer=dict(type='MGDA', space='parameter')),
    'plain sum': PLAIN,
}
EXAMPLES = [*OBJECTIVE_NAMES, *FUSION_NAMES]


def build():
    return frozen_statistics(torch.float64, objectives=OBJECTIVES)


def example(name):
    """A model of three modalities with an objective, or with a fusion."""
    torch.manual_seed(11)
    random.seed(11)
    fusion = fusion_example(name if name in FUSION_NAMES else 'ConcatFusion')
    return freeze_statistics(build_model(dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones={key: dict(type=Encoder, width=width, out=8) for key, width in WIDTHS.items()},
        fusion=dict(in_channels=dict.fromkeys(WIDTHS, 8), hidden_channels=10, **fusion),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=CLASSES),
        objectives=[] if name in FUSION_NAMES else objective_example(name),
        data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict.fromkeys(WIDTHS)))
    ).double())


def part_of(step, rank, world, modalities=('video', 'audio')):
    """Source samples first, as the batch sampler gives them; of both kinds each process has its share."""
    whole = batch_of(modalities, size=SOURCE + TARGET, seed=step)
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
        torch.manual_seed(step)
        wrapped.train_step(part_of(step, rank, world, tuple(model.backbones)), wrapper)
        if hasattr(wrapper, 'balancer'):
            gammas.append({key: value for key, value in wrapper.balancer.diagnostics.items() if 'gamma' in key})
    return parameters_of(model), gammas, dict(model.named_buffers())


def worker(rank, folder):
    from mmengine.model import MMDistributedDataParallel
    torch.set_num_threads(1)
    results = {}
    for name, options in [*CASES.items(), *((name, PLAIN) for name in EXAMPLES)]:
        model = example(name) if name in EXAMPLES else build()
        wrapped = MMDistributedDataParallel(module=model, device_ids=None, broadcast_buffers=False,
                                            find_unused_parameters='kind' in options)
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
    expected = run(model, model, CASES[case], 0, 1)
    compare(expected, [own[case] for own in two_processes])
    assert len(expected[1]) == (0 if case == 'plain sum' else STEPS)


@pytest.fixture
def fresh_hub():
    """As in a new process: ramps ask where the training stands."""
    yield MessageHub.get_instance('distributed adaptation')
    MessageHub._instance_dict.pop('distributed adaptation')


@pytest.mark.parametrize('name', EXAMPLES)
def test_two_processes_equal_one_with_the_example(two_processes, fresh_hub, name):
    model = example(name)
    expected = run(model, model, PLAIN, 0, 1)
    # Random numbers of single samples are others where a process has other samples; the processes agree all the same.
    draws = not torch.equal(torch.get_rng_state(), torch.Generator().manual_seed(STEPS - 1).get_state())
    compare(two_processes[1][name] if draws else expected, [own[name] for own in two_processes])


def compare(expected, both):
    parameters, gammas, buffers = expected
    for own, own_gammas, own_buffers in both:
        for name, value in parameters.items():
            torch.testing.assert_close(own[name], value, rtol=1e-10, atol=1e-12, msg=name)
        for name, value in buffers.items():
            torch.testing.assert_close(own_buffers[name], value, rtol=1e-10, atol=1e-12, msg=name)
        for wanted, got in zip(gammas, own_gammas):
            for key, value in wanted.items():
                torch.testing.assert_close(got[key], value, rtol=1e-9, atol=1e-12)


def test_the_case_reaches_the_losses():
    """Half a batch has other covariances, other variances and other votes, so the parity above says something."""
    whole, half = ([dict(build().loss(**build().data_preprocessor(part_of(0, 0, world), True)))
                    for world in (1, 2)])
    for key in ('loss_align/fused', 'loss_entropy', 'loss_pseudo'):
        assert not torch.allclose(whole[key], half[key], rtol=1e-3), key
        assert float(whole[key].detach()) != 0
