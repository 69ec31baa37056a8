"""What a balancer computes does not depend on the loss scale; a step that the scaler skips leaves it as it was.

bfloat16 with a gradient scaler on the CPU stands for float16 on a GPU.
"""

import pytest
import torch

from tests.examples import BALANCER_NAMES, balancer_example
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
#: Further options of a balancer that change its arithmetic.
OPTIONS = [
    dict(type='BalGrad', weight='gradnorm'), dict(type='GMP', space='feature'), dict(type='MGDA', momentum=.5),
    dict(type='NashMTL', space='parameter'), dict(type='OGM', ge=True), dict(type='CGGM', clamp=None),
]
CASES = [dict(type=name) for name in BALANCER_NAMES] + OPTIONS


def built(case, scale):
    if case['type'] == 'TorchJDWeighting':
        pytest.importorskip('torchjd')
    example, read = balancer_example(case['type'])
    balancer = {**example, **case}
    model = model_of(dtype=torch.float32, objectives=[ADVERSARY, *read],
                     cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3))
    wrapper = wrapper_of(model, 'mmda_ext.AmpBalancedOptimWrapper', balancer=balancer, dtype='bfloat16', lr=.05)
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=scale)
    return model, wrapper


def train(model, wrapper, steps, bad=()):
    """Steps; in those of ``bad`` the gradient of one weight overflows."""
    layer = model.cls_head.fusion.output.weight
    for step in steps:
        hook = layer.register_hook(lambda grad: grad * float('inf')) if step in bad else None
        torch.manual_seed(step)
        model.train_step(batch_of(seed=step, dtype=torch.float32), wrapper)
        if hook:
            hook.remove()


@pytest.mark.parametrize('balancer', CASES, ids=str)
def test_the_scale_of_the_loss_does_not_matter(balancer):
    """A power of two changes no bit, but for the 1e-8 beside the noise of OGM-GE."""
    results = []
    for scale in (1., 2.**12):
        model, wrapper = built(balancer, scale)
        train(model, wrapper, range(3))
        assert wrapper.loss_scaler.get_scale() == scale
        results.append((parameters_of(model), dict(wrapper.balancer.diagnostics)))
    for one, other in zip(*results):
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize('balancer', CASES, ids=str)
def test_a_step_that_is_skipped_leaves_parameters_and_memory(balancer):
    model, wrapper = built(balancer, 2.**12)
    train(model, wrapper, range(2))
    before, memory = parameters_of(model), repr(wrapper.balancer.state_dict())
    train(model, wrapper, [2], bad=[2])
    assert wrapper.loss_scaler.get_scale() == 2.**11
    assert repr(wrapper.balancer.state_dict()) == memory
    for name, value in parameters_of(model).items():
        assert torch.equal(value, before[name]), name
    train(model, wrapper, [3])
    assert repr(wrapper.balancer.state_dict()) != memory or not wrapper.balancer.state_dict()
