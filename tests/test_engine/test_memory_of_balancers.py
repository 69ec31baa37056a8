"""Balancers that remember, behind the wrapper: which epoch they are told, and that only losses cost one pass."""

import pytest
import torch
from mmengine.logging import MessageHub

from tests.tiny import batch_of, model_of, wrapper_of


@pytest.fixture
def hub():
    hub = MessageHub.get_instance('memory of balancers')
    yield hub
    MessageHub._instance_dict.pop('memory of balancers')


def test_the_epoch_of_the_loop_reaches_the_balancer(hub):
    model, balancer, losses = model_of(), dict(type='DWA', tasks=('cls', 'domain')), []
    with pytest.raises(ValueError, match='give period='):
        model.train_step(batch_of(), wrapper_of(model, balancer=balancer))
    wrapper = wrapper_of(model, balancer=balancer)
    for step in range(6):
        hub.update_info('epoch', step // 2)
        out = model.train_step(batch_of(seed=step), wrapper)
        losses.append(torch.stack([out['loss_cls'], out['loss_domain']]).detach())
        weights = [float(hub.get_scalar(f'train/balance/weight_{task}_{name}').current())
                   for name in ('video', 'audio') for task in ('cls', 'domain')]
        if step < 4:
            assert weights == [1] * 4
    rates = (losses[2] + losses[3]) / (losses[0] + losses[1])
    assert weights == pytest.approx((2 * torch.softmax(rates / 2, 0)).tolist() * 2)


@pytest.mark.parametrize('balancer', [
    dict(type='DWA', period=2), dict(type='FAMO', lr=.2), dict(type='UncertaintyWeighting', lr=.2),
    dict(type='GradNorm', lr=.2), dict(type='GradNorm', lr=.2, space='parameter')])
def test_a_resumed_wrapper_goes_on_exactly(hub, balancer):
    balancer = dict(balancer, tasks=('cls', 'domain'))

    def train(model, wrapper, steps):
        for step in steps:
            torch.manual_seed(step)
            model.train_step(batch_of(seed=step), wrapper)

    whole, cut, resumed = model_of(), model_of(), model_of()
    train(whole, wrapper_of(whole, balancer=balancer), range(8))
    before = wrapper_of(cut, balancer=balancer)
    train(cut, before, range(5))
    after = wrapper_of(resumed, balancer=balancer)
    resumed.load_state_dict(cut.state_dict())
    after.load_state_dict(before.state_dict())
    train(resumed, after, range(5, 8))
    plain = model_of()
    train(plain, wrapper_of(plain, kind='OptimWrapper'), range(8))
    encoders = [name for name, _ in whole.named_parameters() if name.startswith('backbones') and 'unused' not in name]
    for name in encoders:
        assert torch.equal(whole.state_dict()[name], resumed.state_dict()[name]), name
    assert not all(torch.equal(whole.state_dict()[name], plain.state_dict()[name]) for name in encoders)
