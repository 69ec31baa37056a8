"""MGDA: known answers of every solver, their properties, and every degenerate case."""

import itertools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmda_ext.balancing import MGDA, BalanceInputs
from mmda_ext.balancing.parts import simplex
from mmda_ext.balancing.parts.simplex import _segment, arrowhead, exact, frank_wolfe
from tests.test_balancing.rules import inputs_of, random_gramian, tasks_of

SOLVING = ('closed_form', 'exact', 'frank_wolfe')
COUPLED = [[1, 0, 0, .1], [0, 2, 0, .2], [0, 0, 4, .1], [.1, .2, .1, 3]]
SUMMED = [[1, 0, 0, 1], [0, 2, 0, 2], [0, 0, 4, 4], [1, 2, 4, 7]]
# Q, closed form, exact, exact value of gamma' Q gamma
TABLE = {
    'equal': ([[1, 0], [0, 1]], [.5, .5], [.5, .5], .5),
    'diagonal 2': ([[9, 0], [0, 16]], [.64, .36], [.64, .36], 5.76),
    'diagonal 3': ([[1, 0, 0], [0, 2, 0], [0, 0, 4]], [.571429, .285714, .142857], [.571429, .285714, .142857],
                   .571429),
    'parallel': ([[1, 2], [2, 4]], [.8, .2], [1, 0], 1),
    'opposite': ([[4, -2], [-2, 1]], [.2, .8], [1 / 3, 2 / 3], 0),
    'chain': ([[2, -1, 0], [-1, 2, -1], [0, -1, 2]], [1 / 3, 1 / 3, 1 / 3], [.3, .4, .3], .2),
    'one out': ([[1, 0, 1], [0, 4, 1], [1, 1, 2]], [.571429, .142857, .285714], [.8, .2, 0], .8),
    'arrowhead': (COUPLED, [.48, .24, .12, .16], [.498813, .242718, .124703, .133765], .512190),
    'fused is the sum': (SUMMED, [.528302, .264151, .132075, .075472], [.571429, .285714, .142857, 0], .571429),
    'coral, factor 1': ([[128, 0, 160], [0, 1280, 1216], [160, 1216, 1456]], [.841813, .084181, .074006], None, None),
    'coral, deep': ([[8, 0, 2.5], [0, 80, 19], [2.5, 19, 5.6875]], [.398948, .039895, .561157], None, None),
    'coral, second': ([[2304, 0, 2448], [0, 360, 288], [2448, 288, 2912]], [.122082, .781325, .096592],
                      [.135135, .864865, 0], 311.351351),
}


def solve(Q, dtype=torch.float64, modalities=('v', 'a'), **options):
    """Gamma of ``Q``; its parts are spread unevenly over the modalities."""
    balancer = MGDA(**options)
    weights = balancer(inputs_of(Q, modalities, dtype=dtype))
    assert weights.shape == (len(modalities), len(Q))
    assert all(torch.equal(row, weights[0]) for row in weights)
    balancer.notice({key: float(value) for key, value in balancer.diagnostics.items()})
    return weights[0], balancer


#: gamma' Q gamma of the closed form, worked out by hand for two cases.
CLOSED_VALUES = {'arrowhead': .514560, 'fused is the sum': .767533}


def brute_force(Q, steps=200):
    """Smallest value of gamma' Q gamma on a grid of the simplex."""
    best = torch.inf
    for counts in itertools.product(range(steps + 1), repeat=len(Q) - 1):
        if sum(counts) <= steps:
            gamma = torch.tensor([*counts, steps - sum(counts)], dtype=torch.float64) / steps
            best = min(best, float(gamma @ Q @ gamma))
    return best


@pytest.mark.parametrize('case', TABLE)
def test_known_answers(case):
    Q, closed, best, value = TABLE[case]
    gamma, balancer = solve(Q)
    assert gamma.tolist() == pytest.approx(closed, abs=2e-6)
    assert [float(balancer.diagnostics[f'gamma_{n}']) for n in [*'abc'[:len(Q) - 1], 'fused']] == gamma.tolist()
    if case in CLOSED_VALUES:
        assert float(balancer.diagnostics['objective']) == pytest.approx(CLOSED_VALUES[case], abs=1e-6)
    if best is None:
        return
    for solver, tolerance in (('exact', 1e-6), ('frank_wolfe', 1e-3)):
        gamma, balancer = solve(Q, solver=solver)
        assert gamma.tolist() == pytest.approx(best, abs=max(tolerance, 2e-6)), solver
        assert float(balancer.diagnostics['objective']) == pytest.approx(value, abs=1e-5, rel=1e-4)


@pytest.mark.parametrize('case', [case for case in TABLE if TABLE[case][2]])
def test_frank_wolfe_needs_few_iterations(case):
    Q, _, best, _ = TABLE[case]
    gamma = frank_wolfe(torch.as_tensor(Q, dtype=torch.float64), max_iterations=50)
    assert gamma.tolist() == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize('case', ['equal', 'diagonal 2', 'diagonal 3', 'parallel', 'opposite', 'one out', 'arrowhead',
                                  'fused is the sum', 'coral, second'])
def test_arrowhead_equals_exact(case):
    Q = TABLE[case][0]
    if case == 'one out':
        assert Q[0][1] == 0
    assert solve(Q, solver='arrowhead')[0].tolist() == pytest.approx(solve(Q, solver='exact')[0].tolist(), abs=2e-6)


def test_arrowhead_refuses_other_matrices():
    with pytest.raises(ValueError, match="solver='exact'"):
        solve(TABLE['chain'][0], solver='arrowhead')


def test_ratio_and_cosines():
    _, balancer = solve(TABLE['coral, factor 1'][0])
    assert float(balancer.diagnostics['r']) == pytest.approx(9.5)
    assert float(balancer.diagnostics['cosine_a']) == pytest.approx(160 / (128 * 1456)**.5)
    assert float(balancer.diagnostics['squared_norm_b']) == pytest.approx(1280)
    assert 'cosine_fused' not in balancer.diagnostics
    assert float(solve(TABLE['coral, deep'][0])[1].diagnostics['r']) == pytest.approx(3.340659, abs=1e-6)


@pytest.mark.parametrize(('vectors', 'expected', 'norm'), [
    ([(1, 0), (0, 1)], [.5, .5], .5), ([(2, 0), (-1, 0)], [1 / 3, 2 / 3], 0), ([(1, 1), (1, -1)], [.5, .5], 1)])
def test_gradient_space(vectors, expected, norm):
    vectors = torch.tensor(vectors, dtype=torch.float64)
    for solver in ('exact', 'frank_wolfe'):
        gamma, _ = solve(vectors @ vectors.T, solver=solver)
        assert gamma.tolist() == pytest.approx(expected, abs=1e-6)
        assert float((gamma @ vectors).square().sum()) == pytest.approx(norm, abs=1e-9)


@pytest.mark.parametrize('seed', range(12))
def test_optimality_of_random_partly_singular_gramians(seed):
    size, rank = 2 + seed % 4, 1 + seed % 5
    Q = random_gramian(seed, size, rank)
    gamma = exact(Q)
    value, slope = gamma @ Q @ gamma, Q @ gamma
    slack = 1e-7 * Q.trace()
    assert gamma.sum() == pytest.approx(1)
    assert (gamma >= 0).all()
    assert (slope >= value - slack).all(), 'KKT'
    assert ((slope - value).abs()[gamma > 1e-9] <= slack).all(), 'KKT on the support'
    for other in (frank_wolfe(Q), torch.full_like(gamma, 1 / size), solve(Q)[0]):
        assert other @ Q @ other >= value - slack
    assert frank_wolfe(Q) @ Q @ frank_wolfe(Q) <= value + 1e-3 * Q.trace()
    if size <= 3:
        assert float(value) <= brute_force(Q) + 1e-9


def test_properties_of_the_closed_form():
    Q = random_gramian(3, 4, 9)
    gamma, _ = solve(Q)
    diagonal = torch.diagonal(Q)
    torch.testing.assert_close(gamma * diagonal, (gamma * diagonal)[0].expand(4))
    assert float((gamma**2 * diagonal).sum()) == pytest.approx(1 / float((1 / diagonal).sum()))
    order = [2, 0, 3, 1]
    for solver in SOLVING:
        torch.testing.assert_close(solve(Q[order][:, order], solver=solver)[0], solve(Q, solver=solver)[0][order],
                                   atol=1e-6, rtol=1e-6)
    flat = torch.diag(diagonal)
    torch.testing.assert_close(solve(flat)[0], solve(flat, solver='exact')[0], atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
@pytest.mark.parametrize('factor', [1e-15, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_scale_invariance(solver, factor, dtype):
    Q = torch.tensor(COUPLED, dtype=dtype)
    torch.testing.assert_close(solve(Q * factor, dtype, solver=solver)[0], solve(Q, dtype, solver=solver)[0],
                               rtol=1e-5, atol=1e-6)


def test_uniform_and_fixed_need_no_gramian():
    inputs = BalanceInputs(tasks_of(4), ('v', 'a', 'l'), losses=torch.ones(4))
    uniform = MGDA('uniform')
    assert uniform.needs == frozenset()
    assert uniform(inputs).tolist() == [[.25] * 4] * 3
    fixed = MGDA('fixed', fixed=dict(a=.5, b=.25, c=.25, fused=0.))
    assert fixed(inputs).tolist() == [[.5, .25, .25, 0.]] * 3
    with pytest.raises(ValueError, match="no weight for task 'align/b': add 'b'"):
        MGDA('fixed', fixed=dict(a=1.))(inputs)


# Degenerate cases.


@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_not_finite(solver, bad):
    Q = torch.diag(torch.tensor([1., 2., 4., 8.]))
    Q[1, 1] = Q[1, 3] = Q[3, 1] = bad
    with pytest.warns(UserWarning, match='not finite'):
        gamma, balancer = solve(Q, solver=solver)
    assert gamma.tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert balancer.non_finite_steps == 1
    balancer.notice(dict(non_finite=1.))
    assert balancer.non_finite_steps == 2


@pytest.mark.filterwarnings('ignore:a balanced loss')
@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
def test_nothing_is_finite(solver):
    assert solve(torch.full((3, 3), float('nan')), solver=solver)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize('policy', MGDA.zero_policies)
@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
def test_all_zero_is_uniform(solver, policy):
    assert solve(torch.zeros(4, 4), solver=solver, zero_policy=policy)[0].tolist() == [.25] * 4


@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
def test_one_objective_without_gradient(solver):
    Q = torch.diag(torch.tensor([1., 0., 4.]))
    assert solve(Q, solver=solver)[0].tolist() == pytest.approx([.8, 0, .2], abs=1e-6)
    assert solve(Q, solver=solver, zero_policy='mgda')[0].tolist() == pytest.approx([0, 1, 0], abs=1e-6)


@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
def test_two_objectives_without_gradient_share_all_the_weight(solver):
    Q = torch.diag(torch.tensor([1., 0., 4., 0.]))
    assert solve(Q, solver=solver, zero_policy='mgda')[0].tolist() == [0, .5, 0, .5]
    assert solve(Q, solver=solver)[0].tolist() == pytest.approx([.8, 0, .2, 0], abs=1e-6)


@pytest.mark.parametrize('function', [exact, arrowhead, frank_wolfe])
def test_an_overlap_a_hair_too_large_gives_no_negative_weight(function):
    """The stationary point of all objectives has an entry of -1e-4."""
    near = torch.tensor([[1, 1.0001], [1.0001, 2]], dtype=torch.float64)
    assert function(near).tolist() == [1, 0]
    if function is not arrowhead:
        gamma = function(torch.block_diag(near, torch.tensor([[4.]])).double())
        assert (gamma >= 0).all()
        assert gamma.tolist() == pytest.approx([.8, 0, .2], abs=1e-3)


def test_arrowhead_near_singular_matrices(monkeypatch):
    """The last gradient is half the sum of the others, but for a part of squared length ``rest`` (trace 1)."""
    def matrix(rest):
        return torch.tensor([[.4, 0, .2], [0, .4, .2], [.2, .2, .2 + rest]], dtype=torch.float64)

    near = matrix(5e-11)
    assert torch.equal(arrowhead(near), exact(near)), 'below the ridge: whatever exact says'
    monkeypatch.setattr(simplex, 'exact', None)
    for size in (1e-3, 1, 1e3):
        assert arrowhead(size * matrix(1.5e-10)).tolist() == pytest.approx([.5, .5, 0], abs=1e-5)


def test_tiny_but_positive_is_faithful_unless_capped():
    Q = torch.diag(torch.tensor([1., 1e-6], dtype=torch.float64))
    assert solve(Q)[0].tolist() == pytest.approx([1e-6 / (1 + 1e-6), 1 / (1 + 1e-6)])
    assert solve(Q, max_ratio=4)[0].tolist() == pytest.approx([.2, .8])


def test_one_objective_and_none():
    for solver in (*SOLVING, 'arrowhead', 'uniform'):
        assert solve([[3.]], solver=solver, modalities=('v', ))[0].tolist() == pytest.approx([1.])
    assert MGDA()(BalanceInputs((), ('v', ), torch.zeros(1, 0, 0))).shape == (1, 0)


@pytest.mark.parametrize(('aa', 'ab', 'bb', 'share'), [
    (1, 2, 4, 1), (4, 2, 1, 0), (1, 1, 1, 1), (1, 0, 1, .5), (9, 0, 16, .64), (4, -2, 1, 1 / 3), (0, 0, 0, 1)])
def test_line_search_of_two_objectives(aa, ab, bb, share):
    """Exact 1 and 0 at the ends, where public code has .999 and .001."""
    values = (torch.tensor(float(value)) for value in (aa, ab, bb))
    assert _segment(*values) == pytest.approx(share)


def test_many_objectives():
    Q = random_gramian(0, 10, 20)
    with pytest.raises(ValueError, match="solver='frank_wolfe'"):
        exact(Q)
    gamma = frank_wolfe(Q)
    assert (Q @ gamma >= gamma @ Q @ gamma - 2e-3 * Q.trace()).all()


def test_arrowhead_function_needs_no_linear_solve(monkeypatch):
    monkeypatch.setattr(torch.linalg, 'solve', None)
    torch.testing.assert_close(arrowhead(torch.tensor(COUPLED, dtype=torch.float64)),
                               torch.tensor([.498813, .242718, .124703, .133765]).double(), atol=1e-6, rtol=0)


class NoLook(TorchDispatchMode):
    """Raises where a value is read: ``.item()``, ``bool(tensor)``, ``tolist``, ``nonzero``, comparison as a whole."""

    READING = ('_local_scalar_dense', 'nonzero', 'equal', 'is_nonzero', 'unique')

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name.split('::')[1] in self.READING:
            raise RuntimeError(f'{func} waits for the device')
        return func(*args, **kwargs or {})


@pytest.mark.parametrize('policy', MGDA.zero_policies)
def test_closed_form_never_reads_a_value(policy):
    inputs = BalanceInputs(tasks_of(4), ('v', 'a'), torch.randn(2, 4, 4).square())
    with NoLook():
        assert MGDA(max_ratio=10, zero_policy=policy)(inputs).shape == (2, 4)
        for solver in ('exact', 'arrowhead', 'frank_wolfe'):
            with pytest.raises(RuntimeError, match='waits for the device'):
                MGDA(solver)(inputs)


@pytest.mark.parametrize('policy', MGDA.zero_policies)
def test_closed_form_never_copies_to_the_host(policy):
    """Meta tensors stand for those of a device: they have no values to copy or to read."""
    inputs = BalanceInputs(tasks_of(4), ('v', 'a'), torch.empty(2, 4, 4, device='meta'))
    for options in (dict(update_interval=2), dict(momentum=.9), {}):
        balancer = MGDA(max_ratio=10, zero_policy=policy, **options)
        for _ in range(3):
            assert balancer(inputs).device.type == 'meta'
    assert {value.device.type for value in balancer.diagnostics.values()} == {'meta'}
    with pytest.raises(NotImplementedError, match='meta'):
        MGDA('exact')(inputs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_closed_form_never_waits_for_a_gpu():
    inputs = BalanceInputs(tasks_of(4), ('v', 'a'), torch.randn(2, 4, 4, device='cuda').square())
    MGDA(max_ratio=10)(inputs)
    torch.cuda.set_sync_debug_mode('error')
    try:
        weights = MGDA(max_ratio=10)(inputs)
        with pytest.raises(RuntimeError, match='synchroniz'):
            MGDA('exact')(inputs)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert float(weights[0].sum()) == pytest.approx(1)


# Gamma over time, and the comparison with the exact solution.


def sequence(gramians, balancer=None, **options):
    """Gamma in each of several steps."""
    balancer = balancer or MGDA(**options)
    out = []
    for Q in gramians:
        Q = torch.as_tensor(Q, dtype=torch.float64)
        out.append(balancer(BalanceInputs(tasks_of(len(Q)), ('v', 'a'), torch.stack([.25 * Q, .75 * Q])))[0])
    return out, balancer


GRAMIANS = [random_gramian(seed, 3, 5) for seed in range(7)]


@pytest.mark.parametrize('solver', [*SOLVING, 'arrowhead'])
def test_updates_every_third_step(solver):
    gramians = [torch.diag(torch.diagonal(Q)) for Q in GRAMIANS] if solver == 'arrowhead' else GRAMIANS
    every, _ = sequence(gramians, solver=solver)
    got, balancer = sequence(gramians, solver=solver, update_interval=3)
    for step, gamma in enumerate(got):
        torch.testing.assert_close(gamma, every[step - step % 3], rtol=0, atol=0)
    assert balancer.state_dict()['steps'] == 7
    assert not torch.equal(every[3], every[4])


def test_moving_average():
    every, _ = sequence(GRAMIANS)
    got, balancer = sequence(GRAMIANS, momentum=.9)
    expected = every[0]
    for fresh, gamma in zip(every, got):
        expected = .9 * expected + .1 * fresh
        torch.testing.assert_close(gamma, expected)
        assert float(gamma.sum()) == pytest.approx(1)
    torch.testing.assert_close(torch.stack(list(balancer.state_dict()['gamma'].values())), got[-1])
    for one, two in zip(sequence(GRAMIANS, momentum=0.)[0], every):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize('options', [dict(update_interval=3), dict(momentum=.8), dict(momentum=.8, update_interval=2)])
def test_resumed_balancer_goes_on_exactly(options):
    whole, _ = sequence(GRAMIANS, **options)
    first, balancer = sequence(GRAMIANS[:4], **options)
    fresh = MGDA(**options)
    fresh.load_state_dict(balancer.state_dict())
    rest, _ = sequence(GRAMIANS[4:], fresh)
    for one, two in zip(whole, [*first, *rest]):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert MGDA().state_dict() == {}, 'gamma of every step is computed anew: nothing to remember'
    MGDA().load_state_dict(balancer.state_dict())
    with pytest.raises(ValueError, match='another balancer'):
        fresh.load_state_dict(dict(temperature=1.))


@pytest.mark.filterwarnings('ignore:a balanced loss')
@pytest.mark.parametrize('options', [dict(update_interval=3), dict(momentum=.8)])
@pytest.mark.parametrize('where', [0, 2])
def test_a_gradient_that_is_not_finite_is_neither_used_nor_remembered(options, where):
    bad = GRAMIANS[where].clone()
    bad[1, :] = bad[:, 1] = float('nan')
    gramians = [*GRAMIANS[:where], bad, *GRAMIANS[where:4]]
    got, _ = sequence(gramians, **options)
    assert got[where].tolist() == [.5, 0, .5]
    assert all(gamma.isfinite().all() and float(gamma.sum()) == pytest.approx(1) for gamma in got)
    if where and 'momentum' in options:
        clean, _ = sequence(GRAMIANS[:4], **options)
        torch.testing.assert_close(got[-1], clean[-1])


def test_other_tasks_start_afresh():
    _, balancer = sequence(GRAMIANS[:2], update_interval=5)
    other = random_gramian(9, 4, 6)
    got, _ = sequence([other], balancer)
    torch.testing.assert_close(got[0], solve(other)[0])


def test_objectives_side_by_side():
    for case in ('fused is the sum', 'coral, second', 'one out'):
        Q, closed, _, value = TABLE[case]
        _, balancer = sequence([Q], compare=True)
        own = torch.as_tensor(Q, dtype=torch.float64)
        expected = torch.tensor(closed, dtype=torch.float64)
        assert float(balancer.diagnostics['objective_closed_form']) == pytest.approx(
            float(expected @ own @ expected), rel=1e-4)
        assert float(balancer.diagnostics['objective_exact']) == pytest.approx(value, rel=1e-4)
    _, balancer = sequence([random_gramian(0, 10, 20)], compare=1)
    assert balancer.diagnostics['objective_exact'] <= balancer.diagnostics['objective_closed_form']


def test_comparison_every_other_step():
    balancer, seen = MGDA(compare=2), []
    for Q in GRAMIANS[:4]:
        sequence([Q], balancer)
        seen.append('objective_exact' in balancer.diagnostics)
    assert seen == [True, False, True, False]
    assert 'objective_exact' not in sequence(GRAMIANS[:1])[1].diagnostics


@pytest.mark.parametrize(('policy', 'value'), [('drop', .8), ('mgda', 0)])
def test_both_sides_of_a_comparison_treat_the_dead_alike(policy, value):
    Q = [[1, 0, 0], [0, 0, 0], [0, 0, 4]]
    _, balancer = sequence([Q], compare=1, zero_policy=policy)
    for side in ('closed_form', 'exact'):
        assert float(balancer.diagnostics[f'objective_{side}']) == pytest.approx(value, abs=1e-6), side


def test_the_comparison_is_exact_up_to_eight_objectives():
    Q = random_gramian(0, 8, 9)
    best = exact(Q)
    _, balancer = sequence([Q], compare=1)
    assert float(balancer.diagnostics['objective_exact']) == pytest.approx(float(best @ Q @ best), rel=1e-12)


@pytest.mark.parametrize(('compare', 'remembered'), [(0, False), (1, False), (2, True), (3, True)])
def test_a_resumed_comparison_keeps_its_beat(compare, remembered):
    _, first = sequence(GRAMIANS[:3], compare=compare)
    assert bool(first.state_dict()) == remembered, 'every step or none: nothing to remember'
    resumed = MGDA(compare=compare)
    resumed.load_state_dict(first.state_dict())
    for Q in GRAMIANS[3:]:
        sequence([Q], first)
        sequence([Q], resumed)
        assert resumed.diagnostics.keys() == first.diagnostics.keys()


def test_options_are_checked():
    for bad, match in ((dict(solver='best'), "solver='best' is unknown"),
                       (dict(zero_policy='keep'), "zero_policy='keep'"),
                       (dict(max_ratio=.5), 'max_ratio=0.5 must be a number >= 1'),
                       (dict(max_ratio=5, solver='exact'), "belongs to solver='closed_form'"),
                       (dict(update_interval=0), 'update_interval=0 must be at least 1'),
                       (dict(momentum=1.), 'momentum=1.0 None or in'),
                       (dict(compare=-1), 'compare=-1 must be at least 0'),
                       (dict(solver='uniform', momentum=.9), "solver='uniform': leave them out"),
                       (dict(solver='uniform', max_ratio=2), 'belong to solvers that read the Gramian'),
                       (dict(solver='fixed', fixed=dict(a=1.), zero_policy='mgda'), "got solver='fixed'"),
                       (dict(solver='fixed'), "solver='fixed'"),
                       (dict(fixed=dict(a=1.)), "solver='closed_form'")):
        with pytest.raises(ValueError, match=match):
            MGDA(**bad)
    with pytest.raises(ValueError, match="tasks='cls' must be a sequence of task names"):
        MGDA(tasks='cls')
    assert MGDA(tasks=('cls', 'domain')).balances('domain')
    assert not MGDA(tasks=('cls', 'domain')).balances('align/video')
    balancer = MGDA()
    assert balancer.balances('align/video')
    assert not balancer.balances('cls')
    assert balancer.space == 'feature'
