"""The four methods in a model: who gets a gradient, alone and with GMP, with two and three modalities."""

import pytest
import torch

from mmda_ext.gradients import update
from mmda_ext.models import AveragedTeacher
from tests.recipes import recipe as shipped
from tests.test_engine.test_balanced_wrapper import NoNorm
from tests.test_models.mmdg_models import METHODS, mmdg_model, recipe
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

TWO, THREE = ('video', 'audio'), ('video', 'audio', 'flow')
GMP = dict(type='mmda_ext.GMP')
OWN = {
    'rna-net': {'relative_norm'}, 'simmmdg': {'contrastive', 'translation', 'splitting'},
    'moosa': {'entropy_weighted', 'entropy_min', 'jigsaw', 'translation', 'contrastive', 'splitting'},
    'cmrf': {'unimodal', 'contrastive', 'distillation'}}
AT_ONCE = {'CrossModalDistillation': dict(start=1)}


def update_teachers(model):
    for part in list(model.modules()):
        if isinstance(part, AveragedTeacher):
            part.update(model)


def losses_of(model, modalities):
    model(**model.data_preprocessor(batch_of(modalities), True), mode='loss')
    return model.take_step_record()


@pytest.mark.parametrize('modalities', [TWO, THREE], ids=len)
@pytest.mark.parametrize('method', METHODS)
def test_each_term_reaches_every_encoder(method, modalities):
    model = mmdg_model(method, modalities, changes=AT_ONCE)
    update_teachers(model)
    data = model.data_preprocessor(batch_of(modalities), True)
    losses = {key: value for key, value in model(**data, mode='loss').items() if key.startswith('loss_')}
    assert set(losses) == {'loss_cls', *(f'loss_{name}' for name in OWN[method])}
    encoders = model.encoder_parameters()
    for key, loss in losses.items():
        grads = {name: torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True)
                 for name, own in encoders.items()}
        moved = {name for name, own in grads.items() if any(grad is not None and grad.any() for grad in own)}
        # The cross-entropy of the fused head alone is switched off where another term contains it.
        expected = set() if (method, key) == ('moosa', 'loss_cls') else set(modalities)
        assert moved == expected, key


@pytest.mark.parametrize('modalities', [TWO, THREE], ids=len)
@pytest.mark.parametrize('method', METHODS)
def test_tasks_and_cost_with_gmp(method, modalities, monkeypatch):
    """Only classification and domain are balanced; all other terms together cost one more pass per encoder."""
    model = mmdg_model(method, modalities, adversary=True, changes=AT_ONCE)
    update_teachers(model)
    record = losses_of(model, modalities)
    assert set(record.losses) == {'cls', 'domain', *OWN[method]} - {'entropy_weighted'}
    assert set(record.probes) >= {'cls', 'domain'}
    passes = []
    inner = update.encoder_gradients
    monkeypatch.setattr(update, 'encoder_gradients', lambda features, cotangents, *args, **kwargs: (
        passes.append(any(grad is not None for grad in cotangents)), inner(features, cotangents, *args, **kwargs))[1])
    wrapper = wrapper_of(model, balancer=GMP)
    before = parameters_of(model)
    for _ in range(2):
        log = model.train_step(batch_of(modalities), wrapper)
        update_teachers(model)
    assert sum(passes) == 2 * 3 * len(modalities)
    assert torch.isfinite(log['loss'])
    after = parameters_of(model)
    for name, value in before.items():
        # A bias in front of a normalisation gets the gradient 0.
        if '.teacher.' not in name and 'unused' not in name and not name.endswith('bias'):
            assert not torch.equal(after[name], value), f'{name} did not move'


@pytest.mark.parametrize('method', METHODS)
def test_neutral_gmp_is_the_plain_sum(method):
    """Without modulation and projection GMP takes the step of the stock wrapper: no term is lost or doubled."""
    results = []
    for kind, options in (('OptimWrapper', {}), ('mmda_ext.BalancedOptimWrapper', dict(
            balancer=dict(GMP, modulation='none', projection='none')))):
        model = mmdg_model(method, adversary=True, changes=AT_ONCE)
        update_teachers(model)
        torch.manual_seed(0)
        model.train_step(batch_of(), wrapper_of(model, kind, **options))
        results.append(parameters_of(model))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=1e-9, atol=1e-12)


def test_entropy_weighting_replaces_the_classifiers_loss():
    model = mmdg_model('moosa')
    data = model.data_preprocessor(batch_of(), True)
    torch.manual_seed(0)
    losses = model(**data, mode='loss')
    record = model.take_step_record()
    assert float(losses['loss_cls'].detach()) == 0
    torch.testing.assert_close(record.losses['cls'], losses['loss_entropy_weighted'])
    with pytest.raises(ValueError, match='cls_head.loss_weight=1.0 adds once more: set it to 0'):
        model_of(objectives=recipe('moosa')['objectives'][:1])


@pytest.mark.parametrize('method', METHODS)
def test_a_batch_of_one_trains(method):
    model = mmdg_model(method, adversary=True, backbone=NoNorm, changes=AT_ONCE)
    update_teachers(model)
    log = model.train_step(batch_of(size=1), wrapper_of(model, balancer=GMP))
    assert torch.isfinite(log['loss'])
    assert all(torch.isfinite(value).all() for value in parameters_of(model).values())


def test_aligned_mapping_files_the_terms_under_the_domain_task():
    objectives = shipped('simmmdg-gmp-aligned').model.objectives
    assert [objective.get('task') for objective in objectives[1:]] == ['domain'] * 3
    plain = mmdg_model('simmmdg', adversary=True)
    aligned = mmdg_model('simmmdg', adversary=True, changes=dict.fromkeys(
        ('SupervisedContrastive', 'CrossModalTranslation', 'FeatureSplitting'), dict(task='domain')))
    records = []
    for model in (plain, aligned):
        torch.manual_seed(0)
        records.append(losses_of(model, TWO))
    assert set(records[1].losses) == {'cls', 'domain'}
    torch.testing.assert_close(records[1].losses['domain'], sum(
        records[0].losses[name] for name in ('domain', 'contrastive', 'translation', 'splitting')))
    log = aligned.train_step(batch_of(), wrapper_of(aligned, balancer=GMP))
    assert torch.isfinite(log['loss'])
