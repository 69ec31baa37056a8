"""OGM and OGM-GE: known answers (Peng et al., CVPR 2022), and what reaches the optimizer against plain autograd."""

import math

import pytest
import torch
from torch import nn

from mmda_ext.balancing import GMP, OGM, BalanceInputs
from mmda_ext.balancing.parts.draws import Draws
from mmda_ext.balancing.parts.modulation import suppress
from mmda_ext.confidence import confidence_ratio
from tests.gradients import assert_written, by_task, written
from tests.test_engine.test_balanced_wrapper import NoNorm, without_dropout
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

NAMES = ('video', 'audio', 'flow')


def inputs_of(sums, epoch=None, tasks=('cls', )):
    return BalanceInputs(tasks, NAMES[:len(sums)], confidences=dict(cls=torch.tensor(sums)), epoch=epoch)


@pytest.mark.parametrize(('alpha', 'k'), [(.1, .802625), (.5, .238406), (0., 1.)])
def test_known_answers(alpha, k):
    """S^v = 6.4, S^a = 3.2: rho^v = 2."""
    balancer = OGM(alpha)
    assert balancer(inputs_of([6.4, 3.2]))[:, 0].tolist() == pytest.approx([k, 1], abs=1e-6)
    assert balancer.diagnostics['rho'].tolist() == pytest.approx([2, .5])


def test_ratio_of_three_modalities():
    """(1/2)(6/3 + 6/2), (1/2)(3/6 + 3/2), (1/2)(2/6 + 2/3); or each over the mean of the others, as GMP has it."""
    sums = torch.tensor([6., 3., 2.])
    assert confidence_ratio(sums, 'pairwise').tolist() == pytest.approx([2.5, 1, .5])
    assert confidence_ratio(sums).tolist() == pytest.approx([2.4, .75, 4 / 9])
    assert confidence_ratio(sums, inverse=True).tolist() == pytest.approx([1 / 2.4, 4 / 3, 9 / 4])
    assert confidence_ratio(torch.tensor([3.])).tolist() == [1]
    assert confidence_ratio(torch.tensor([0., 0.]), 'pairwise').tolist() == [0, 0]
    assert OGM(.5)(inputs_of([6., 3., 2.]))[:, 0].tolist() == pytest.approx([1 - math.tanh(1.25), 1, 1])
    assert OGM(.5, ratio='mean')(inputs_of([6., 3., 2.]))[:, 0].tolist() == pytest.approx([1 - math.tanh(1.2), 1, 1])
    assert suppress(torch.tensor([1., .5]), .5).tolist() == [1, 1]


def test_mean_form_is_the_modulation_of_gmp():
    inputs = inputs_of([5., 2., 4.])
    gmp = GMP(alpha_k=.3, modulation='class_only', projection='none')
    torch.testing.assert_close(OGM(.3, ratio='mean')(inputs), gmp(inputs))


@pytest.mark.parametrize(('epoch', 'inside'), [(0, False), (1, True), (2, True), (3, False), (None, True)])
def test_window_includes_both_ends(epoch, inside):
    balancer = OGM(.5, ge=True, window=(1, 2), min_rank=2)
    weights = balancer(inputs_of([6.4, 3.2], epoch))
    assert (weights[0, 0] < 1) == inside
    gradient = torch.randn(4, 4)
    assert torch.equal(balancer.combine([gradient.clone()], weights[1]), gradient) != inside


@pytest.mark.parametrize('rank', range(6))
def test_only_tensors_of_the_rank_are_moved(rank):
    """3D convolutions have rank 5: the public code leaves them out."""
    balancer = OGM(.5)
    weights = balancer(inputs_of([6.4, 3.2]))[0]
    gradient = torch.randn((2, ) * rank)
    got = balancer.combine([gradient.clone()], weights)
    torch.testing.assert_close(got, gradient * (weights[0] if rank >= 4 else 1))
    assert balancer.combine([None], weights) is None


def test_noise_has_the_size_of_the_raw_gradient():
    """Also where k = 1; measured before scaling, so k does not shrink it."""
    gradient = 3 * torch.randn(40, 50, generator=torch.Generator().manual_seed(0)) + 7
    balancer = OGM(.5, ge=True, min_rank=2)
    weights = balancer(inputs_of([6.4, 3.2]))
    for row, k in zip(weights, (.238406, 1)):
        noise = balancer.combine([gradient.clone()], row) - k * gradient
        assert float(noise.std()) == pytest.approx(float(gradient.std()), rel=.05)
        assert abs(float(noise.mean())) < .3
    constant = torch.ones(30, 30)
    left = balancer.combine([constant.clone()], weights[1]) - constant
    assert float(left.abs().max()) < 1e-6, 'no spread, no noise but 1e-8'
    assert torch.isfinite(balancer.combine([torch.ones(1, 1)], weights[0])).all()


def test_noise_has_the_unbiased_deviation():
    """Of (0, 2): 2^.5, and not 1."""
    balancer, gradient = OGM(.5, ge=True, min_rank=2, seed=3), torch.tensor([[0., 2.]]).double()
    weights = balancer(inputs_of([6.4, 3.2]))[1]
    drawn = torch.randn(1, 2, generator=balancer_draws(3), dtype=torch.float64)
    torch.testing.assert_close(balancer.combine([gradient.clone()], weights) - gradient, (2**.5 + 1e-8) * drawn)


def balancer_draws(seed):
    """The generator of the first step."""
    draws = Draws(seed)
    draws.next_step()
    return draws.on(torch.device('cpu'))


def noises(balancer, steps):
    out = []
    for _ in range(steps):
        weights = balancer(inputs_of([2., 1.]))[0]
        out.append([balancer.combine([torch.eye(3)], weights) for _ in range(2)])
    return out


def test_noise_is_alike_on_all_processes_and_after_a_resume():
    options = dict(alpha=.3, ge=True, min_rank=2)
    whole = noises(OGM(**options, seed=3), 4)
    torch.manual_seed(99)
    first = OGM(**options, seed=3)
    again = noises(first, 2)
    second = OGM(**options, seed=3)
    second.load_state_dict(first.state_dict())
    again += noises(second, 2)
    for one, two in zip(whole, again):
        assert all(torch.equal(a, b) for a, b in zip(one, two))
    flat = [value for step in whole for value in step]
    assert not any(torch.equal(a, b) for i, a in enumerate(flat) for b in flat[:i]), 'never the same noise twice'
    assert not torch.equal(noises(OGM(**options, seed=4), 1)[0][0], flat[0])


def test_draws_start_anew_in_each_step():
    one, two = Draws(0), Draws(0)
    one.next_step()
    two.load_state_dict(dict(steps=1))
    cpu = torch.device('cpu')
    assert torch.equal(torch.randn(5, generator=one.on(cpu)), torch.randn(5, generator=two.on(cpu)))
    assert not torch.equal(torch.randn(5, generator=one.on(cpu)), torch.randn(5, generator=Draws(0).on(cpu)))


def test_asks_only_for_what_it_reads():
    assert OGM().needs == {'confidences', 'tensors'}
    assert OGM(min_rank=0).needs == {'confidences'}
    assert OGM(min_rank=0, ge=True).needs == {'confidences', 'tensors'}


def test_refusals():
    for options, match in ((dict(alpha=-1), 'alpha=-1'), (dict(window=(3, 2)), r'window=\(3, 2\)'),
                           (dict(ratio='min'), "ratio='min' is unknown"),
                           (dict(tasks='cls'), "tasks='cls' must be a sequence of task names")):
        with pytest.raises(ValueError, match=match):
            OGM(**options)
    with pytest.raises(ValueError, match="needs the confidences of task 'cls'"):
        OGM()(BalanceInputs(('x', ), ('a', ), confidences=dict(x=torch.ones(1))))
    model = model_of()
    with pytest.raises(ValueError, match="modality 'video' trains none above rank 2: set min_rank=2"):
        model.train_step(batch_of(), wrapper_of(model, balancer=dict(type='OGM')))
    OGM().check(dict(frozen=[]))


class Convolutions(nn.Sequential):
    """Kernels of rank 4, others of lower rank."""

    def __init__(self, width, out):
        super().__init__(nn.Unflatten(1, (1, 1, width)), nn.Conv2d(1, 3, (1, 3), padding=(0, 1)), nn.BatchNorm2d(3),
                         nn.ReLU(), nn.Flatten(), nn.Linear(3 * width, out))


@pytest.mark.parametrize('adversary', [True, False], ids=['adversary', 'plain'])
@pytest.mark.parametrize('options', [dict(), dict(min_rank=2), dict(min_rank=0)], ids=str)
@pytest.mark.parametrize('count', [2, 3])
def test_written_gradients_are_those_of_autograd(count, options, adversary):
    names, slowed = NAMES[:count], 0
    for seed in range(2):
        without = {} if adversary else dict(objectives=[])
        model, batch = model_of(names, seed=seed, backbone=Convolutions, **without), batch_of(names, seed=seed)
        tasks, _ = by_task(model, batch)
        wrapper = wrapper_of(model, balancer=dict(type='OGM', alpha=.5, **options))
        got = written(model, batch, wrapper)
        k = dict(zip(names, wrapper.balancer.diagnostics['k']))
        expected = {}
        for name, parameter in model.named_parameters():
            moved = name.startswith('backbones') and parameter.dim() >= options.get('min_rank', 4)
            factor = k[name.split('.')[1]] if moved else 1.0
            expected[name] = factor * tasks['cls'][name] + (tasks['domain'][name] if adversary else 0.0)
        assert_written(got, expected)
        slowed += sum(float(value) < 1 for value in k.values())
    assert slowed


def test_the_adversary_can_be_modulated_too():
    model, batch = model_of(backbone=Convolutions), batch_of()
    tasks, _ = by_task(model, batch)
    wrapper = wrapper_of(model, balancer=dict(type='OGM', alpha=.5, tasks=('cls', 'domain'), min_rank=0))
    got = written(model, batch, wrapper)
    k = dict(zip(model.modalities, wrapper.balancer.diagnostics['k']))
    assert min(k.values()) < 1
    assert_written(got, {n: (k[n.split('.')[1]] if n.startswith('backbones') else 1) * (g + tasks['domain'][n])
                         for n, g in tasks['cls'].items()})


def test_noise_under_the_wrapper_does_not_touch_the_adversary_or_the_heads():
    model, batch = model_of(backbone=Convolutions), batch_of()
    tasks, _ = by_task(model, batch)
    got = written(model, batch, wrapper_of(model, balancer=dict(type='OGM', alpha=0., ge=True)))
    for name, parameter in model.named_parameters():
        plain = tasks['cls'][name] + tasks['domain'][name]
        noisy = name.startswith('backbones') and parameter.dim() >= 4
        assert torch.allclose(got[name], plain, rtol=1e-9, atol=1e-12) != noisy, name


@pytest.mark.parametrize('ge', [False, True])
def test_two_accumulated_halves_equal_one_batch(ge):
    """The noise is that of the accumulated gradient."""
    whole = batch_of(size=8, seed=3)
    halves = [dict(inputs=whole['inputs'][i:i + 4], data_samples=whole['data_samples'][i:i + 4]) for i in (0, 4)]
    one, two = (without_dropout(model_of(backbone=NoNorm)) for _ in range(2))
    balancer = dict(type='OGM', ge=ge, min_rank=2)
    one_wrapper = wrapper_of(one, balancer=balancer)
    two_wrapper = wrapper_of(two, balancer=balancer, accumulative_counts=2)
    for _ in range(3):
        one.train_step(whole, one_wrapper)
        for half in halves:
            two.train_step(half, two_wrapper)
    for name, value in parameters_of(one).items():
        torch.testing.assert_close(parameters_of(two)[name], value, rtol=1e-10, atol=1e-12)


def test_interrupted_and_resumed_equals_uninterrupted():
    def run(model, wrapper, steps):
        for step in steps:
            torch.manual_seed(step)
            model.train_step(batch_of(seed=step), wrapper)

    options = dict(balancer=dict(type='OGM', ge=True, min_rank=2))
    whole = model_of()
    run(whole, wrapper_of(whole, **options), range(4))
    cut = model_of()
    wrapper = wrapper_of(cut, **options)
    run(cut, wrapper, range(2))
    fresh = wrapper_of(cut, **options)
    fresh.load_state_dict(wrapper.state_dict())
    run(cut, fresh, range(2, 4))
    for name, value in parameters_of(whole).items():
        assert torch.equal(parameters_of(cut)[name], value), name


def test_step_skipped_by_mixed_precision_draws_the_same_noise_again():
    model = model_of(dtype=torch.float32)
    wrapper = wrapper_of(model, 'mmda_ext.AmpBalancedOptimWrapper', dtype='bfloat16',
                         balancer=dict(type='OGM', ge=True, min_rank=2))
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=4.)
    for steps in (0, 1):
        weight = model.cls_head.fusion.output.weight
        hook = None if steps else weight.register_hook(lambda grad: grad * float('nan'))
        model.train_step(batch_of(dtype=torch.float32), wrapper)
        if hook:
            hook.remove()
        assert wrapper.balancer.draws.steps == steps
