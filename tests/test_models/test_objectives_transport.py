"""Amanda and A3D2: log losses and label shift; transport plans, determinants, adversaries."""

import itertools
import math

import pytest
import torch
from mmengine.logging import MessageHub
from scipy.optimize import linprog
from torch.nn import functional as F

from mmda_ext.balancing.parts.simplex import exact
from mmda_ext.models.covariance import generalised_variance
from mmda_ext.models.objectives import A3D2, Amanda, CorrelationAlignment
from mmda_ext.models.objectives.a3d2 import QuadraticRamp
from mmda_ext.models.objectives.amanda import class_shares
from mmda_ext.models.transport import moment_cost, transport_plan
from tests.test_models.test_objectives_alignment import SOURCE, TARGET, features_of, record_of
from tests.test_models.test_objectives_moments import CHANNELS, labelled, with_logits

SAME = dict(in_channels=dict(a=4, b=4, c=4))


@pytest.fixture(autouse=True)
def progress():
    """Set the iteration that a runner would have reached; the last one if nothing is said."""
    hub = MessageHub.get_instance('a3d2')

    def reach(done, of=100):
        hub.update_info('iter', done)
        hub.update_info('max_iters', of)

    reach(100)
    yield reach
    MessageHub._instance_dict.pop('a3d2')


# Amanda (Zhang et al., ACL Findings 2024).


def test_logarithm_of_the_known_answer():
    """L = 8 (Boomda Eq. 10) with gradients of 8, so log 8 with gradients of 1."""
    record = labelled(dict(m0=torch.cat([SOURCE, TARGET])), [False] * 2 + [True] * 2, [-1] * 4)
    out = Amanda(dict(in_channels=dict(m0=2)), alpha2=1.0, eps=1e-12, reweight=False)(record)
    assert out['loss_align/m0'].item() == pytest.approx(math.log(8))
    filed = out.gradients['align/m0']['m0']
    torch.testing.assert_close(filed, torch.tensor([[-1., 0], [1, 0], [0, -1], [0, 1]]).double())
    torch.testing.assert_close(torch.autograd.grad(out['loss_align/m0'], record.features['m0'])[0], filed)


def test_weights_are_the_inverse_losses():
    features, is_target = features_of()
    plain, logs = record_of(features, is_target), record_of(features, is_target)
    values = CorrelationAlignment(CHANNELS, alpha2=1.0)(plain)
    out = Amanda(CHANNELS, alpha2=1.0, eps=.5, objectives='modalities+fused', reweight=False)(logs)
    for task, own in values.gradients.items():
        loss = values[f'loss_{task}'].item() + .5
        assert out[f'loss_{task}'].item() == pytest.approx(math.log(loss))
        for name, gradient in own.items():
            torch.testing.assert_close(out.gradients[task][name], gradient / loss)
    assert 'loss_align/fused' not in Amanda(CHANNELS, reweight=False)(record_of(features, is_target))
    same = {name: torch.cat([value[:5], value[:5]]) for name, value in features.items()}
    out = Amanda(CHANNELS, reweight=False)(record_of(same, torch.arange(10) >= 5))
    assert out['loss_align/m0'].item() == pytest.approx(0, abs=1e-9), 'bounded below'


def test_known_class_shares():
    corners = torch.tensor([[1., 0, 0], [0, 1, 0], [0, 0, 1]]).double()
    inside = torch.tensor([.2, .3, .5]).double()
    for scale in (1e-6, 1.0, 1e6):
        torch.testing.assert_close(class_shares(scale * corners, scale * inside), inside)
    # Outside of the hull: the nearest point of an edge, then of a corner.
    assert class_shares(corners[:2], torch.tensor([.5, .9, 7]).double()).tolist() == pytest.approx([.3, .7])
    assert class_shares(corners[:2], torch.tensor([-3., 2, 0]).double()).tolist() == pytest.approx([0, 1], abs=1e-12)
    assert class_shares(corners[:1], inside).tolist() == [1]


def test_class_shares_are_the_shortest_vector():
    """Same answer as the solver of the balancers on the Gramian of the gaps."""
    generator = torch.Generator().manual_seed(0)
    for classes, width in ((3, 5), (6, 4), (8, 20)):
        means = torch.randn(classes, width, generator=generator, dtype=torch.float64)
        target = .5 * torch.randn(width, generator=generator, dtype=torch.float64)
        gaps = means - target
        Q, got = gaps @ gaps.T, class_shares(means, target)
        best = exact(Q)
        assert float(got @ Q @ got) == pytest.approx(float(best @ Q @ best), rel=1e-6, abs=1e-8)
        if classes <= width:
            torch.testing.assert_close(got, best, rtol=1e-5, atol=1e-6)


def shifted(labels=(0, 0, 0, 1, -1)):
    """Classes at 0 and 4; the target's mean 3 means shares of 1/4 and 3/4."""
    values = torch.tensor([[4. * max(label, 0)] for label in labels] + [[2.], [4.]]).double()
    record = labelled(dict(m0=values), [False] * len(labels) + [True] * 2, [*labels, -1, -1])
    return with_logits(record)


def test_label_shift_completes_the_weighted_cross_entropy():
    record = shifted()
    out = Amanda(dict(in_channels=dict(m0=1)))(record)
    plain = [F.cross_entropy(logits[:4], record.labels[:4]) for logits in
             (record.logits, *record.modality_logits.values())]
    # Shares in the batch are 3/4 and 1/4.
    weights = torch.tensor([1 / 3, 1 / 3, 1 / 3, 3.]).double()
    assert weights.mean().item() == pytest.approx(1)
    weighted = [(weights * F.cross_entropy(logits[:4], record.labels[:4], reduction='none')).mean() for logits in
                (record.logits, *record.modality_logits.values())]
    assert (sum(plain) + out['loss_label_shift']).item() == pytest.approx(sum(weighted).item())
    assert 'loss_label_shift' not in Amanda(dict(in_channels=dict(m0=1)), reweight=False)(record)


@pytest.mark.parametrize('labels', [(), (-1, -1), (0, ), (0, 1)])
def test_batches_that_say_nothing_of_the_shift(labels):
    record = shifted(labels)
    out = Amanda(dict(in_channels=dict(m0=1)))(record)
    grads = torch.autograd.grad(sum(value for key, value in out.items() if 'loss' in key), record.features['m0'])
    assert torch.isfinite(grads[0]).all()
    if set(labels) <= {-1, 0}:
        assert out['loss_label_shift'].item() == 0


@pytest.mark.parametrize('n_source', [0, 1])
def test_amanda_skips_small_batches(n_source):
    features, is_target = features_of(n_source, 5)
    record = with_logits(labelled(features, is_target, [0] * n_source + [-1] * 5))
    out = Amanda(CHANNELS)(record)
    assert all(value.item() == 0 for key, value in out.items() if 'loss' in key)
    assert out['align_skipped'].item() == 1


def test_amanda_is_finite_on_constant_features():
    record = with_logits(labelled(dict(m0=torch.ones(6, 4).double(), m1=torch.zeros(6, 3).double()),
                                  torch.arange(6) > 2, [0, 1, 2, -1, -1, -1]))
    out = Amanda(CHANNELS)(record)
    total = sum(value for key, value in out.items() if 'loss' in key)
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(total, list(record.features.values())))


# A3D2 (Sun et al., ACL 2025).


def test_known_plan():
    plan = transport_plan(torch.tensor([[4., 1, 3], [2, 0, 5], [3, 2, 2]]))
    torch.testing.assert_close(plan, torch.tensor([[0., 1, 0], [1, 0, 0], [0, 0, 1]]) / 3)


@pytest.mark.parametrize('size', [2, 4, 6])
def test_plan_solves_the_linear_program(size):
    cost = torch.randn(size, size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    plan = transport_plan(cost)
    for sums in (plan.sum(0), plan.sum(1)):
        torch.testing.assert_close(sums, torch.full((size, ), 1 / size).double())
    best = min(sum(float(cost[i, j]) for i, j in enumerate(order)) for order in itertools.permutations(range(size)))
    assert float((cost * plan).sum()) == pytest.approx(best / size)
    rows = torch.kron(torch.eye(size), torch.ones(1, size)).numpy()
    columns = torch.kron(torch.ones(1, size), torch.eye(size)).numpy()
    program = linprog(cost.reshape(-1).numpy(), A_eq=[*rows, *columns], b_eq=[1 / size] * (2 * size))
    assert program.fun == pytest.approx(float((cost * plan).sum()))


def test_cost_moves_the_drift_alone():
    a, b = (torch.randn(5, 3, generator=torch.Generator().manual_seed(i)).double().requires_grad_() for i in range(2))
    cost = moment_cost(a, b)
    torch.testing.assert_close(cost, 1 - a.T @ b / 5)
    grads = torch.autograd.grad((cost * torch.eye(3)).sum(), (a, b), allow_unused=True)
    assert grads[0] is None
    torch.testing.assert_close(grads[1], -a.detach() / 5)


def anchored(n_source=7, n_target=5, dtype=torch.float64):
    features, is_target = features_of(n_source, n_target, (4, 4, 4), dtype=dtype)
    features = dict(zip('abc', features.values()))
    return with_logits(labelled(features, is_target, [index % 3 for index in range(n_source)] + [-1] * n_target))


def objective_of(seed=0, **options):
    torch.manual_seed(seed)
    return A3D2(3, SAME, 'a', **{
        'discriminator': dict(dropout=0.0, hidden_channels=8), 'transport': dict(start=0), **options}).double()


def test_plans_are_averaged_and_transport_by_hand():
    objective, record = objective_of(transport=dict(start=0, weight=2.0)), anchored()
    rows = record.target_index
    plans = {(kind, name): torch.eye(size).double() / size for name in 'bc' for kind, size in
             (('features', 4), ('classes', 3))}
    for _ in range(2):
        loss, expected = objective(record)['loss_transport'], 0.0
        for (kind, name), plan in plans.items():
            values = [F.normalize(record.features[m][rows]) if kind == 'features' else
                      record.modality_logits[m][rows].softmax(1) for m in ('a', name)]
            cost = 1 - values[0].detach().T @ values[1] / len(rows)
            plans[kind, name] = .95 * plan + .05 * transport_plan(cost)
            expected = expected + 2.0 * (cost * plans[kind, name]).sum()
        torch.testing.assert_close(loss, expected)
        wanted = [record.features[name] for name in 'bc']
        for one, two in zip(*(torch.autograd.grad(value, wanted, retain_graph=True) for value in (loss, expected))):
            torch.testing.assert_close(one, two)
    for (kind, name), plan in plans.items():
        torch.testing.assert_close(objective.get_buffer(f'plan_{kind}_{name}'), plan)


def test_anchor_receives_nothing_from_the_transport():
    record = anchored()
    grads = torch.autograd.grad(objective_of()(record)['loss_transport'], list(record.features.values()))
    assert [bool(grad.any()) for grad in grads] == [False, True, True]
    assert all(not grad[:7].any() for grad in grads), 'target rows alone'


def test_plans_resume_exactly_and_rest_in_evaluation():
    objective, record = objective_of(), anchored()
    objective(record)
    fresh = objective_of(seed=1)
    fresh.load_state_dict(objective.state_dict())
    again = [own(record)['loss_transport'] for own in (objective, fresh)]
    assert torch.equal(*again)
    state = {name: value.clone() for name, value in fresh.state_dict().items()}
    fresh.eval()(record)
    assert all(torch.equal(value, state[name]) for name, value in fresh.state_dict().items())


def test_transport_starts_at_its_iteration(progress):
    objective, record = objective_of(transport=dict(start=20)), anchored()
    for iteration, started in ((0, False), (19, False), (20, True)):
        progress(iteration)
        assert bool(objective(record)['loss_transport']) == started
        assert bool((objective.plan_features_b != torch.eye(4) / 4).any()) == started


def test_ramp_is_quadratic(progress):
    ramp = QuadraticRamp()
    assert [ramp.at(p) for p in (0.0, .1, .5, 1.0, 3.0)] == pytest.approx([0, .01, .25, 1, 1])
    progress(50)
    assert float(objective_of()(anchored())['align_lambda']) == pytest.approx(.25)


def test_adversary_by_hand(progress):
    """w sum a_m BCE on softmax(O) x Z_m; the fused probabilities are not detached, and all of it is reversed."""
    progress(50)
    weights = dict(a=.1, b=.7, c=.0)
    objective, record = objective_of(modality_weights=weights), anchored()
    assert set(objective.discriminators) == {'a', 'b'}
    loss, expected = objective(record)['loss_align'], 0.0
    probabilities = record.logits.softmax(1)
    for name in 'ab':
        product = torch.stack([torch.outer(p, z).flatten() for p, z in zip(probabilities, record.features[name])])
        logits = objective.discriminators[name](product)
        for rows, truth in ((record.source_index, 1.0), (record.target_index, 0.0)):
            own = F.binary_cross_entropy_with_logits(logits[rows], torch.full((len(rows), ), truth).double())
            expected = expected + 10 * weights[name] * .5 * own
    torch.testing.assert_close(loss, expected)
    wanted = list(record.features.values())
    got, reference = (torch.autograd.grad(value, wanted, retain_graph=True) for value in (loss, expected))
    assert got[2].any(), 'through the fused probabilities'
    for one, two in zip(got, reference):
        torch.testing.assert_close(one, -.25 * two)


@pytest.mark.parametrize(('count', 'width'), [(9, 4), (4, 9), (5, 5)])
def test_generalised_variance_equals_the_determinant(count, width):
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    C = torch.cov(rows.T)
    root = torch.linalg.det(C + 1e-6 * torch.eye(width)) ** (1 / width)
    plain = torch.linalg.det(C) if count > width else 0 * rows.sum()
    for got, expected in ((generalised_variance(rows), root), (generalised_variance(rows, False), plain)):
        torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-12)
        grads = [torch.autograd.grad(value, rows, retain_graph=True)[0] for value in (got, expected)]
        torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize('root', [True, False])
@pytest.mark.parametrize('rows', [
    torch.randn(48, 256), 1e-4 * torch.randn(48, 256), 10 * torch.randn(300, 256), 1e-3 * torch.randn(300, 256),
    torch.ones(8, 4), torch.ones(3, 4), torch.randn(8, 1).expand(8, 4), torch.randn(8, 4).bfloat16()])
def test_determinants_of_any_size_are_finite(rows, root):
    rows = rows.clone().requires_grad_()
    value = generalised_variance(rows, root)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(torch.autograd.grad(value, rows)[0]).all()


def test_root_has_the_size_of_a_variance():
    rows = 3 * torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    assert generalised_variance(rows).item() == pytest.approx(9, rel=.05)


@pytest.mark.parametrize(('n_source', 'n_target'), [(1, 6), (6, 1), (0, 6), (6, 0)])
def test_a3d2_skips_small_batches(n_source, n_target):
    record, objective = anchored(n_source, n_target), objective_of()
    out = objective(record)
    total = sum(value for key, value in out.items() if 'loss' in key)
    assert total.item() == 0
    for grad in torch.autograd.grad(total, [*record.features.values(), *objective.parameters()]):
        assert not grad.any()
    assert out['align_skipped'].item() == 1


def test_a3d2_is_finite_on_constant_features():
    record = anchored()
    record = with_logits(labelled({name: torch.zeros(12, 4).double() for name in 'abc'}, record.is_target,
                                  record.labels.tolist()))
    out = objective_of()(record)
    total = sum(value for key, value in out.items() if 'loss' in key)
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(total, list(record.features.values())))


def test_a3d2_parts_and_target():
    record = anchored()
    assert {key for key in objective_of()(record) if 'loss' in key} == {
        'loss_align', 'loss_determinant', 'loss_transport'}
    without = objective_of(determinant=dict(weight=0), transport=dict(weight=0))
    assert {key for key in without(record) if 'loss' in key} == {'loss_align'}
    grads = torch.autograd.grad(objective_of()(record)['loss_determinant'], list(record.features.values()))
    assert all(grad[:7].any() and not grad[7:].any() for grad in grads), 'source rows alone'
    grads = torch.autograd.grad(objective_of()(record)['loss_align'], list(record.features.values()))
    assert all(grad[:7].any() and grad[7:].any() for grad in grads)


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: A3D2(3, SAME, 'x'), "anchor='x' must be one of"), (lambda: A3D2(3, CHANNELS, 'm0'), 'one width'),
    (lambda: objective_of(modality_weights=dict(a=1.)), 'modality_weights'),
    (lambda: objective_of(determinant=dict(form='x')), "determinant: form='x' is unknown"),
    (lambda: objective_of(transport=dict(momentum=2)), 'transport: momentum=2'),
    (lambda: Amanda(CHANNELS, eps=0), 'eps=0'),
    (lambda: Amanda(CHANNELS)(record_of(*features_of())), 'this step has no classifier'),
    (lambda: objective_of()(labelled({name: torch.zeros(4, 4).double() for name in 'abc'}, [False, False, True, True],
                                     [0, 1, -1, -1], logits=torch.zeros(4, 3).double())), 'no class head of')])
def test_options_are_checked(build, match):
    with pytest.raises(ValueError, match=match):
        build()
