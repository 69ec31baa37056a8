"""GMP against the textbook projection on vectors and against hand-computed numbers."""

import math

import pytest
import torch

from mmda_ext.balancing import GMP, BalanceInputs

TASKS = ('cls', 'domain')


def inputs_of(class_grads, domain_grads, q, k_conf, modalities=None):
    """Balancer inputs from explicit gradient vectors, one pair per modality."""
    stacked = [torch.stack([c, d]) for c, d in zip(class_grads, domain_grads)]
    return BalanceInputs(
        tasks=TASKS, modalities=modalities or tuple('abcdef'[:len(stacked)]),
        gramian=torch.stack([g @ g.T for g in stacked]),
        confidences=dict(cls=torch.as_tensor(q, dtype=torch.float64),
                         domain=torch.as_tensor(k_conf, dtype=torch.float64)))


def textbook(g_c, g_d, rho, sigma, alpha_k, alpha_p, modulation='decoupled', projection='adaptive'):
    """The method of the paper, step by step on vectors (Eq. 5-15), readable and slow."""
    k = 1 - math.tanh(alpha_k * rho) if rho > 1 else 1.0
    p = 1 - math.tanh(alpha_p * sigma) if sigma > 1 else 1.0
    k, p = {'decoupled': (k, p), 'unified': (k, k), 'class_only': (k, 1.0), 'domain_only': (1.0, p),
            'none': (1.0, 1.0)}[modulation]
    c_hat, d_hat = k * g_c, p * g_d
    if c_hat @ d_hat >= 0 or projection == 'none':
        return c_hat + d_hat
    c_proj = c_hat - (c_hat @ d_hat) / (d_hat @ d_hat) * d_hat
    d_proj = d_hat - (d_hat @ c_hat) / (c_hat @ c_hat) * c_hat
    class_first = rho / sigma >= 1
    if projection == 'both':
        return c_proj + d_proj
    if projection == 'class' or projection == ('adaptive' if class_first else 'reverse'):
        return c_proj + d_hat
    return c_hat + d_proj


def ratios(values, inverse):
    values = [float(v) for v in values]
    if len(values) == 1:
        return [1.0]
    out = []
    for i, own in enumerate(values):
        others = sum(values[:i] + values[i + 1:]) / (len(values) - 1)
        out.append(others / own if inverse else own / others)
    return out


@pytest.mark.parametrize('modulation', GMP.modulations)
@pytest.mark.parametrize('projection', GMP.projections)
@pytest.mark.parametrize('num_modalities', [1, 2, 3])
def test_equals_textbook(modulation, projection, num_modalities):
    generator = torch.Generator().manual_seed(7)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    for _ in range(40):
        g_c, g_d = draw(num_modalities, 5), draw(num_modalities, 5)
        q, kk = draw(num_modalities).abs() + .1, draw(num_modalities).abs() + .1
        balancer = GMP(0.4, 0.7, modulation, projection)
        weights = balancer(inputs_of(g_c, g_d, q, kk))
        rho, sigma = ratios(q, False), ratios(kk, True)
        for m in range(num_modalities):
            expected = textbook(g_c[m], g_d[m], rho[m], sigma[m], .4, .7, modulation, projection)
            got = weights[m, 0] * g_c[m] + weights[m, 1] * g_d[m]
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(('projection', 'expected'), [
    ('none', (0, 1)), ('class', (-.5, 1.5)), ('domain', (1, 1)), ('both', (.5, 1.5))])
def test_projection_toy(projection, expected):
    """a = 1, b = 2, c = -1 with k = p = 1."""
    g_c, g_d = torch.tensor([1., 0]).double(), torch.tensor([-1., 1]).double()
    w = GMP(modulation='none', projection=projection)(inputs_of([g_c], [g_d], [1.], [1.]))
    torch.testing.assert_close(w[0, 0] * g_c + w[0, 1] * g_d, torch.tensor(expected).double())


@pytest.mark.parametrize(('gamma_first', 'projection', 'expected'), [
    (True, 'none', (.25, .25)), (True, 'adaptive', (0, .5)), (False, 'adaptive', (.5, .25)),
    (False, 'reverse', (0, .5)), (True, 'both', (.25, .5))])
def test_projection_toy_modulated(gamma_first, projection, expected):
    """The same toy with k = .5 and p = .25, which needs the ratios that give them."""
    g_c, g_d = torch.tensor([1., 0]).double(), torch.tensor([-1., 1]).double()
    rho, sigma = (4., 2.) if gamma_first else (2., 4.)
    balancer = GMP(math.atanh(.5) / rho, math.atanh(.75) / sigma, projection=projection)
    zero = torch.zeros(2).double()
    w = balancer(inputs_of([g_c, zero], [g_d, zero], [rho, 1.], [1., sigma]))
    torch.testing.assert_close(balancer.diagnostics['k'][0], torch.tensor(.5).double())
    torch.testing.assert_close(balancer.diagnostics['p'][0], torch.tensor(.25).double())
    torch.testing.assert_close(w[0, 0] * g_c + w[0, 1] * g_d, torch.tensor(expected).double())


@pytest.mark.parametrize(('gamma_first', 'expected'), [(True, (-.5, 1.5)), (False, (1, 1))])
def test_projection_toy_adaptive(gamma_first, expected):
    """Eq. 12-15 with k = p = 1: Gamma > 1 projects the class gradient, Gamma < 1 the domain gradient."""
    g_c, g_d = torch.tensor([1., 0]).double(), torch.tensor([-1., 1]).double()
    q = [2., 1.] if gamma_first else [1., 2.]
    w = GMP(modulation='none')(inputs_of([g_c, g_c], [g_d, g_d], q, [1., 1.]))
    torch.testing.assert_close(w[0, 0] * g_c + w[0, 1] * g_d, torch.tensor(expected).double())


def test_what_is_logged_of_a_conflict():
    """a = 1, b = 2, c = -1, and the second modality turned to a = 9, b = 4, c = 6: no conflict, cosine 1."""
    g_c, g_d = torch.tensor([[1., 0], [3., 0]]).double(), torch.tensor([[-1., 1], [2., 0]]).double()
    balancer = GMP(modulation='none')
    balancer(inputs_of(g_c, g_d, [1., 1.], [1., 1.]))
    seen = {key: value.tolist() for key, value in balancer.diagnostics.items()}
    assert seen['cosine'] == pytest.approx([-2**-.5, 1])
    assert seen['grad_norm_class'] == pytest.approx([1, 3])
    assert seen['grad_norm_domain'] == pytest.approx([2**.5, 2])
    assert (seen['conflict'], seen['projected_class'], seen['projected_domain']) == ([1, 0], [1, 0], [0, 0])


# Row of the paper's ablation (mmdg 0.4) -> options, and (A, B) under conflict from k, p, a, b, c: Gamma > 1, Gamma < 1.
ABLATION = {
    'Base': (dict(modulation='none', projection='none'), lambda k, p, a, b, c: ((1, 1), (1, 1))),
    'IGDM-only': (dict(projection='none'), lambda k, p, a, b, c: ((k, p), (k, p))),
    'CAGP-only': (dict(modulation='none'), lambda k, p, a, b, c: ((1, 1 - c / b), (1 - c / a, 1))),
    'Full': ({}, lambda k, p, a, b, c: ((k, p - k * c / b), (k - p * c / a, p))),
    'Unified Modulation': (dict(modulation='unified', projection='none'), lambda k, p, a, b, c: ((k, k), (k, k))),
    'w/o k': (dict(modulation='domain_only', projection='none'), lambda k, p, a, b, c: ((1, p), (1, p))),
    'w/o p': (dict(modulation='class_only', projection='none'), lambda k, p, a, b, c: ((k, 1), (k, 1))),
    'Fixed Proj-Class': (dict(modulation='none', projection='class'),
                         lambda k, p, a, b, c: ((1, 1 - c / b), (1, 1 - c / b))),
    'Fixed Proj-Domain': (dict(modulation='none', projection='domain'),
                          lambda k, p, a, b, c: ((1 - c / a, 1), (1 - c / a, 1))),
    'PCGrad': (dict(modulation='none', projection='both'),
               lambda k, p, a, b, c: ((1 - c / a, 1 - c / b), (1 - c / a, 1 - c / b))),
    'Reverse CAGP': (dict(modulation='none', projection='reverse'),
                     lambda k, p, a, b, c: ((1 - c / a, 1), (1, 1 - c / b))),
}


@pytest.mark.parametrize('name', ABLATION)
def test_rows_of_the_ablation(name):
    """mmdg 0.4, in the closed form of 0.2: two modalities, rho = (3, 1/3), sigma = (2, 1/2), so Gamma = (1.5, 2/3)."""
    options, formula = ABLATION[name]
    g_c, g_d = torch.tensor([1., .3]).double(), torch.tensor([-1., .5]).double()
    a, b, c = float(g_c @ g_c), float(g_d @ g_d), float(g_c @ g_d)
    balancer = GMP(.2, .3, **options)
    weights = balancer(inputs_of([g_c, g_c], [g_d, g_d], [3., 1.], [1., 2.]))
    ahead = formula(1 - math.tanh(.2 * 3), 1 - math.tanh(.3 * 2), a, b, c)[0]
    behind = formula(1., 1., a, b, c)[1]
    torch.testing.assert_close(weights, torch.tensor([ahead, behind]).double())
    for key in ('rho', 'sigma', 'Gamma') if 'confidences' in balancer.needs else ():
        values = balancer.diagnostics[key]
        assert float(values[0] * values[1]) == pytest.approx(1), 'two modalities: inverse of each other'


def test_coefficient_just_above_one():
    """mmdg 0.2: k jumps from 1 to 1 - tanh(alpha) = .537883."""
    balancer = GMP(projection='none', modulation='class_only')
    sums = torch.tensor([1 + 1e-9, 1.], dtype=torch.float64)
    balancer(BalanceInputs(TASKS, ('v', 'a'), confidences=dict(cls=sums, domain=torch.ones(2))))
    assert balancer.diagnostics['k'].tolist() == pytest.approx([.537883, 1], abs=1e-6)


def test_floor_of_the_domain_confidence():
    """Below chance nobody is more invariant: (.2, .6) of 10 samples become (.5, .6); classification is left alone."""
    inputs = BalanceInputs(TASKS, ('v', 'a'), torch.eye(2).expand(2, 2, 2), dict(
        cls=torch.tensor([1., 2.]), domain=torch.tensor([2., 6.])), counts=dict(cls=10, domain=10))
    plain, floored = GMP(), GMP(domain_floor=.5)
    plain(inputs)
    floored(inputs)
    assert plain.diagnostics['sigma'].tolist() == pytest.approx([3, 1 / 3])
    assert floored.diagnostics['sigma'].tolist() == pytest.approx([1.2, 1 / 1.2])
    assert floored.diagnostics['rho'].tolist() == plain.diagnostics['rho'].tolist()
    assert floored.diagnostics['confidence_domain'].tolist() == pytest.approx([.2, .6])
    with pytest.raises(ValueError, match='domain_floor=2'):
        GMP(domain_floor=2)


def test_coefficients_known_answers():
    """S^v = 6.4, S^a = 3.2: ratio 2, so k^v = .802625 at alpha .1 and .238406 at .5, and k^a = 1."""
    for alpha, expected in ((.1, .802625), (.5, .238406)):
        balancer = GMP(alpha_k=alpha, projection='none', modulation='class_only')
        balancer(BalanceInputs(TASKS, ('v', 'a'), confidences=dict(cls=torch.tensor([6.4, 3.2]),
                                                                   domain=torch.ones(2))))
        assert balancer.diagnostics['k'][0].item() == pytest.approx(expected, abs=1e-6)
        assert balancer.diagnostics['k'][1].item() == 1
        assert balancer.diagnostics['rho'].tolist() == pytest.approx([2, .5])


def test_ratio_one_is_not_suppressed_and_ties_project_the_class_gradient():
    g_c, g_d = torch.tensor([1., 0]).double(), torch.tensor([-1., 1]).double()
    balancer = GMP()
    w = balancer(inputs_of([g_c, g_c], [g_d, g_d], [2., 2.], [3., 3.]))
    assert balancer.diagnostics['k'].tolist() == [1, 1]
    assert balancer.diagnostics['projected_class'].tolist() == [1, 1]
    torch.testing.assert_close(w, torch.tensor([[1., 1.5], [1., 1.5]]).double())


def test_zero_strength_and_aligned_gradients_is_the_sum():
    g = torch.tensor([1., 2.]).double()
    w = GMP(alpha_k=0, alpha_p=0)(inputs_of([g, g], [2 * g, g], [5., 1.], [1., 9.]))
    assert torch.equal(w, torch.ones(2, 2).double())


def test_swapping_modalities_swaps_the_rows():
    generator = torch.Generator().manual_seed(1)
    g_c, g_d = torch.randn(3, 4, generator=generator).double(), torch.randn(3, 4, generator=generator).double()
    q, kk = [3., 1., 2.], [1., 2., 4.]
    order = [2, 0, 1]
    one = GMP()(inputs_of(g_c, g_d, q, kk))
    two = GMP()(inputs_of(g_c[order], g_d[order], [q[i] for i in order], [kk[i] for i in order]))
    torch.testing.assert_close(two, one[order])


@pytest.mark.parametrize('gamma_first', [True, False])
def test_projection_protects_the_other_gradient(gamma_first):
    """After projecting the class gradient <G, g_d> = p b; after projecting the domain gradient <G, g_c> = k a."""
    g_c, g_d = torch.tensor([1., .3]).double(), torch.tensor([-1., .5]).double()
    rho, sigma = (3., 1.5) if gamma_first else (1.5, 3.)
    balancer = GMP(.2, .3)
    zero = torch.zeros(2).double()
    w = balancer(inputs_of([g_c, zero], [g_d, zero], [rho, 1.], [1., sigma]))[0]
    total = w[0] * g_c + w[1] * g_d
    k, p = balancer.diagnostics['k'][0], balancer.diagnostics['p'][0]
    if gamma_first:
        torch.testing.assert_close(total @ g_d, p * (g_d @ g_d))
    else:
        torch.testing.assert_close(total @ g_c, k * (g_c @ g_c))


def test_saturated_coefficient_skips_the_projection():
    g_c, g_d = torch.tensor([1., 0]), torch.tensor([-1., 1])
    gram = torch.stack([g_c, g_d]) @ torch.stack([g_c, g_d]).T
    w = GMP(alpha_k=50.)(BalanceInputs(TASKS, ('a', 'b'), torch.stack([gram, gram]), dict(
        cls=torch.tensor([9., 1.]), domain=torch.ones(2))))
    assert w[0].tolist() == [0, 1]
    for options, sums, expected in ((dict(alpha_k=50., alpha_p=0.), (2., 9.), [0, 1]),
                                    (dict(alpha_k=0., alpha_p=50.), (9., 2.), [1, 0])):
        w = GMP(**options)(BalanceInputs(TASKS, ('a', 'b'), torch.stack([gram, gram]), dict(
            cls=torch.tensor([sums[0], 1.]), domain=torch.tensor([1., sums[1]]))))
        assert w[0].tolist() == expected, 'the one that is left would be projected against nothing'


def test_without_the_domain_task_only_classification_is_modulated():
    inputs = BalanceInputs(('cls', ), ('v', 'a'), torch.ones(2, 1, 1), dict(cls=torch.tensor([2., 1.])))
    weights = GMP()(inputs)
    assert weights[0, 0].item() == pytest.approx(1 - math.tanh(1.))
    assert weights[1, 0].item() == 1


def test_other_tasks_keep_weight_one():
    gramian = torch.eye(3).expand(2, 3, 3).clone()
    inputs = BalanceInputs(('aux', 'domain', 'cls'), ('v', 'a'), gramian,
                           dict(cls=torch.tensor([2., 1.]), domain=torch.tensor([1., 1.])))
    weights = GMP()(inputs)
    assert weights[:, 0].tolist() == [1, 1]
    assert weights[0, 2].item() < 1
    assert GMP().balances('cls')
    assert not GMP().balances('aux')


def test_smooth_variant_is_continuous_at_one():
    balancer = GMP(alpha_k=.5, smooth=True, projection='none', modulation='class_only')
    balancer(BalanceInputs(TASKS, ('v', 'a'), confidences=dict(cls=torch.tensor([1.0001, 1.]), domain=torch.ones(2))))
    assert balancer.diagnostics['k'][0].item() == pytest.approx(1, abs=1e-4)


def test_zero_gradients_and_zero_confidences_stay_finite():
    inputs = BalanceInputs(TASKS, ('v', 'a'), torch.zeros(2, 2, 2), dict(cls=torch.zeros(2), domain=torch.zeros(2)))
    balancer = GMP()
    assert torch.isfinite(balancer(inputs)).all()
    assert all(torch.isfinite(value).all() for value in balancer.diagnostics.values())


@pytest.mark.parametrize(('options', 'needs'), [
    (dict(), {'gramian', 'confidences'}), (dict(projection='none'), {'confidences'}),
    (dict(modulation='none', projection='both'), {'gramian'}), (dict(modulation='none', projection='none'), set())])
def test_asks_only_for_what_it_reads(options, needs):
    assert GMP(**options).needs == needs


@pytest.mark.parametrize('options', [dict(modulation='x'), dict(projection='x'), dict(space='x'), dict(alpha_k=-1),
                                     dict(alpha_p=float('nan'))])
def test_bad_options_name_themselves(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        GMP(**options)


def test_missing_inputs_are_named():
    with pytest.raises(ValueError, match='confidences, gramian'):
        GMP()(BalanceInputs(TASKS, ('v', 'a')))
