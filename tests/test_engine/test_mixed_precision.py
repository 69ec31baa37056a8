"""What a balancer computes does not depend on the loss scale; a step that the scaler skips leaves it as it was.

bfloat16 with a gradient scaler on the CPU stands for float16 on a GPU.
"""

import pytest
import torch

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.registry import BALANCERS
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

ALL = dict(task_prefix='')
ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
HEADS = dict(type='mmda_ext.LocalClassification', loss_weight=1., task='heads', by_modality=True,
             balanced_heads=False)
#: Objectives that a balancer reads.
READ = {
    'BalGrad': [HEADS, dict(type='mmda_ext.MutualDistillation')],
    'CGGM': [dict(type='mmda_ext.ClassifierGuidance', num_classes=3, direction='live')],
}
CASES = [
    dict(type='BalGrad'), dict(type='BalGrad', weight='gradnorm'), dict(type='CAGrad', **ALL), dict(type='CGGM'),
    dict(type='DWA', period=1, **ALL), dict(type='FAMO', **ALL), dict(type='GMP'), dict(type='GMP', space='feature'),
    dict(type='GradNorm', **ALL), dict(type='MGDA', momentum=.5, **ALL), dict(type='NashMTL', **ALL),
    dict(type='NashMTL', space='parameter', **ALL), dict(type='OGM', ge=True, min_rank=2), dict(type='PCGrad'),
    dict(type='Sum'), dict(type='TorchJDWeighting', name='IMTLG', **ALL), dict(type='UncertaintyWeighting', **ALL),
    dict(type='UPGrad', **ALL),
]


def built(balancer, scale):
    if balancer['type'] == 'TorchJDWeighting':
        pytest.importorskip('torchjd')
    model = model_of(dtype=torch.float32, objectives=[ADVERSARY, *READ.get(balancer['type'], [])],
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


def test_every_balancer_takes_part():
    assert {case['type'] for case in CASES} == set(BALANCERS.module_dict)


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
