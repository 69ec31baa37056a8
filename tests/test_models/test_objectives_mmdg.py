"""Terms of RNA-Net, SimMMDG, MOOSA and CMRF: known answers of the papers' formulas, slow references, odd batches."""

import itertools
import math
import random

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.heads.base import entropies
from mmda_ext.models.objectives import (
    CrossModalTranslation,
    EntropyMinimization,
    EntropyWeightedClassification,
    FeatureSplitting,
    LocalClassification,
    MultimodalJigsaw,
    RelativeNormAlignment,
    SupervisedContrastive,
)
from mmda_ext.models.objectives.entropy_weighted_classification import entropy_weighted_cross_entropy
from mmda_ext.models.objectives.multimodal_jigsaw import draw_ranks, permutation
from mmda_ext.models.objectives.supervised_contrastive import contrastive_loss
from mmda_ext.models.projection import ProjectionHead, direction_distance, unit
from tests.steps import given, heads_of


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def fusion_of(features):
    return dict(in_channels={name: value.shape[1] for name, value in features.items()})


def record_of(features, labels=None, **fields):
    count = len(next(iter(features.values())))
    labels = torch.zeros(count, dtype=torch.long) if labels is None else torch.as_tensor(labels)
    return given(features, labels, torch.zeros_like(labels), **fields)


def random_features(count=5, widths=(6, 4), seed=0):
    generator = torch.Generator().manual_seed(seed)
    names = ('video', 'audio', 'flow')
    return {name: torch.randn(count, width, generator=generator, dtype=torch.float64, requires_grad=True)
            for name, width in zip(names, widths)}


# RNA-Net (Planamente et al., WACV 2022).


def test_relative_norm_known_answer():
    features = dict(video=rows((3, 4), (0, 1)), audio=rows((1, 0), (0, 2)))
    out = RelativeNormAlignment(fusion_of(features))(record_of(features))
    assert float(out['loss_relative_norm']) == pytest.approx(1)
    halved = RelativeNormAlignment(fusion_of(features), ('audio', 'video'), loss_weight=2.)(record_of(features))
    assert float(halved['loss_relative_norm']) == pytest.approx(2 * .25)


def test_relative_norm_of_three_modalities():
    """Video over flow, video over audio, flow over audio; both norms carry gradient."""
    features = random_features(widths=(3, 2, 5))
    objective = RelativeNormAlignment(fusion_of(features), ('video', 'flow', 'audio'))
    value = objective(record_of(features))['loss_relative_norm']
    video, audio, flow = (sum(math.sqrt(sum(x * x for x in row)) for row in value.tolist()) / len(value)
                          for value in features.values())
    expected = ((video / flow - 1)**2 + (video / audio - 1)**2 + (flow / audio - 1)**2) / 3
    assert float(value.detach()) == pytest.approx(expected)
    assert all(bool(grad.any()) for grad in torch.autograd.grad(value, list(features.values())))


# Supervised contrast (SimMMDG; Dong et al., NeurIPS 2023).

VIEWS = torch.stack([rows((1, 0), (0, 1), (.8, -.6)), rows((.6, .8), (-.8, .6), (1, 0))])


@pytest.mark.parametrize(('temperature', 'expected'), [(.1, 3.337141), (.07, 3.178519)])
def test_contrastive_known_answers(temperature, expected):
    assert float(contrastive_loss(VIEWS, torch.tensor([0, 1, 0]), temperature)) == pytest.approx(expected, abs=5e-7)


def slow_contrastive(views, labels, temperature=.1, base=.07):
    flat = [(row, int(label)) for view in views for row, label in zip(view, labels)]
    flat = [(row, label) for row, label in flat if label >= 0]
    total, count = 0., 0
    for i, (row, label) in enumerate(flat):
        similar = [float(row @ other) / temperature for other, _ in flat]
        log_sum = math.log(sum(math.exp(s) for k, s in enumerate(similar) if k != i))
        positives = [similar[j] - log_sum for j, (_, own) in enumerate(flat) if j != i and own == label]
        if positives:
            total, count = total - temperature / base * sum(positives) / len(positives), count + 1
    return total / count if count else 0.


@pytest.mark.parametrize('count', [1, 2, 3])
@pytest.mark.parametrize('labels', [[0, 1, 0, 2, 2, 1, 0], [0, 1, 2, 3, 4, 5, 6], [0, -1, 0, -1, 1, 1, -1]])
def test_contrastive_equals_a_double_loop(count, labels):
    generator = torch.Generator().manual_seed(count)
    views = F.normalize(torch.randn(count, 7, 4, generator=generator, dtype=torch.float64), dim=2)
    assert float(contrastive_loss(views, torch.tensor(labels))) == pytest.approx(slow_contrastive(views, labels))


@pytest.mark.parametrize('labels', [[-1, -1], [0, -1], [0, 1]])
def test_contrastive_without_positives_is_zero_and_finite(labels):
    views = torch.ones(1, 2, 3, requires_grad=True)
    loss = contrastive_loss(views / 3**.5, torch.tensor(labels))
    assert float(loss.detach()) == 0
    assert not torch.autograd.grad(loss, views)[0].any()


def test_similarities_are_not_rounded_under_autocast():
    """Divided by a temperature of 0.1, the third digit of a product is the second of a logit."""
    generator = torch.Generator().manual_seed(0)
    views = F.normalize(torch.randn(2, 8, 16, generator=generator), dim=2)
    labels = torch.arange(8) % 3
    with torch.autocast('cpu', torch.bfloat16):
        loss = contrastive_loss(views, labels)
    assert float(loss) == pytest.approx(float(contrastive_loss(views, labels)), rel=1e-6)


@pytest.mark.parametrize(('option', 'widths'), [('shared_half', (3, 2)), ('full', (6, 4))])
def test_what_is_projected(option, widths):
    features = random_features()
    objective = SupervisedContrastive(fusion_of(features), option, hidden_channels=8, out_channels=3).double()
    assert tuple(head[0].in_features for head in objective.heads.values()) == widths
    record = record_of(features, [0, 1, 0, 1, 1])
    loss = objective(record)['loss_contrastive']
    for value in objective.projections(record).values():
        torch.testing.assert_close(value.norm(dim=1), torch.ones(5, dtype=torch.float64))
    views = torch.stack(list(objective.projections(record).values())).detach()
    assert float(loss.detach()) == pytest.approx(3 * slow_contrastive(views, record.labels))
    for grad, half in zip(torch.autograd.grad(loss, list(features.values())), (3, 2)):
        assert grad[:, :half].any()
        assert bool(grad[:, half:].any()) == (option == 'full'), 'the specific half is left alone'


def test_layers_of_a_projection_head():
    kinds = [type(layer).__name__ for layer in ProjectionHead(4)]
    assert kinds == ['Linear', 'BatchNorm1d', 'ReLU', 'Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    head = ProjectionHead(4)
    assert [layer.out_features for layer in head if isinstance(layer, torch.nn.Linear)] == [2048, 2048, 128]


def test_a_batch_of_one_uses_running_statistics():
    features = random_features(count=1)
    objective = SupervisedContrastive(fusion_of(features), hidden_channels=8)
    objective.double()
    before = {name: value.clone() for name, value in objective.named_buffers()}
    record = record_of(features)
    loss = objective(record)['loss_contrastive']
    assert torch.isfinite(loss)
    assert all(torch.equal(value, before[name]) for name, value in objective.named_buffers())
    assert all(part.training for part in objective.modules())
    grads = torch.autograd.grad(objective.projections(record)['video'].sum(), features['video'])
    assert grads[0].any()


# Directions, translation and splitting (SimMMDG).


def test_direction_distance_known_answer():
    assert float(direction_distance(rows((1, 1), (2, 0)), rows((0, 3), (1, 1)))) == pytest.approx(.765367, abs=5e-7)


def test_rows_without_direction_are_finite():
    zero = torch.zeros(2, 3, requires_grad=True)
    grad, = torch.autograd.grad(direction_distance(zero, torch.eye(3)[:2]), zero)
    assert torch.isfinite(grad).all()
    assert float(grad.abs().max()) <= 1
    assert float(unit(torch.full((1, 4), 1e-3)).norm()) == pytest.approx(1)


@pytest.mark.parametrize(('widths', 'pairs'), [((6, 4), 2), ((6, 4, 3), 6)])
def test_translation_is_the_mean_over_ordered_pairs(widths, pairs):
    features = random_features(widths=widths)
    torch.manual_seed(0)
    objective = CrossModalTranslation(fusion_of(features), hidden_channels=8, dropout=0., loss_weight=.5).double()
    loss = objective(record_of(features))['loss_translation']
    terms = []
    for source, target in itertools.permutations(features, 2):
        p, t = objective.translators[f'{source}_to_{target}'](features[source]), features[target]
        terms.append(sum((a / a.norm() - b / b.norm()).norm() for a, b in zip(p, t)) / len(p))
    assert len(terms) == pairs == len(objective.translators)
    assert float(loss.detach()) == pytest.approx(.5 * float(sum(terms).detach()) / pairs)
    with torch.no_grad():
        for net in objective.translators.values():
            for parameter in net.parameters():
                parameter.zero_()
            net[-1].bias.fill_(1.)
    loss = objective(record_of(features))['loss_translation']
    assert all(grad.any() for grad in torch.autograd.grad(loss, list(features.values()))), 'targets carry gradient'


def test_layers_of_a_translator():
    net = CrossModalTranslation(dict(in_channels=dict(a=4, b=6))).translators['a_to_b']
    assert [type(layer).__name__ for layer in net] == ['Linear', 'ReLU', 'Linear', 'ReLU', 'Dropout', 'Linear']
    assert [(layer.in_features, layer.out_features) for layer in net if isinstance(layer, torch.nn.Linear)] == [
        (4, 2048), (2048, 2048), (2048, 6)]
    assert net[4].p == .5


def test_mask_hides_inputs_in_training_only():
    features = dict(a=torch.ones(64, 50), b=torch.ones(64, 40))
    objective = CrossModalTranslation(fusion_of(features), hidden_channels=4, dropout=0., mask_ratio=.3)
    seen = []
    for net in objective.translators.values():
        net.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    torch.manual_seed(0)
    objective(record_of(features))
    for value in seen:
        assert set(value.unique().tolist()) == {0., 1.}, 'kept elements are not rescaled'
        assert float((value == 0).float().mean()) == pytest.approx(.3, abs=.03)
    seen.clear()
    objective.eval()(record_of(features))
    assert all(bool((value == 1).all()) for value in seen)


def test_splitting_known_answer():
    features = dict(a=rows((1, 2, 3, 5)))
    assert float(FeatureSplitting(fusion_of(features), loss_weight=1.)(record_of(features))['loss_splitting']) == -6.5
    both = dict(features, b=rows((1, 0)))
    out = FeatureSplitting(fusion_of(both))(record_of(both))
    assert float(out['loss_splitting']) == pytest.approx(-.7 * (6.5 + 1) / 2)


def test_margin_of_the_splitting():
    features = dict(a=rows((1, 2, 3, 5)).requires_grad_(), b=rows((1, 0)).requires_grad_())
    value = FeatureSplitting(fusion_of(features), 1., margin=2.)(record_of(features))['loss_splitting']
    assert float(value.detach()) == pytest.approx(-(2 + 1) / 2)
    far, near = torch.autograd.grad(value, list(features.values()))
    assert not far.any()
    assert near.any()


# Entropies (MOOSA; Dong et al., ECCV 2024).

LOGITS = torch.stack([rows((2, 0, -1)), rows((.5, .2, .1)), rows((1.5, 1, -.5))])


def test_entropy_weighting_known_answer():
    labels = torch.tensor([0])
    torch.testing.assert_close(entropies(LOGITS)[:, 0], rows(.524267, 1.083477, .884452), atol=5e-7, rtol=0)
    weights = (-entropies(LOGITS)).softmax(0)[:, 0]
    torch.testing.assert_close(weights, rows(.440683, .251921, .307397), atol=5e-7, rtol=0)
    each = torch.stack([F.cross_entropy(value, labels) for value in LOGITS])
    torch.testing.assert_close(each, rows(.169846, .880099, .554957), atol=5e-7, rtol=0)
    assert float(entropy_weighted_cross_entropy(LOGITS, labels)) == pytest.approx(.467155, abs=5e-7)
    unlabelled = torch.cat([LOGITS, 9 * torch.ones(3, 1, 3)], 1)
    torch.testing.assert_close(entropy_weighted_cross_entropy(unlabelled, torch.tensor([0, -1])),
                               entropy_weighted_cross_entropy(LOGITS, labels))
    assert float(entropy_weighted_cross_entropy(LOGITS, torch.tensor([-1]))) == 0


def test_weights_of_the_heads_carry_gradient():
    logits = LOGITS.clone().requires_grad_()
    labels, temperature = torch.tensor([0]), 2.
    loss = entropy_weighted_cross_entropy(logits, labels, temperature)
    p = logits.softmax(2)
    weights = torch.softmax((p * p.log()).sum(2) / temperature, 0)
    each = torch.stack([F.cross_entropy(value, labels) for value in logits])
    expected, detached = (weights[:, 0] * each).sum(), (weights[:, 0].detach() * each).sum()
    torch.testing.assert_close(loss, expected)
    grads = [torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (loss, expected, detached)]
    torch.testing.assert_close(grads[0], grads[1])
    assert not torch.allclose(grads[0], grads[2])


def test_entropy_weighted_heads():
    features = random_features()
    objective = EntropyWeightedClassification(fusion_of(features)).double()
    fused = torch.randn(5, 3, dtype=torch.float64)
    heads = heads_of({name: value.shape[1] for name, value in features.items()})
    record = record_of(features, [0, 1, 2, 0, 1], logits=fused, modality_classifiers=heads)
    terms = objective(record)
    loss = terms['loss_entropy_weighted']
    logits = torch.stack([*(head(features[name]) for name, head in heads.items()), fused])
    torch.testing.assert_close(loss, entropy_weighted_cross_entropy(logits, record.labels))
    assert objective.task == 'cls'
    assert not objective.local_parameters(heads), 'heads are never balanced'
    assert not getattr(terms, 'probes', {}), 'the classifier keeps its own'
    term = EntropyMinimization(loss_weight=.6)(record)['loss_entropy_min']
    p = logits.softmax(2)
    torch.testing.assert_close(term, .6 / 3 * (-p * (p + 1e-5).log()).sum(2).mean(1).sum())


def test_entropy_of_sure_predictions_is_finite():
    sure = torch.tensor([[200., 0, 0]], requires_grad=True)
    for eps in (0., 1e-5):
        value = entropies(sure, eps).sum()
        assert torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, sure)[0]).all()


# Jigsaw (MOOSA).


@pytest.mark.parametrize(('rank', 'expected'), [
    (0, (0, 1, 2, 3, 4, 5, 6, 7)), (720, (0, 2, 1, 3, 4, 5, 6, 7)), (12345, (2, 4, 0, 7, 3, 5, 6, 1)),
    (40319, (7, 6, 5, 4, 3, 2, 1, 0))])
def test_ranks_known_answers(rank, expected):
    assert permutation(rank, 8) == expected


def test_ranks_count_lexicographically():
    assert [permutation(rank, 4) for rank in range(24)] == list(itertools.permutations(range(4)))
    with pytest.raises(ValueError, match=r'rank=24 must be in 0\.\.\.23'):
        permutation(24, 4)


def test_ranks_are_distinct_and_may_be_huge():
    assert sorted(draw_ranks(24, 24)) == list(range(24))
    assert len(set(draw_ranks(math.factorial(24), 128))) == 128


@pytest.mark.parametrize(('widths', 'parts'), [((8, 4), 4), ((6, 4, 2), 2)])
def test_jigsaw_against_a_loop(widths, parts):
    features = random_features(widths=widths)
    random.seed(3)
    torch.manual_seed(0)
    objective = MultimodalJigsaw(fusion_of(features), parts, num_permutations=9, hidden_channels=7).double()
    random.seed(3)
    ranks = draw_ranks(math.factorial(parts * len(widths)), 9)
    pieces = [piece for value in features.values() for piece in value.chunk(parts, 1)]
    losses = []
    for index, rank in enumerate(ranks):
        joined = torch.cat([pieces[part] for part in permutation(rank, len(pieces))], 1)
        losses += [F.cross_entropy(objective.head(row[None]), torch.tensor([index])) for row in joined]
    out = objective(record_of(features))
    torch.testing.assert_close(out['loss_jigsaw'], torch.stack(losses).mean())
    assert 0 <= float(out['jigsaw_acc']) <= 100
    assert all(grad.any() for grad in torch.autograd.grad(out['loss_jigsaw'], list(features.values())))


def test_puzzles_are_drawn_once_and_kept():
    fusion = dict(in_channels=dict(a=8, b=4))
    one, two = MultimodalJigsaw(fusion), MultimodalJigsaw(fusion)
    assert one.columns.shape == (128, 12)
    assert not torch.equal(one.columns, two.columns)
    assert (one.columns.sort(1).values == torch.arange(12)).all()
    assert len({tuple(row) for row in one.columns.tolist()}) == 128
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.columns, two.columns)


# All terms.

TERMS = [(RelativeNormAlignment, {}), (SupervisedContrastive, dict(hidden_channels=16)),
         (CrossModalTranslation, dict(hidden_channels=16)), (FeatureSplitting, {}), (MultimodalJigsaw, {})]


@pytest.mark.parametrize(('kind', 'options'), TERMS)
@pytest.mark.parametrize('value', [0., 1.])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_constant_features_are_finite(kind, options, value, dtype):
    features = {name: torch.full((4, 8), value, dtype=dtype, requires_grad=True) for name in ('a', 'b')}
    objective = kind(fusion_of(features), **options).to(dtype)
    loss = sum(term for key, term in objective(record_of(features)).items() if key.startswith('loss_'))
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    for grad in torch.autograd.grad(loss, list(features.values()), allow_unused=True):
        assert grad is not None
        assert torch.isfinite(grad).all()


def test_weights_by_modality():
    features = random_features()
    fusion = fusion_of(features)
    options = dict(loss_weight=2., task='cls', name='unimodal', modality_weights=dict(audio=.5), balanced_heads=False)
    objective = LocalClassification(fusion, **options).double()
    heads = heads_of({name: value.shape[1] for name, value in features.items()})
    record = record_of(features, [0, 1, 2, 0, 1], modality_classifiers=heads)
    out = objective(record)
    video, audio = (F.cross_entropy(value, record.labels) for value in record.modality_logits.values())
    torch.testing.assert_close(out['loss_unimodal'], 2 * (video + .5 * audio))
    assert objective.task == 'cls'
    assert list(out.probes) == ['unimodal']
    assert objective.local_parameters(heads) == {}


@pytest.mark.parametrize(('build', 'match'), [
    (lambda f: RelativeNormAlignment(dict(in_channels=dict(a=4))), 'needs 2 or more'),
    (lambda f: RelativeNormAlignment(f, order=('video', )), "order=.*must name each of .*'audio'"),
    (lambda f: CrossModalTranslation(dict(in_channels=dict(a=4))), 'needs 2 or more'),
    (lambda f: CrossModalTranslation(f, mask_ratio=1.), r'mask_ratio=1.0 must be in \[0, 1\)'),
    (lambda f: FeatureSplitting(dict(in_channels=dict(a=3, b=2))), "odd widths {'a': 3}"),
    (lambda f: FeatureSplitting(f, margin=0), 'margin=0 must be'),
    (lambda f: SupervisedContrastive(dict(in_channels=dict(a=3))), "odd widths {'a': 3}"),
    (lambda f: SupervisedContrastive(f, features='half'), "features='half' is unknown"),
    (lambda f: SupervisedContrastive(f, temperature=0), 'temperature=0 must be'),
    (lambda f: EntropyWeightedClassification(f, temperature=-1), 'temperature=-1 must be'),
    (lambda f: MultimodalJigsaw(f, num_parts=4), 'num_parts=4 does not divide the widths'),
    (lambda f: MultimodalJigsaw(f, num_parts=2), 'num_permutations=128 .* of 4 parts, 24'),
    (lambda f: LocalClassification(f, modality_weights=dict(flow=1)), "modality_weights names .'flow'"),
])
def test_bad_options_are_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build(dict(in_channels=dict(video=6, audio=4)))


def test_entropy_needs_the_voters():
    with pytest.raises(ValueError, match='EntropyMinimization needs a class head for every modality'):
        EntropyMinimization()(record_of(random_features()))
