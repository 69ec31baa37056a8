"""Terms of the source and of sure samples of the target: the published averages, one sample at a time."""

import math

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.fusions import ConcatFusion
from mmda_ext.models.missing import check_fill
from mmda_ext.models.objectives import ConfidentTarget
from mmda_ext.registry import MODELS
from tests.recipes import recipe
from tests.steps import given, heads_of
from tests.two_processes import run_in_two_processes

FUSION = dict(type='mmda_ext.ConcatFusion', in_channels=dict(a=4, b=4), hidden_channels=None)
TERMS = dict(
    jigsaw=dict(type='mmda_ext.MultimodalJigsaw', num_parts=2, num_permutations=6, hidden_channels=5),
    translation=dict(type='mmda_ext.CrossModalTranslation', hidden_channels=5, dropout=0., loss_weight=1.),
    contrastive=dict(type='mmda_ext.SupervisedContrastive', hidden_channels=5, out_channels=3, loss_weight=1.),
    splitting=dict(type='mmda_ext.FeatureSplitting', loss_weight=1.),
    entropy_min=dict(type='mmda_ext.EntropyMinimization', loss_weight=1.))
#: Four samples of the source, and five of the target, of which three are sure.
SOURCE, SURE, UNSURE = [0, 1, 2, 3], [5, 7, 8], [4, 6]


def step_of(sure=SURE, seed=0):
    """A step whose fused classifier gives .6 and more to a class of the sure target samples, .4 at most elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    features = {name: torch.randn(9, 4, generator=generator, dtype=torch.float64, requires_grad=True) for name in 'ab'}
    labels = torch.tensor([0, 1, 0, 2, -1, -1, -1, -1, -1])
    logits = torch.tensor([.4, .35, .25], dtype=torch.float64).log().repeat(9, 1)
    logits[sure] = torch.tensor([.2, .2, .6], dtype=torch.float64).log()
    logits.requires_grad_()
    torch.manual_seed(seed)
    heads = heads_of(dict(a=4, b=4))
    return given(features, labels, torch.where(labels < 0, -1, 0), is_target=labels < 0, logits=logits,
                 modality_logits={name: heads[name](value) for name, value in features.items()},
                 classifier=ConcatFusion(dict(a=4, b=4), 3, None).double())


def objective_of(*names, threshold=.5):
    torch.manual_seed(1)
    return ConfidentTarget(FUSION, [TERMS[name] for name in names], threshold).double()


def reference(name, inner, step, rows, labels):
    """One term of some samples, as its paper states it."""
    a, b = (step.features[key][rows] for key in 'ab')
    if name == 'jigsaw':
        joined = torch.cat([a, b], 1)
        parts = [F.cross_entropy(inner.head(row[columns])[None], torch.tensor([number]))
                 for row in joined for number, columns in enumerate(inner.columns)]
        return sum(parts) / len(parts)
    if name == 'translation':
        pairs = ((a, b, inner.translators['a_to_b']), (b, a, inner.translators['b_to_a']))
        found = [(F.normalize(translate(x), dim=0) - F.normalize(y, dim=0)).norm()
                 for one, two, translate in pairs for x, y in zip(one, two)]
        return sum(found) / len(found)
    if name == 'splitting':
        return -sum((x[:, :2] - x[:, 2:]).square().mean() for x in (a, b)) / 2
    if name == 'entropy_min':
        heads = [*(step.modality_logits[key][rows] for key in 'ab'), step.logits[rows]]
        return -sum((p * (p + 1e-5).log()).sum(1).mean() for p in (head.softmax(1) for head in heads)) / 3
    views = torch.cat(list(inner.project(dict(a=a, b=b)).values()))
    similar, names, total = (views @ views.T / .1).exp(), [*labels, *labels], []
    for i, own in enumerate(names):
        others = sum(similar[i, k] for k in range(len(names)) if k != i)
        positives = [(similar[i, k] / others).log() for k, name in enumerate(names) if k != i and name == own]
        total += [sum(positives) / len(positives)] if positives else []
    return -.1 / .07 * sum(total) / len(total)


@pytest.mark.parametrize('name', TERMS)
def test_the_mean_of_source_and_sure_target(name):
    """Contrastive among the target: the other modality of a sample is its one positive."""
    objective, step = objective_of(name), step_of()
    inner, = objective.objectives
    out = objective(step)
    assert float(out['confident']) == 3
    expected = (reference(name, inner, step, SOURCE, [0, 1, 0, 2]) + reference(name, inner, step, SURE, 'xyz')) / 2
    torch.testing.assert_close(out[f'loss_{name}'], expected)
    wanted = [*step.features.values(), *inner.parameters()]
    for one, two in zip(*(torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True)
                          for value in (out[f'loss_{name}'], expected))):
        torch.testing.assert_close(one, two)


def test_unsure_samples_have_no_gradient_and_sure_ones_do():
    objective, step = objective_of(*TERMS), step_of()
    total = sum(value for key, value in objective(step).items() if key.startswith('loss'))
    for grad in torch.autograd.grad(total, list(step.features.values())):
        assert not grad[UNSURE].any()
        assert grad[SURE].any(1).all()


@pytest.mark.parametrize(('sure', 'threshold', 'count'), [([], .5, 0), ([6], .5, 1), (SURE, .7, 0)])
def test_fewer_than_two_sure_samples_leave_the_source_alone(sure, threshold, count):
    objective, step = objective_of(*TERMS, threshold=threshold), step_of(sure)
    out = objective(step)
    assert float(out['confident']) == count
    for name, inner in zip(TERMS, objective.objectives):
        torch.testing.assert_close(out[f'loss_{name}'], reference(name, inner, step, SOURCE, [0, 1, 0, 2]))


def test_a_probability_at_the_threshold_is_not_sure():
    step = step_of([])
    step.logits = torch.zeros(9, 2, dtype=torch.float64)
    assert float(objective_of('splitting', threshold=.5)(step)['confident']) == 0
    assert float(objective_of('splitting', threshold=.499)(step)['confident']) == 5


def test_translators_inside_are_found():
    cfg = recipe('moosa-open-adaptation', 'ravdess-adaptation')
    model = MODELS.build(cfg.model)
    assert check_fill(model, 'translated', 'a test') == 'translated'
    inner = {type(own).__name__ for own in model.objectives[1].objectives}
    assert inner == {'EntropyMinimization', 'MultimodalJigsaw', 'CrossModalTranslation', 'SupervisedContrastive',
                     'FeatureSplitting'}
    assert cfg.model.objectives[1].objectives[0].loss_weight == .1
    assert cfg.model.objectives[1].objectives[2].mask_ratio == .7


@pytest.mark.parametrize(('options', 'message'), [
    (dict(threshold=1.), r'threshold=1.0 is of a probability: it must be in \[0, 1\)'),
    (dict(objectives=[dict(type='mmda_ext.EntropyWeightedClassification')]), 'EntropyWeightedClassification trains'),
    (dict(objectives=[dict(TERMS['jigsaw'], task='cls')]), 'MultimodalJigsaw trains class heads, reads other losses'),
])
def test_what_cannot_be_is_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        ConfidentTarget(FUSION, **{'objectives': [], **options})


def compare(rank):
    """One process has a sure sample, the other three: both do without, and none waits for the other."""
    objective = objective_of('contrastive', 'splitting', 'jigsaw')
    out, alone = objective(step_of([5] if rank else SURE)), objective(step_of([]))
    for key in ('loss_contrastive', 'loss_splitting', 'loss_jigsaw'):
        torch.testing.assert_close(out[key], alone[key])
    both = objective_of('contrastive')(step_of(SURE, seed=rank))
    assert math.isfinite(float(both['loss_contrastive'].detach()))
    everybody = [torch.zeros((), dtype=torch.float64) for _ in range(2)]
    torch.distributed.all_gather(everybody, both['loss_contrastive'].detach())
    torch.testing.assert_close(*everybody)


@pytest.mark.slow
def test_processes_decide_alike():
    run_in_two_processes(compare)
