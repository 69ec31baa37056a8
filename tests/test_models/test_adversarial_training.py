"""Adversarial adaptation, every method: any batch, who learns what in a model, weight zero, balancers."""

import copy
import math

import pytest
import torch

from tests.test_engine.test_balanced_wrapper import written_gradients
from tests.test_models.test_objectives_adaptation import BOTTLENECK
from tests.test_models.test_objectives_adversarial import (
    CLASSES,
    METHODS,
    config_of,
    half_way,  # noqa: F401
    objective_of,
    record_of,
    step,
)
from tests.test_models.test_objectives_alignment import adapting
from tests.tiny import parameters_of, wrapper_of

every_method = pytest.mark.parametrize('method', METHODS)


@every_method
@pytest.mark.parametrize(('n_source', 'n_target'), [(6, 6), (7, 2), (1, 5), (1, 1)])
def test_any_batch_sizes(method, n_source, n_target):
    for constant in (False, True):
        record = record_of(n_source, n_target, constant=constant)
        out, at_features, own = step(objective_of(method, placement='both'), record)
        assert all(torch.isfinite(value).all() for value in out.values())
        assert all(torch.isfinite(grad).all() for grad in (*at_features, *own) if grad is not None)
        assert constant or all(grad.any() for grad in at_features)


@every_method
@pytest.mark.parametrize(('n_source', 'n_target'), [(0, 4), (4, 0)])
def test_a_batch_of_one_domain_keeps_the_graph(method, n_source, n_target):
    record = record_of(n_source, n_target)
    out, at_features, own = step(objective_of(method, placement='both'), record)
    learns = method.startswith('MDAN') and n_source
    assert bool(out['loss_align'] == 0) != bool(learns)
    assert all(grad is not None for grad in (*at_features, *own)), 'every parameter has a gradient'
    assert learns or not any(grad.any() for grad in (*at_features, *own))


@every_method
def test_half_precision_is_widened(method):
    record = record_of()
    for part in (record.classifier, *record.modality_classifiers.values()):
        part.float()
    record.features = {name: value.detach().float().requires_grad_() for name, value in record.features.items()}
    with torch.autocast('cpu', torch.bfloat16):
        record.logits = record.classifier(record.features)
        record.modality_logits = {name: own(record.features[name]) for name, own in record.modality_classifiers.items()}
        out, at_features, _ = step(objective_of(method, placement='both').float(), record)
    assert out['loss_align'].dtype == torch.float32
    assert all(torch.isfinite(grad).all() for grad in at_features)


# Every method: in a model.


def head_for(method):
    """The classifier leaves its loss to the method that contains it."""
    weight = 0. if method.startswith('MDAN') else 1.
    return dict(type='mmda_ext.MultimodalClsHead', num_classes=CLASSES, loss_weight=weight)


def adversarial(method, modalities=('video', 'audio'), **options):
    """Model and batch with source and target samples; the first two source samples are of domains 0 and 1."""
    model, batch = adapting(modalities, (BOTTLENECK, config_of(method, **options)), cls_head=head_for(method))
    for index, sample in enumerate(batch['data_samples'][:2]):
        sample.set_metainfo(dict(domain_label=index))
    return model, batch


def encoder_gradients(model, batch):
    return {name: grad for name, grad in written_gradients(model, batch, kind='OptimWrapper')[0].items()
            if name.startswith('backbones')}


def differ(one, two):
    return [name for name in one if not torch.equal(one[name], two[name])]


@every_method
@pytest.mark.parametrize('placement', ['fused', 'per_modality'])
def test_target_samples_change_the_gradients_of_the_encoders(method, placement):
    def gradients(objectives, shift, **options):
        model, batch = adapting(('video', 'audio'), objectives, **options)
        for sample, inputs in zip(batch['data_samples'], batch['inputs']):
            if sample.get('is_target', False):
                inputs.update({name: value + shift for name, value in inputs.items()})
        return encoder_gradients(model, batch)

    assert not differ(gradients([BOTTLENECK], 0), gradients([BOTTLENECK], 1)), 'direct transfer does not read them'
    own = [BOTTLENECK, config_of(method, placement=placement)]
    one, two = (gradients(own, shift, cls_head=head_for(method)) for shift in (0, 1))
    assert len(differ(one, two)) == len(one) > 0


WATCHED = {
    **dict.fromkeys(('DANN', 'CDAN', 'CDAN+E', 'CDAN random', 'MADA'), 'bce'), 'DALN': 'nwd', 'DADA2020': 'source',
    'DADA2024': 'ce', 'MDAN': 'bce_0'}


@pytest.mark.parametrize('method', WATCHED)
def test_the_adversary_learns_with_frozen_encoders_and_the_encoders_work_against_it(method):
    """Gradient reversal the right way round: one side lowers what the other raises."""
    up, key = WATCHED[method] == 'nwd', f'align/fused_{WATCHED[method]}'
    objective, record = objective_of(method), record_of(40, 30)
    learning = [*objective.parameters(), *(record.classifier.parameters() if method in ('DALN', 'DADA2020') else ())]
    start = float(seeded(objective, record)[key])
    optimizer = torch.optim.SGD(learning, lr=.2)
    for _ in range(20):
        optimizer.zero_grad()
        seeded(objective, record)['loss_align'].backward()
        optimizer.step()
    learnt = float(seeded(objective, record)[key])
    assert (learnt > start) == up
    assert abs(learnt - start) > 1e-3
    for value in record.features.values():
        value.grad = None
    seeded(objective, record)['loss_align'].backward()
    with torch.no_grad():
        for value in record.features.values():
            value -= 1e-2 * value.grad / value.grad.norm()
    assert (float(seeded(objective, record)[key]) < learnt) == up, 'the encoders go the other way'


def seeded(objective, record):
    torch.manual_seed(7)
    record.logits = record.logits.detach()
    return objective(record)


@every_method
def test_weight_zero_is_direct_transfer(method):
    """Bit for bit; the cross-entropy that MDAN takes over, up to rounding."""
    options = dict(mu=0., num_domains=1) if method.startswith('MDAN') else dict(loss_weight=0.)
    results = []
    for build in (lambda: adapting(('video', 'audio'), (BOTTLENECK, ), num_domains=1),
                  lambda: adversarial(method, placement='fused', **options)):
        model, batch = build()
        for sample in batch['data_samples']:
            if not sample.get('is_target', False):
                sample.set_metainfo(dict(domain_label=0))
        wrapper = wrapper_of(model, kind='OptimWrapper')
        for _ in range(3):
            model.train_step(batch, wrapper)
        results.append(parameters_of(model))
    tolerance = 1e-12 if method.startswith('MDAN') else 0
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=0, atol=tolerance)


@every_method
def test_every_parameter_moves(method):
    model, batch = adversarial(method, placement='both')
    before = parameters_of(model)
    wrapper = wrapper_of(model, kind='OptimWrapper')
    for _ in range(3):
        log = model.train_step(batch, wrapper)
    assert all(math.isfinite(float(value)) for value in log.values())
    for name, value in parameters_of(model).items():
        # The hard form teaches only the discriminator that is best already.
        assert 'hard' in method and '.discriminators.' in name or not torch.equal(value, before[name]), name


# With a balancer.


@pytest.mark.parametrize('solver', ['closed_form', 'exact'])
@pytest.mark.parametrize('method', ['CDAN', 'DALN', 'DADA2020'])
def test_criteria_can_be_balanced(method, solver):
    """Boomda's balancing of adversarial losses by autograd: encoders get gamma times each, the adversary its plain
    gradient.
    """
    model, batch = adversarial(method, placement='both', balanced=True)
    got, wrapper = written_gradients(model, batch, balancer=dict(type='MGDA', solver=solver))
    gamma = {name: float(wrapper.balancer.diagnostics[f'gamma_{name}']) for name in ('video', 'audio', 'fused')}
    assert sum(gamma.values()) == pytest.approx(1)
    assert len({round(value, 6) for value in gamma.values()}) > 1
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    named = dict(model.named_parameters())
    encoders = [name for name in named if name.startswith('backbones')]
    for names, weights in ((encoders, gamma), ([n for n in named if n not in encoders], dict.fromkeys(gamma, 1.))):
        total = sum(weights.get(key.removeprefix('loss_align/'), 1.) * value for key, value in losses.items()
                    if key.startswith('loss_'))
        grads = torch.autograd.grad(total, [named[n] for n in names], retain_graph=True, allow_unused=True)
        for name, grad in zip(names, grads):
            torch.testing.assert_close(got.get(name), grad, rtol=1e-9, atol=1e-12)
    model.train_step(batch, wrapper_of(model, balancer=dict(type='MGDA', solver=solver)))


def test_dada2020_needs_no_other_head():
    """The prediction is that of the first C outputs: the recognizer's own classifier."""
    model, batch = adversarial('DADA2020')
    out = model(**model.data_preprocessor(copy.deepcopy(batch)), mode='predict')
    assert out[0].pred_score.shape == (CLASSES, )
    assert {name for name, _ in model.objectives[1].named_parameters()} == {'units.fused.weight', 'units.fused.bias'}
