"""Auxiliary classifiers of CGGM (Guo et al., NeurIPS 2024): they watch, count, point and leave the encoders alone."""

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.heads import MultimodalClsHead
from mmda_ext.models.objectives import ClassifierGuidance
from mmda_ext.models.objectives.classifier_guidance import output_gradient
from mmda_ext.registry import MODELS
from tests.recipes import recipe
from tests.steps import given

WIDTHS = dict(video=3, audio=4)
FUSIONS = ('ConcatFusion', 'SumFusion', 'GatedFusion', 'FiLMFusion')


def step(direction='live', fusion='ConcatFusion', hidden=6, seed=0, **options):
    """A record that the classifier has filled, and the objective."""
    torch.manual_seed(seed)
    fusion = dict(type=f'mmda_ext.{fusion}', in_channels=WIDTHS, hidden_channels=hidden)
    features = {m: torch.randn(8, width, requires_grad=True) for m, width in WIDTHS.items()}
    head = MultimodalClsHead(5, fusion)
    record = given(features, torch.tensor([0, 1, 2, 0, -1, 1, 2, 2]), torch.zeros(8), classifier=head.fusion)
    record.losses = dict(cls=head.loss(record)['loss_cls'])
    return record, head, ClassifierGuidance(5, fusion, direction=direction, **options)


def test_closed_form_is_the_gradient_of_the_last_layer():
    record, head, _ = step()
    expected, = torch.autograd.grad(record.losses['cls'], head.fusion.output.weight)
    torch.testing.assert_close(output_gradient(record.logits, record.fused, record.labels), expected)


def test_the_gradient_is_not_rounded_under_autocast():
    record, _, _ = step()
    expected = output_gradient(record.logits, record.fused, record.labels)
    with torch.autocast('cpu', torch.bfloat16):
        got = output_gradient(record.logits, record.fused, record.labels)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('fusion', FUSIONS)
def test_cosines_against_autograd(fusion):
    record, head, objective = step(fusion=fusion)
    out = objective(record)
    output = head.fusion.output
    layers = list(output.values()) if isinstance(output, torch.nn.ModuleDict) else [output]
    fused = torch.cat([torch.autograd.grad(record.losses['cls'], layer.weight, retain_graph=True)[0]
                       for layer in layers], dim=1)
    for m, layer in objective.auxiliary_output.items():
        hidden = objective.auxiliary_hidden[m](record.features[m].detach()).relu()
        loss = F.cross_entropy(layer(hidden), record.labels, ignore_index=-1)
        own, = torch.autograd.grad(loss, layer.weight)
        cosine = F.cosine_similarity(own.flatten(), fused.flatten(), dim=0)
        torch.testing.assert_close(out[f'loss_direction/{m}'], .05 * (1 - cosine) / 2)


def test_live_direction_is_differentiated_like_a_double_backward():
    """With the gradient of the fused layer built by autograd, which create_graph makes differentiable."""
    record, head, objective = step()
    out = objective(record)
    fused, = torch.autograd.grad(record.losses['cls'], head.fusion.output.weight, create_graph=True)
    for m in WIDTHS:
        hidden = objective.auxiliary_hidden[m](record.features[m].detach()).relu()
        loss = F.cross_entropy(objective.auxiliary_output[m](hidden), record.labels, ignore_index=-1)
        own, = torch.autograd.grad(loss, objective.auxiliary_output[m].weight)
        term = -.05 * F.cosine_similarity(own.flatten(), fused.flatten(), dim=0) / 2
        wanted = [*record.features.values(), head.fusion.hidden.weight]
        expected = torch.autograd.grad(term, wanted, retain_graph=True)
        for a, b in zip(torch.autograd.grad(out[f'loss_direction/{m}'], wanted, retain_graph=True), expected):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)
            assert b.any()
        reached = torch.autograd.grad(out[f'loss_direction/{m}'], list(objective.parameters()), retain_graph=True,
                                      allow_unused=True)
        assert all(grad is None for grad in reached), 'the direction does not train the classifiers'


@pytest.mark.parametrize('direction', ['off', 'constant', 'live'])
def test_watches_without_moving(direction):
    record, _, objective = step(direction)
    out = objective(record)
    features = list(record.features.values())
    grads = torch.autograd.grad(out['loss_guidance'], features, retain_graph=True, allow_unused=True)
    assert all(grad is None for grad in grads)
    assert all(grad.any() for grad in torch.autograd.grad(out['loss_guidance'], list(objective.parameters())))
    terms = [value for key, value in out.items() if key.startswith('loss_direction/')]
    assert len(terms) == (0 if direction == 'off' else 2)
    assert all(term.requires_grad == (direction == 'live') for term in terms)


def test_hits_and_widths():
    record, _, objective = step('off')
    out = objective(record)
    hidden = {m: own(record.features[m]).relu() for m, own in objective.auxiliary_hidden.items()}
    expected = [float((objective.auxiliary_output[m](h).argmax(1) == record.labels).sum()) for m, h in hidden.items()]
    assert out.probes['guidance'].hits().tolist() == expected
    assert {m: own.out_features for m, own in objective.auxiliary_hidden.items()} == WIDTHS
    assert {own.out_features for own in step('off', hidden_channels=9)[2].auxiliary_hidden.values()} == {9}
    assert {own.out_features for own in step('live')[2].auxiliary_hidden.values()} == {6}
    assert {own.out_features for own in step('constant', fusion='SumFusion')[2].auxiliary_hidden.values()} == {12}
    assert {own.out_features for own in step('constant', hidden=None)[2].auxiliary_hidden.values()} == {7}


def test_refusals():
    with pytest.raises(ValueError, match="direction='dead' is unknown"):
        step('dead')
    with pytest.raises(ValueError, match="hidden_channels=9 does not go with direction='live': leave it out, give 6"):
        step('live', hidden_channels=9)


def test_the_recipe_gives_the_classifiers_their_own_learning_rate():
    """5e-4, as published, whatever the encoders have."""
    cfg = recipe('cggm')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    keys = cfg.optim_wrapper.paramwise_cfg.custom_keys
    rate = cfg.optim_wrapper.optimizer.lr * keys.auxiliary.lr_mult
    assert rate == pytest.approx(5e-4)
    owned = {name for name, _ in model.named_parameters() if 'auxiliary' in name}
    assert len(owned) == 2 * 2 * 2
    assert all(name.startswith('objectives.1.') for name in owned)
