"""Sharpness-aware steps: known answer, what the second pass may not move, balancers, mixed precision, resume."""

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from tests.test_engine.feature_run import checkpoint, feature_config, run
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_resume import assert_same
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

SAM, BALANCED = 'mmda_ext.SAMOptimWrapper', 'mmda_ext.SAMBalancedOptimWrapper'
SUM, GMP = dict(type='mmda_ext.Sum'), dict(type='mmda_ext.GMP')


class Bowl(BaseModel):
    """``w_0^2 + w_1``; keeps the places where it was asked."""

    def __init__(self):
        super().__init__(nn.Identity())
        self.w, self.frozen = nn.Parameter(torch.tensor([1., 2.])), nn.Parameter(torch.ones(1))
        self.places = []

    def forward(self, inputs, data_samples=None, mode='loss'):
        self.places.append(self.w.detach().clone())
        return {'loss_cls': self.w[0].square() + self.w[1]}


@pytest.fixture
def bowl(monkeypatch):
    monkeypatch.setattr(nn.Identity, 'forward', lambda self, data, training=False: data)
    return Bowl()


@pytest.mark.parametrize(('adaptive', 'epsilon', 'slope'), [
    (False, (.044721, .022361), 2.089443), (True, (.035355, .070711), 2.070711)])
def test_known_answer(bowl, adaptive, epsilon, slope):
    log = bowl.train_step(dict(inputs=0), wrapper_of(bowl, SAM, rho=.05, adaptive=adaptive))
    assert float(log['loss'].detach()) == 3
    first, second = bowl.places
    torch.testing.assert_close(second - first, torch.tensor(epsilon), atol=1e-6, rtol=0)
    torch.testing.assert_close(bowl.w.detach(), torch.tensor([1 - .1 * slope, 1.9]), atol=1e-6, rtol=0)
    assert bowl.w.grad is None


def test_gradients_are_clipped_at_the_step_alone(bowl):
    wrapper = wrapper_of(bowl, SAM, rho=.05, clip_grad=dict(max_norm=1.))
    bowl.train_step(dict(inputs=0), wrapper)
    direction = torch.tensor([2.089443, 1.])
    torch.testing.assert_close(bowl.w.detach(), torch.tensor([1., 2.]) - .1 * direction / direction.norm())


def by_hand(model, batch, rho, lr):
    """One step in plain torch: same dropout, statistics of the first pass alone."""
    def gradient():
        torch.manual_seed(7)
        data = model.data_preprocessor(batch, True)
        loss = model.parse_losses(model(**data, mode='loss'))[0]
        trained = list(model.parameters())
        return [torch.zeros_like(p) if g is None else g for p, g in
                zip(trained, torch.autograd.grad(loss, trained, allow_unused=True))]

    first = gradient()
    buffers = [value.clone() for value in model.buffers()]
    norm = torch.stack([own.norm() for own in first]).norm()
    with torch.no_grad():
        for parameter, own in zip(model.parameters(), first):
            parameter += rho * own / norm
    second = gradient()
    with torch.no_grad():
        for parameter, own, other in zip(model.parameters(), first, second):
            parameter -= rho * own / norm + lr * other
        for value, kept in zip(model.buffers(), buffers):
            value.copy_(kept)
    return model


@pytest.mark.parametrize('options', [dict(kind=SAM), dict(kind=BALANCED, balancer=SUM)], ids=['stock', 'balanced'])
def test_one_step_of_a_recognizer(options):
    batch, expected = batch_of(), by_hand(model_of(), batch_of(), rho=.5, lr=.1)
    model = model_of()
    wrapper = wrapper_of(model, rho=.5, **options)
    torch.manual_seed(7)
    model.train_step(batch, wrapper)
    draw = torch.rand(3)
    for (name, value), other in zip(model.state_dict().items(), expected.state_dict().values()):
        torch.testing.assert_close(value, other, msg=name)
    # The second pass draws nothing that was to come.
    model, plain = model_of(), 'OptimWrapper'
    torch.manual_seed(7)
    model.train_step(batch, wrapper_of(model, plain))
    assert torch.equal(draw, torch.rand(3))


@pytest.mark.parametrize('balancer', [
    GMP, dict(type='mmda_ext.PCGrad'), dict(type='mmda_ext.GradNorm', tasks=('cls', 'domain')),
    dict(type='mmda_ext.DWA', tasks=('cls', 'domain'), period=1)])
def test_a_balancer_balances_both_gradients_and_remembers_one(balancer):
    """A climb of no length is a plain balanced step, memory and log included; a longer one is another."""
    states, memories, logs = {}, {}, {}
    for key, options in dict(plain=dict(kind='mmda_ext.BalancedOptimWrapper'), still=dict(kind=BALANCED, rho=1e-300),
                             far=dict(kind=BALANCED, rho=.5)).items():
        model = model_of()
        wrapper = wrapper_of(model, balancer=balancer, **options)
        wrapper.message_hub.log_scalars.clear()
        torch.manual_seed(7)
        for step in range(3):
            model.train_step(batch_of(seed=step), wrapper)
        states[key], memories[key] = model.state_dict(), wrapper.balancer.state_dict()
        logs[key] = {name: own.data[0].tolist() for name, own in wrapper.message_hub.log_scalars.items()}
        assert wrapper._inner_count == 3
    assert_same(dict(states['plain']), dict(states['still']), 'weights')
    assert_same(memories['plain'], memories['still'], 'memory')
    assert logs['plain'] == logs['still']
    assert any(not torch.equal(a, b) for a, b in zip(states['plain'].values(), states['far'].values()))


@pytest.mark.parametrize('options', [dict(kind='mmda_ext.AmpSAMOptimWrapper'),
                                     dict(kind='mmda_ext.AmpSAMBalancedOptimWrapper', balancer=GMP)])
def test_mixed_precision(options):
    model = model_of(dtype=torch.float32)
    wrapper = wrapper_of(model, dtype='bfloat16', **options)
    before = parameters_of(model)
    for step in range(2):
        model.train_step(batch_of(seed=step, dtype=torch.float32), wrapper)
    assert any(not torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert all(value.isfinite().all() for value in model.parameters())


def test_a_memory_under_mixed_precision_moves_once():
    memories = []
    for kind, options in (('mmda_ext.AmpBalancedOptimWrapper', {}), ('mmda_ext.AmpSAMBalancedOptimWrapper',
                                                                    dict(rho=1e-300))):
        model = model_of(dtype=torch.float32)
        wrapper = wrapper_of(model, kind, dtype='bfloat16', **options,
                             balancer=dict(type='mmda_ext.GradNorm', tasks=('cls', 'domain')))
        start = wrapper.balancer.state_dict()
        torch.manual_seed(7)
        for step in range(2):
            model.train_step(batch_of(seed=step, dtype=torch.float32), wrapper)
        memories.append(wrapper.balancer.state_dict())
    assert_same(*memories, 'memory')
    assert str(memories[0]) != str(start)


def test_a_gradient_that_is_not_finite_does_not_climb(bowl):
    bowl.w.data[0] = float('inf')
    bowl.train_step(dict(inputs=0), wrapper_of(bowl, SAM))
    assert len(bowl.places) == 1


def test_resumed_run_equals_uninterrupted(tmp_path):
    def config(work_dir, kill=None, **changes):
        cfg = feature_config('gmp', tmp_path, work_dir, 3, **{'optim_wrapper.type': BALANCED, **changes})
        cfg.custom_hooks += [dict(type='mmda_ext.KillHook', where='training', epoch=2)] if kill else []
        return cfg

    run(config(tmp_path / 'whole'))
    with pytest.raises(Killed):
        run(config(tmp_path / 'cut', kill=True))
    run(config(tmp_path / 'cut', resume=True))
    one, two = (checkpoint(tmp_path / name, 'epoch_3.pth') for name in ('whole', 'cut'))
    for key in ('state_dict', 'optimizer'):
        assert_same(one[key], two[key], key)


def test_what_cannot_be_done_is_refused():
    model = model_of()
    for options, message in ((dict(rho=0.), 'rho=0.0 must be a positive number'), (dict(rho=True), 'rho=True must be'),
                             (dict(accumulative_counts=2), 'accumulative_counts=2: a second pass')):
        with pytest.raises(ValueError, match=f'SAMOptimWrapper: {message}'):
            wrapper_of(model, SAM, **options)
    with pytest.raises(RuntimeError, match='was not called inside'):
        wrapper_of(model, SAM).update_params(sum(value.sum() for value in model.parameters()))
