"""The tensor work behind the wrappers: gradients that share memory, weights of 0, and what an encoder may look like."""

import pytest
import torch

from mmda_ext.gradients.passes import encoder_gradients
from mmda_ext.gradients.tensors import apart, combine, gramian, weighted_sum
from mmda_ext.models.objectives import Objective
from tests.gradients import by_task, encoder_vector, written
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of


class Summed(torch.nn.Module):
    """``z = (a + b + [d; e]) x``: autograd has one tensor for ``a`` and ``b``, and slices of it for ``d`` and ``e``."""

    def __init__(self, width, out):
        super().__init__()
        shapes = dict(a=(out, width), b=(out, width), d=(2, width), e=(out - 2, width))
        for name, shape in shapes.items():
            self.register_parameter(name, torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)))

    def forward(self, x):
        return x @ (self.a + self.b + torch.cat([self.d, self.e])).T


def test_gradients_that_share_memory_are_told_apart():
    shapes = dict(a=(2, 3), b=(3, 2), c=(6, ), d=(2, ), e=(4, ))
    own = {name: torch.zeros(shape, requires_grad=True) for name, shape in shapes.items()}
    total = own['a'].reshape(-1) + own['b'].reshape(-1) + own['c'] + torch.cat([own['d'], own['e']])
    (total * torch.arange(6.)).sum().backward()
    assert own['a'].grad.data_ptr() == own['b'].grad.data_ptr(), 'what this is about'
    expected = [value.grad.clone() for value in own.values()]
    for grad, known in zip(apart([value.grad for value in own.values()]), expected):
        assert torch.equal(grad.mul_(2), 2 * known)
    wide = torch.zeros(3).expand(2, 3)
    assert apart([None, wide])[0] is None
    assert apart([wide])[0].is_contiguous()


def test_a_parameter_that_is_the_output_does_not_get_the_cotangent_itself():
    z, cotangent = torch.nn.Parameter(torch.zeros(2, 3)), torch.ones(2, 3)
    z.grad = torch.full_like(z, 7.)
    grad, = encoder_gradients([z.view_as(z)], [cotangent], [z])
    grad.mul_(5)
    assert cotangent.eq(1).all()
    assert z.grad.eq(7).all(), 'what was there before is left alone'


@pytest.mark.parametrize('accumulated', [1, 2])
@pytest.mark.parametrize('balancer', [
    dict(type='GMP'), dict(type='GMP', space='feature'), dict(type='PCGrad'), dict(type='OGM', alpha=.5, min_rank=2),
    dict(type='OGM', alpha=.5, min_rank=0), dict(type='UPGrad', task_prefix='', space='parameter')], ids=str)
def test_parameters_that_are_added_up_are_weighted_once(balancer, accumulated):
    weighted = 0
    for seed in range(2):
        model, batch = model_of(backbone=Summed, seed=seed), batch_of(seed=seed)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.
        tasks, _ = by_task(model, batch)
        wrapper = wrapper_of(model, balancer=balancer, accumulative_counts=accumulated)
        wrapper.initialize_count_status(model, 0, accumulated)
        for _ in range(accumulated - 1):
            model.train_step(batch, wrapper)
        got = written(model, batch, wrapper)
        for name in model.modalities:
            weights = {t: wrapper.message_hub.get_scalar(f'train/balance/weight_{t}_{name}').current()
                       if wrapper.balancer.balances(t) else 1. for t in tasks}
            weighted += any(value != 1 for value in weights.values())
            expected = sum(weights[t] * encoder_vector(tasks[t], name) for t in tasks)
            torch.testing.assert_close(encoder_vector(got, name), expected, rtol=1e-6, atol=1e-9)
    assert weighted


@pytest.mark.parametrize('balancer', [dict(type='Sum'), dict(type='GMP')], ids=str)
def test_written_gradients_share_no_memory(balancer):
    """Clipping scales them in place, one after the other."""
    model, batch = model_of(backbone=Reshaped), batch_of()
    wrapper = wrapper_of(model, balancer=balancer)
    wrapper.step = lambda **_: None
    wrapper.zero_grad = lambda **_: None
    model.train_step(batch, wrapper)
    for encoder in model.backbones.values():
        memory = [p.grad.untyped_storage().data_ptr() for p in encoder.parameters()]
        assert len(set(memory)) == len(memory) == 2


class Reshaped(torch.nn.Module):
    """Autograd leaves two views of one tensor in ``.grad``."""

    def __init__(self, width, out):
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros(out, width, dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.zeros(width * out, dtype=torch.float64))

    def forward(self, x):
        return x @ (self.a.reshape(-1) + self.b.reshape(-1)).reshape(self.a.shape).T


def test_a_weight_of_zero_is_zero_times_anything():
    bad, good = torch.tensor([float('nan'), 1., float('inf')]), torch.tensor([1., 2., 3.])
    zero, one = torch.tensor(0.), torch.tensor(1.)
    assert weighted_sum([(zero, bad), (one, good), (2., None)]).tolist() == [1, 2, 3]
    assert weighted_sum([(1., None)]) is None
    assert combine([[bad.clone(), None], [good.clone(), None]], [zero, one])[0].tolist() == [1, 2, 3]
    half = torch.tensor([2048.], dtype=torch.float16)
    weighted = combine([[half.clone()]], [torch.tensor(1.00049)])[0]
    assert float(weighted) == 2050, 'the weight itself is 1 in half precision'
    small = weighted_sum([(torch.tensor(1e-9), torch.tensor([3e4], dtype=torch.float16))])
    assert float(small) == pytest.approx(3e-5, rel=1e-2), 'the weight itself is 0 in half precision'


def test_inner_products_are_of_all_tensors_and_wide():
    rows = [[torch.tensor([1., 2.]).half(), None], [torch.tensor([3., 4.]).half(), torch.ones(1).half()]]
    assert torch.equal(gramian(rows), torch.tensor([[5., 11.], [11., 26.]]))
    assert gramian([[None], [None]]).tolist() == [[0, 0], [0, 0]]
    assert gramian([[None]], torch.device('meta')).device.type == 'meta'
    assert gramian(rows, torch.device('meta')).device.type == 'meta'
    wide = gramian([[torch.full((4, ), 3e4).half()]])
    assert wide.dtype == torch.float32
    assert float(wide) == pytest.approx(3.6e9, rel=1e-2)


class NotFinite(Objective):
    """One alignment loss without a finite gradient beside a good one; neither has parameters of its own."""

    def forward(self, record):
        video, audio = record.features.values()
        return {'loss_align/video': video.square().sum() * float('nan'), 'loss_align/audio': audio.square().mean()}


@pytest.mark.filterwarnings('ignore:a balanced loss')
@pytest.mark.parametrize('space', ['feature', 'parameter'])
@pytest.mark.parametrize('accumulated', [1, 2])
def test_a_loss_that_is_not_finite_and_has_weight_zero_spoils_nothing(space, accumulated):
    model = model_of(objectives=[dict(type=NotFinite)])
    wrapper = wrapper_of(model, balancer=dict(type='MGDA', space=space), accumulative_counts=accumulated)
    wrapper.initialize_count_status(model, 0, accumulated)
    before = parameters_of(model)
    for seed in range(accumulated):
        model.train_step(batch_of(seed=seed), wrapper)
    assert all(value.isfinite().all() for value in parameters_of(model).values())
    assert any(not torch.equal(value, before[name]) for name, value in parameters_of(model).items())
    assert wrapper.balancer.non_finite_steps == 1
