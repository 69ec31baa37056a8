"""Balancers that remember, behind the wrapper: which epoch they are told, and that only losses cost one pass."""

import pytest
import torch
from mmengine.logging import MessageHub

from tests.examples import BALANCER_NAMES, balancer_example
from tests.tiny import batch_of, model_of, wrapper_of
from tests.tiny import model_of as tiny_model

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))


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


#: Options under which the memory counts more than in the example.
OPTIONS = [
    dict(type='DWA', period=2), dict(type='FAMO', lr=.2), dict(type='UncertaintyWeighting', lr=.2),
    dict(type='GradNorm', lr=.2), dict(type='GradNorm', lr=.2, space='parameter'), dict(type='OGM', ge=True)]


@pytest.mark.parametrize('case', [*({'type': name} for name in BALANCER_NAMES), *OPTIONS], ids=str)
def test_a_resumed_wrapper_goes_on_exactly(hub, case):
    if case['type'] == 'TorchJDWeighting':
        pytest.importorskip('torchjd')
    example, read = balancer_example(case['type'])
    balancer = {**example, **case}

    def model_of():
        return tiny_model(objectives=[ADVERSARY, *read])

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
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    if case in OPTIONS:  # the memory changes something, so that the equality above says something
        forgetful = model_of()
        forgetful.load_state_dict(cut.state_dict())
        train(forgetful, wrapper_of(forgetful, balancer=balancer), range(5, 8))
        encoders = [name for name in whole.state_dict() if name.startswith('backbones')]
        assert not all(torch.equal(whole.state_dict()[name], forgetful.state_dict()[name]) for name in encoders)
