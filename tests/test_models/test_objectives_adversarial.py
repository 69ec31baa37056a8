"""Adversarial adaptation: known answers, slow references, equalities between methods, placement."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmda_ext.models import objectives
from mmda_ext.models.adaptation import Ramp
from mmda_ext.models.objectives.cdan import certainty
from mmda_ext.models.objectives.dada2020 import source_term, target_terms
from mmda_ext.models.objectives.dada2024 import mix, three_way
from mmda_ext.registry import MODELS
from tests.steps import given, heads_of
from tests.test_engine.test_balanced_wrapper import without_dropout

CLASSES = 3
METHODS = {
    'DANN': {}, 'CDAN': dict(num_classes=CLASSES), 'CDAN+E': dict(num_classes=CLASSES, entropy=True),
    'CDAN random': dict(num_classes=CLASSES, max_width=1, random_channels=32), 'MADA': dict(num_classes=CLASSES),
    'DALN': {}, 'DADA2020': {}, 'DADA2024': dict(num_classes=CLASSES), 'MDAN': dict(num_domains=2, mu=.5),
    'MDAN hard': dict(num_domains=2, mu=.5, mode='hard')}
FUSION = dict(type='mmda_ext.ConcatFusion', in_channels=dict(a=4, b=3), hidden_channels=6)


@pytest.fixture(autouse=True)
def half_way(monkeypatch):
    """Training stands where the ramp is at ``LAMBDA``."""
    hub = MessageHub('test')
    hub.update_info_dict(dict(iter=50, max_iters=100))
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: hub)
    return hub


LAMBDA = Ramp().at(.5)


def config_of(method, **options):
    return dict(type=f'mmda_ext.{method.split()[0].split("+")[0]}', **{**METHODS[method], **options})


def objective_of(method, seed=0, fusion=FUSION, **options):
    config = config_of(method, **options)
    torch.manual_seed(seed)
    built = getattr(objectives, config.pop('type').removeprefix('mmda_ext.'))(fusion=fusion, **config).double()
    return without_dropout(built)


def record_of(n_source=5, n_target=3, seed=0, constant=False, domains=2, fusion=FUSION):
    """A step with a classifier and a head per modality, as a recognizer has them."""
    generator = torch.Generator().manual_seed(seed)
    rows = n_source + n_target
    is_target = torch.rand(rows, generator=generator).argsort() >= n_source
    features = {name: torch.randn(rows, width, generator=generator).double() + is_target[:, None]
                for name, width in fusion['in_channels'].items()}
    features = {name: (torch.ones_like(v) if constant else v).requires_grad_() for name, v in features.items()}
    labels = torch.randint(CLASSES, (rows, ), generator=generator).masked_fill(is_target, -1)
    record = given(features, labels, (torch.arange(rows) % domains).masked_fill(is_target, -1), is_target=is_target)
    torch.manual_seed(seed + 1)
    record.modality_classifiers = heads_of(fusion['in_channels'], CLASSES)
    record.classifier = MODELS.build({**fusion, 'out_channels': CLASSES}).double()
    return record


def step(objective, record):
    """Loss, gradients at the features and at the objective's own parameters."""
    out = objective(record)
    loss = sum(value for key, value in out.items() if key.startswith('loss_'))
    own = list(objective.parameters())
    leaves = list(record.features.values())
    grads = torch.autograd.grad(loss, [*leaves, *own], retain_graph=True, allow_unused=True)
    return out, grads[:len(leaves)], grads[len(leaves):]


# Known answers and slow references.


def test_dann_by_hand():
    objective, record = objective_of('DANN', loss_weight=.3), record_of()
    out, at_features, own = step(objective, record)
    joined = torch.cat([value.detach() for value in record.features.values()], dim=1).requires_grad_()
    p = torch.sigmoid(objective.discriminators['fused'](joined))
    expected = .3 * -.5 * (p[~record.is_target].log().mean() + (1 - p[record.is_target]).log().mean())
    assert float(out['loss_align']) == pytest.approx(float(expected))
    assert float(out['align_lambda']) == pytest.approx(LAMBDA)
    grads = torch.autograd.grad(expected, [joined, *objective.parameters()])
    torch.testing.assert_close(torch.cat(at_features, dim=1), -LAMBDA * grads[0])
    for one, two in zip(own, grads[1:]):
        torch.testing.assert_close(one, two)


def test_certainty_known_answers():
    """CDAN+E Eq. 8: uniform over four classes and one-hot."""
    assert certainty(torch.tensor([[.25] * 4, [1., 0, 0, 0]])).tolist() == pytest.approx([1.25, 2], abs=1e-4)


@pytest.mark.parametrize('condition', ['own', 'fused'])
@pytest.mark.parametrize('entropy', [False, True])
def test_cdan_by_hand(condition, entropy):
    objective = objective_of('CDAN', placement='per_modality', condition_on=condition, entropy=entropy)
    record = record_of()
    expected = 0
    for name, features in record.features.items():
        g = (record.logits if condition == 'fused' else record.modality_logits[name]).detach().softmax(1)
        product = torch.stack([torch.outer(g_row, f_row).reshape(-1) for g_row, f_row in zip(g, features)])
        logits = objective.discriminators[name](product)
        for rows, label in ((~record.is_target, 1.), (record.is_target, 0.)):
            own = logits[rows]
            bce = F.binary_cross_entropy_with_logits(own, torch.full_like(own, label), reduction='none')
            w = 1 + torch.exp((g[rows] * (g[rows] + 1e-5).log()).sum(1)) if entropy else torch.ones_like(own)
            expected = expected + (w / w.mean() * bce).mean() / 4
    out, at_features, own = step(objective, record)
    assert float(out['loss_align']) == pytest.approx(float(expected))
    grads = torch.autograd.grad(expected, [*record.features.values(), *objective.parameters()])
    torch.testing.assert_close([*at_features, *own], [*(-LAMBDA * grad for grad in grads[:2]), *grads[2:]])


def test_conditions_pass_on_no_gradient():
    for method in ('CDAN', 'CDAN+E', 'MADA'):
        record = record_of()
        loss = objective_of(method)(record)['loss_align']
        parameters = list(record.classifier.parameters())
        assert torch.autograd.grad(loss, parameters, allow_unused=True) == (None, ) * len(parameters), method


def test_mada_of_one_class_is_dann():
    mada, dann, record = objective_of('MADA', num_classes=1), objective_of('DANN'), record_of()
    record.logits = record.logits[:, :1]
    mada.discriminators['fused'][0].load_state_dict(dann.discriminators['fused'].state_dict())
    torch.testing.assert_close(step(mada, record)[:2], step(dann, record)[:2])


def test_the_release_of_mada_is_stronger_by_three_tenths_of_the_classes():
    plain, release, record = objective_of('MADA'), objective_of('MADA', reduction='sum', loss_weight=.3), record_of()
    (_, *expected), (out, *got) = step(plain, record), step(release, record)
    torch.testing.assert_close(got, [tuple(.3 * CLASSES * grad for grad in part) for part in expected])
    assert float(out['align/fused_bce']) == pytest.approx(float(out['loss_align']) / (.3 * CLASSES)), 'log: the mean'
    with pytest.raises(ValueError, match="reduction='max' is unknown"):
        objective_of('MADA', reduction='max')


def test_mada_by_hand():
    objective, record = objective_of('MADA'), record_of()
    leaves = [value.detach().requires_grad_() for value in record.features.values()]
    joined, p, expected = torch.cat(leaves, dim=1), record.logits.detach().softmax(1), 0
    for k, discriminator in enumerate(objective.discriminators['fused']):
        logits = torch.cat([discriminator(p[i, k] * joined[i:i + 1]) for i in range(len(joined))])
        s, t = logits[~record.is_target], logits[record.is_target]
        expected = expected + .5 * (F.softplus(-s).mean() + F.softplus(t).mean()) / CLASSES
    out, at_features, own = step(objective, record)
    assert float(out['loss_align']) == pytest.approx(float(expected))
    grads = torch.autograd.grad(expected, [*leaves, *objective.parameters()])
    torch.testing.assert_close([*at_features, *own], [*(-LAMBDA * grad for grad in grads[:2]), *grads[2:]])


def test_daln_learns_through_the_classifier():
    objective, record = objective_of('DALN', loss_weight=.7), record_of()
    out, at_features, own = step(objective, record)
    assert not own, 'no discriminator'
    p = record.logits.softmax(1)
    nwd = [torch.linalg.matrix_norm(p[rows], 'nuc') / rows.sum() for rows in (~record.is_target, record.is_target)]
    nwd = nwd[0] - nwd[1]
    assert float(out['loss_align']) == pytest.approx(-.7 * float(nwd))
    assert float(out['align/fused_nwd']) == pytest.approx(float(nwd))
    parameters = list(record.classifier.parameters())
    expected = torch.autograd.grad(.7 * nwd, [*record.features.values(), *parameters], retain_graph=True)
    got = torch.autograd.grad(out['loss_align'], parameters)
    torch.testing.assert_close([*at_features, *got], [*(LAMBDA * g for g in expected[:2]), *(-g for g in expected[2:])])


def test_dada2020_known_answers():
    """DADA (Tang and Jia, AAAI 2020), logits (2, 0, 1)."""
    logits = torch.tensor([[2., 0, 1]])
    assert float(source_term(logits, torch.tensor([0]))) == pytest.approx(.575670, abs=1e-6)
    assert [float(value) for value in target_terms(logits)] == pytest.approx([1.194059, -.432465, .365334], abs=1e-6)
    sure = torch.tensor([[1e4, 0, 0], [0, 1e4, 0], [0, 0, 1e4]]).requires_grad_()
    total = source_term(sure, torch.tensor([0, 0, -1])).sum() + torch.stack(target_terms(sure)).sum()
    assert torch.isfinite(torch.autograd.grad(total, sure)[0]).all()


@pytest.mark.parametrize('name', ['fused', 'a'])
def test_dada2020_routes_its_gradients(name):
    objective = objective_of('DADA2020', placement='both', balanced=True, loss_weight=.4)
    record = record_of()
    loss = objective(record)[f'loss_align/{name}']
    classifier = record.classifier if name == 'fused' else record.modality_classifiers[name]
    parameters = [*classifier.parameters(), *objective.units[name].parameters()]
    features = list(record.features.values()) if name == 'fused' else [record.features[name]]
    hidden = record.classifier.fuse(record.features) if name == 'fused' else record.features[name]
    last = record.classifier.output if name == 'fused' else classifier
    logits = torch.cat([last(hidden), objective.units[name](hidden)], dim=1)
    on_source = source_term(logits[~record.is_target], record.labels[~record.is_target]).mean()
    low, high, entropy = (value.mean() for value in target_terms(logits[record.is_target]))
    expected = [
        *torch.autograd.grad(.4 * (LAMBDA * (on_source + low) + entropy), parameters, retain_graph=True),
        *torch.autograd.grad(.4 * (-LAMBDA * (on_source + high) + entropy), features, retain_graph=True)]
    got = torch.autograd.grad(loss, [*parameters, *features], retain_graph=True)
    torch.testing.assert_close(got, tuple(expected))
    assert all(parameter.requires_grad for parameter in parameters)


def test_dada2020_waits_for_the_end_of_the_pre_training(half_way):
    objective, record = objective_of('DADA2020', ramp=dict(start=.5)), record_of()
    out, _, _ = step(objective, record)
    assert out['loss_align'] > 0
    assert out['align_lambda'] == 0, 'only the entropy yet'
    half_way.update_info('iter', 49)
    out, at_features, own = step(objective, record)
    assert out['loss_align'] == 0
    assert not any(grad.any() for grad in (*at_features, *own))


def test_dada2024_by_hand(monkeypatch):
    monkeypatch.setattr(torch.distributions.Beta, 'sample', lambda self: torch.full_like(self.mean, .25))
    monkeypatch.setattr(torch, 'randperm', lambda n, device=None: torch.arange(n).flip(0))
    objective, record = objective_of('DADA2024', omega=.2), record_of(n_source=5, n_target=3)
    out, at_features, _ = step(objective, record)
    z = F.normalize(torch.cat(list(record.features.values()), dim=1))
    s, t = z[~record.is_target], z[record.is_target]
    mixed = F.normalize(torch.stack([.75 * s[i] + .25 * t[2 - i % 3] for i in range(5)]))
    classes = objective.classes['fused']
    p = [classes(part).softmax(1) for part in (s, mixed)]
    nwd = sum(sign * torch.linalg.matrix_norm(part, 'nuc') / 5 for sign, part in zip((1, -1), p))
    ce = F.cross_entropy(classes(s), record.labels[~record.is_target])
    logits = objective.domains['fused'](torch.cat([s, mixed, t]))
    three = sum(F.cross_entropy(part, torch.full((len(part), ), k))
                for k, part in enumerate(logits.split([5, 5, 3]))) / 3
    rest = .2 * (2 * ce + .5 * nwd.abs())
    assert float(out['loss_align']) == pytest.approx(float(.8 * three + rest))
    expected = torch.autograd.grad(rest - LAMBDA * .8 * three, list(record.features.values()))
    torch.testing.assert_close(at_features, expected)


def test_mixture_wraps_the_shorter_batch():
    torch.manual_seed(0)
    for n_source, n_target in ((2, 5), (5, 2), (1, 1)):
        source, target = torch.zeros(n_source, 3), torch.ones(n_target, 3)
        mixed = mix(source, target, .5)
        assert mixed.shape == (max(n_source, n_target), 3)
        assert ((mixed >= 0) & (mixed <= 1)).all()
        assert (mixed == mixed[:, :1]).all(), 'one t for each pair'
    value, accuracy = three_way((torch.zeros(2, 3), torch.zeros(1, 3), torch.zeros(4, 3)))
    assert float(value) == pytest.approx(math.log(3))
    assert 0 <= float(accuracy) <= 100


@pytest.mark.parametrize('mode', ['soft', 'hard'])
def test_mdan_of_one_source_is_dann(mode):
    """MDAN (Zhao et al., NeurIPS 2018): cross-entropy and DANN with weight mu, lambda = 1."""
    record = record_of(domains=1)
    mdan = objective_of('MDAN', num_domains=1, mu=.3, mode=mode)
    dann = objective_of('DANN', loss_weight=.3, ramp=dict(lo=1, hi=1))
    mdan.discriminators['fused'][0].load_state_dict(dann.discriminators['fused'].state_dict())
    entropy = F.cross_entropy(record.logits, record.labels, ignore_index=-1)
    out, at_features, own = step(mdan, record)
    other, expected, own_of_dann = step(dann, record)
    assert float(out['loss_align']) == pytest.approx(float(entropy + other['loss_align']))
    for got, adversary, error in zip(at_features, expected, torch.autograd.grad(entropy, [*record.features.values()])):
        torch.testing.assert_close(got, adversary + error)
    torch.testing.assert_close(own, own_of_dann)


@pytest.mark.parametrize('absent', [False, True])
@pytest.mark.parametrize('mode', ['soft', 'hard'])
def test_mdan_by_hand(mode, absent):
    objective, record = objective_of('MDAN', mode=mode, num_domains=3, gamma=4.), record_of(7, 4, domains=2)
    if not absent:
        source = record.source_index
        record.domain_labels[source] = torch.arange(len(source)) % 3
    joined = torch.cat(list(record.features.values()), dim=1)
    e, a = [], []
    for i in range(2 if absent else 3):
        logits = objective.discriminators['fused'][i](joined)
        inside = record.domain_labels == i
        e.append(F.cross_entropy(record.logits[inside], record.labels[inside]))
        a.append(.5 * (F.softplus(-logits[inside]).mean() + F.softplus(logits[record.is_target]).mean()))
    expected = max(e) + .5 * min(a) if mode == 'hard' else sum(
        torch.exp(4 * (x + .5 * y)) for x, y in zip(e, a)).log() / 4
    out, at_features, own = step(objective, record)
    assert float(out['loss_align']) == pytest.approx(float(expected))
    assert all(torch.isfinite(grad).all() for grad in (*at_features, *own) if grad is not None)


def test_mdan_without_labels_or_known_domains_is_zero():
    for change in ('labels', 'domain_labels'):
        record = record_of()
        getattr(record, change).fill_(-1)
        out, at_features, own = step(objective_of('MDAN'), record)
        assert float(out['loss_align']) == 0
        assert not any(grad.any() for grad in (*at_features, *own))


# Placement.


@pytest.mark.parametrize('method', ['DANN', 'CDAN', 'DALN', 'DADA2020'])
@pytest.mark.parametrize('placement', ['fused', 'per_modality', 'both'])
def test_placement_weights_and_tasks(method, placement):
    record = record_of()
    names = dict(fused=['fused'], per_modality=['a', 'b'], both=['a', 'b', 'fused'])[placement]
    tasks = objective_of(method, placement=placement, balanced=True, task='x')(record)
    losses = {key: float(value) for key, value in tasks.items() if 'loss' in key}
    assert list(losses) == [f'loss_x/{name}' for name in names]
    total = objective_of(method, placement=placement, loss_weight=.5)(record)
    assert [key for key in total if 'loss' in key] == ['loss_align']
    assert float(total['loss_align']) == pytest.approx(.5 * sum(losses.values()) / len(names))
    for name in names:
        touched = torch.autograd.grad(tasks[f'loss_x/{name}'], list(record.features.values()), retain_graph=True,
                                      allow_unused=True)
        assert [grad is not None for grad in touched] == [name in ('fused', m) for m in record.features]


def test_options_are_checked():
    for options in (dict(placement='x'), dict(condition_on='x')):
        with pytest.raises(ValueError, match=f"CDAN: {next(iter(options))}='x' is unknown: choose one of"):
            objective_of('CDAN', **options)
    for method, options in (('MDAN', dict(mode='x')), ('MDAN', dict(gamma=0)), ('MDAN', dict(num_domains=0)),
                            ('DADA2024', dict(omega=2)), ('DADA2024', dict(beta=0))):
        with pytest.raises(ValueError, match=f'{method}: .*{next(iter(options))}='):
            objective_of(method, **options)


@pytest.mark.parametrize('method', ['CDAN', 'MADA', 'DALN', 'DADA2020'])
def test_heads_of_the_modalities_must_be_there(method):
    record = record_of()
    record.modality_logits, record.modality_classifiers = {}, {}
    objective_of(method)(record)
    with pytest.raises(ValueError, match='no class head of .*: add an objective that trains one'):
        objective_of(method, placement='per_modality')(record)
