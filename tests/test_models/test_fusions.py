"""Fusions: the per-modality logits of a general head, against hand-computed numbers and closed forms."""

import pytest
import torch

from mmda_ext.models import ConcatFusion, CosineFusion, FiLMFusion, GatedFusion, SumFusion
from mmda_ext.models.heads import MultimodalClsHead
from mmda_ext.registry import MODELS
from tests.examples import FUSION_NAMES
from tests.steps import given

TWO = dict(v=2, a=2)


def concat_of_the_known_answer():
    fusion = ConcatFusion(TWO, out_channels=2, hidden_channels=2)
    with torch.no_grad():
        fusion.hidden.weight.copy_(torch.tensor([[1, -1, .5, 0], [0, 1, -1, 2]]))
        fusion.hidden.bias.copy_(torch.tensor([.1, -.2]))
        fusion.output.weight.copy_(torch.tensor([[1, -1], [.5, 2]]))
        fusion.output.bias.copy_(torch.tensor([.2, 0]))
    return fusion


@pytest.mark.parametrize(('mode', 'v', 'a'), [
    ('masked', (1.5, 2.65), (-.75, 2.775)), ('share', (1.25, 2.825), (-1, 2.95)),
    ('linearised', (1, 3), (-1.25, 3.125))])
def test_known_answers(mode, v, a):
    fusion = concat_of_the_known_answer()
    features = dict(v=torch.tensor([[3., 1]]), a=torch.tensor([[.5, 1]]))
    torch.testing.assert_close(fusion.fuse(features), torch.tensor([[2.35, 2.3]]))
    torch.testing.assert_close(fusion(features), torch.tensor([[.25, 5.775]]))
    gate = torch.tensor([[1., 1.]])
    remainder = torch.nn.functional.linear(gate * fusion.hidden.bias, fusion.output.weight, fusion.output.bias)
    torch.testing.assert_close(remainder, torch.tensor([[.5, -.35]]))
    logits = fusion.modality_logits(features, mode)
    torch.testing.assert_close(logits['v'], torch.tensor([v]).float())
    torch.testing.assert_close(logits['a'], torch.tensor([a]).float())


def test_known_answers_with_all_hidden_units_off():
    fusion = concat_of_the_known_answer()
    features = dict(v=torch.tensor([[1., 2]]), a=torch.tensor([[.5, -1]]))
    masked = fusion.modality_logits(features, 'masked')
    torch.testing.assert_close(masked['v'], torch.tensor([[-1.6, 3.6]]))
    torch.testing.assert_close(masked['a'], torch.tensor([[.55, .175]]))
    linearised = fusion.modality_logits(features, 'linearised')
    assert not linearised['v'].any()
    assert not linearised['a'].any()


def draw(fusion, rows=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(rows, d, generator=generator) for m, d in fusion.in_channels.items()}


@pytest.mark.parametrize('dropout', [0.0, 0.5])
@pytest.mark.parametrize('count', [1, 2, 3])
def test_linearised_parts_and_the_remainder_sum_to_the_fused_logits(dropout, count):
    """Exact for the very pass, its dropout mask included: the one mode that satisfies the paper's Eq. 5."""
    torch.manual_seed(0)
    fusion = ConcatFusion(dict(list(dict(v=3, a=4, f=5).items())[:count]), 6, 16, dropout)
    features = draw(fusion)
    hidden = fusion.fuse(features)
    before = fusion.hidden(torch.cat(list(features.values()), 1))
    remainder = (fusion.hidden.bias * hidden / before) @ fusion.output.weight.T + fusion.output.bias
    fusion(features)  # another pass, with another mask
    total = torch.stack(list(fusion.modality_logits(features, 'linearised', hidden).values())).sum(0)
    torch.testing.assert_close(total + remainder, fusion.classify(hidden))


def test_without_a_pass_the_split_is_that_of_evaluation_mode():
    fusion = ConcatFusion(dict(v=3, a=4), 6, 16, dropout=.5)
    features = draw(fusion)
    split = fusion.modality_logits(features, 'linearised')
    fusion.eval()
    expected = fusion.modality_logits(features, 'linearised', fusion.fuse(features))
    for name, value in split.items():
        assert torch.equal(value, expected[name])


def test_linear_form_shares_the_bias():
    fusion = ConcatFusion(dict(v=3, a=4), 5, hidden_channels=None)
    features = draw(fusion)
    weight = fusion.output.weight
    for mode, bias in (('share', fusion.output.bias / 2), ('linearised', 0), ('masked', fusion.output.bias)):
        logits = fusion.modality_logits(features, mode)
        torch.testing.assert_close(logits['v'], features['v'] @ weight[:, :3].T + bias)
        torch.testing.assert_close(logits['a'], features['a'] @ weight[:, 3:].T + bias)
    torch.testing.assert_close(sum(fusion.modality_logits(features, 'share').values()), fusion(features))


def test_summation_is_the_sum_of_its_branches():
    fusion = SumFusion(dict(v=3, a=4, f=2), 5, 8)
    features = draw(fusion)
    for mode in fusion.modes:
        torch.testing.assert_close(sum(fusion.modality_logits(features, mode).values()), fusion(features))


def test_gated_closed_forms():
    fusion = GatedFusion(dict(a=3, v=4), 5, 8)
    features = draw(fusion)
    project, out = fusion.project, fusion.output
    gate, content = project['a'](features['a']).sigmoid(), project['v'](features['v'])
    torch.testing.assert_close(fusion(features), out(gate * content))
    masked = fusion.modality_logits(features)
    torch.testing.assert_close(masked['a'], out(gate * project['v'].bias))
    torch.testing.assert_close(masked['v'], out(project['a'].bias.sigmoid() * content))


def test_gated_with_three_modalities_averages_the_gates():
    fusion = GatedFusion(dict(v=4, a=3, f=2), 5, 8, gated='v')
    features = draw(fusion)
    gates = [fusion.project[m](features[m]).sigmoid() for m in ('a', 'f')]
    expected = fusion.output((gates[0] + gates[1]) / 2 * fusion.project['v'](features['v']))
    torch.testing.assert_close(fusion(features), expected)


def test_film_closed_forms():
    fusion = FiLMFusion(dict(a=3, v=4), 5, 8)
    features = draw(fusion)
    gamma, beta = fusion.modulate(features['a']).chunk(2, 1)
    content = fusion.project(features['v'])
    torch.testing.assert_close(fusion(features), fusion.output(gamma * content + beta))
    masked = fusion.modality_logits(features)
    torch.testing.assert_close(masked['a'], fusion.output(gamma * fusion.project.bias + beta))
    gamma_0, beta_0 = fusion.modulate.bias.chunk(2)
    torch.testing.assert_close(masked['v'], fusion.output(gamma_0 * content + beta_0))


@pytest.mark.parametrize('kind', map(MODELS.get, FUSION_NAMES), ids=FUSION_NAMES)
@pytest.mark.parametrize('hidden', [None, 8])
def test_no_gradient_no_lasting_mode_and_every_parameter_trains(kind, hidden):
    fusion = kind(dict(v=3, a=4, f=2), 5, hidden, dropout=.5)
    features = {m: x.requires_grad_() for m, x in draw(fusion).items()}
    fusion(features)
    for mode in fusion.modes:
        logits = fusion.modality_logits(features, mode)
        assert list(logits) == ['v', 'a', 'f']
        assert not any(value.requires_grad for value in logits.values())
    assert fusion.training
    assert fusion.dropout.training
    fusion(features).sum().backward()
    assert all(parameter.grad is not None for parameter in fusion.parameters())
    assert all(value.grad is not None for value in features.values())


@pytest.mark.parametrize(('kind', 'mode'), [(GatedFusion, 'share'), (FiLMFusion, 'linearised'), (ConcatFusion, 'x')])
def test_undefined_split_is_refused_at_build_time(kind, mode):
    config = dict(type=f'mmda_ext.{kind.__name__}', in_channels=TWO)
    with pytest.raises(ValueError, match='choose one of'):
        MultimodalClsHead(2, config, modality_logits=mode)


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match='gated'):
        GatedFusion(TWO, 2, gated='x')
    with pytest.raises(ValueError, match='two modalities'):
        FiLMFusion(dict(v=2), 2)
    with pytest.raises(ValueError, match='empty'):
        ConcatFusion({}, 2)


def test_separate_heads_learn_without_moving_the_features():
    head = MultimodalClsHead(3, dict(type='mmda_ext.GatedFusion', in_channels=TWO), modality_logits='heads')
    features = {m: torch.randn(6, 2, requires_grad=True) for m in TWO}
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    record = given(features, labels, labels, classifier=head.fusion)
    losses = head.loss(record)
    losses['loss_cls_heads'].backward()
    assert all(value.grad is None for value in features.values())
    assert all(parameter.grad is not None for parameter in head.heads.parameters())
    sums = losses.probes['cls'].confidences()
    own = head.heads['v'](features['v']).softmax(1)[range(6), labels].sum()
    torch.testing.assert_close(sums[0], own.detach())


def test_unlabelled_samples_do_not_count():
    head = MultimodalClsHead(3, dict(type='mmda_ext.ConcatFusion', in_channels=TWO))
    features = {m: torch.randn(4, 2) for m in TWO}
    labels = torch.tensor([0, -1, 2, -1])
    known = {m: value[[0, 2]] for m, value in features.items()}
    one, two = (given(*parts, classifier=head.fusion) for parts in (
        (features, labels, labels), (known, labels[[0, 2]], labels[[0, 2]])))
    some, known = head.loss(one), head.loss(two)
    torch.testing.assert_close(some['loss_cls'], known['loss_cls'])
    torch.testing.assert_close(some.probes['cls'].confidences(), known.probes['cls'].confidences())
    none = given(features, torch.full((4, ), -1), labels, classifier=head.fusion)
    empty = head.loss(none)['loss_cls']
    assert empty.item() == 0
    assert empty.requires_grad


def test_cosines_known_answer():
    """MMCosine: lengths of features and of class vectors say nothing."""
    fusion = CosineFusion(dict(v=2, a=2), 2).double()
    for name, rows in dict(v=[[1., 0], [0, 2]], a=[[0., 1], [1, 1]]).items():
        fusion.output[name].weight.data = torch.tensor(rows).double()
    features = dict(v=torch.tensor([[3., 4]]).double(), a=torch.tensor([[1., 0]]).double())
    torch.testing.assert_close(fusion(features), torch.tensor([[6., 8 + 10 / 2**.5]]).double())
    torch.testing.assert_close(CosineFusion(dict(v=2), 2, scale=10.)(dict(v=torch.zeros(1, 2))), torch.zeros(1, 2))
    longer = dict(v=7 * features['v'], a=features['a'])
    torch.testing.assert_close(fusion(longer), fusion(features))
    for mode in fusion.modes:
        parts = fusion.modality_logits(features, mode)
        torch.testing.assert_close(parts['v'], torch.tensor([[6., 8.]]).double())
        torch.testing.assert_close(sum(parts.values()), fusion(features))
    assert not any('bias' in name for name, _ in fusion.named_parameters())
    with pytest.raises(ValueError, match='scale=0 must be'):
        CosineFusion(dict(v=2), 2, scale=0)


def test_cosines_of_features_without_length_have_a_gradient():
    fusion = CosineFusion(dict(v=2, a=2), 3, 4)
    features = {name: torch.zeros(2, 2, requires_grad=True) for name in ('v', 'a')}
    fusion(features).sum().backward()
    assert all(value.grad.isfinite().all() for value in features.values())
