"""MMPareto against its formula on tensors (Wei, Hu, ICML 2024), hand-computed numbers and plain autograd."""

import pytest
import torch

from mmda_ext.balancing import BalanceInputs, MMPareto
from tests.gradients import assert_written, by_task, encoder_vector, written
from tests.tiny import batch_of, model_of, wrapper_of

HEADS = dict(type='mmda_ext.LocalClassification', loss_weight=1., task='heads', balanced_heads=False)
ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))


def textbook(g, u, gamma=1.5):
    """Lists of the tensors of one encoder -> its gradient, tensor by tensor, and the share of ``g``."""
    dot = sum(float((a * b).sum()) for a, b in zip(g, u))
    a, b = (sum(float(t.square().sum()) for t in own) for own in (g, u))
    k = .5 if dot > 0 or a == 0 or b == 0 else (b - dot) / (a + b - 2 * dot)
    out = []
    for g_t, u_t in zip(g, u):
        h = 2 * k * g_t + 2 * (1 - k) * u_t
        stretch = max(1., float((g_t + u_t).norm() / h.norm())) if float(h.norm()) > 0 else 1.
        out.append(gamma * stretch * h)
    return out, k


def combined(g, u, tasks=('cls', 'heads')):
    """What the balancer makes of them, and its share of ``g``."""
    rows = torch.stack([torch.cat([t.flatten() for t in own]) for own in (g, u)])
    if tasks[0] != 'cls':
        rows = rows.flip(0)
    balancer = MMPareto()
    weights = balancer(BalanceInputs(tasks, ('m', ), (rows @ rows.T)[None]))[0]
    pairs = zip(g, u) if tasks[0] == 'cls' else zip(u, g)
    return [balancer.combine(list(pair), weights) for pair in pairs], float(balancer.diagnostics['k'])


def tensors(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def test_known_answers():
    """Conflict; orthogonal; aligned is 1.5 (g + u)."""
    out, k = combined(tensors([1., 0], [.5]), tensors([-2., 1], [.2]))
    assert k == pytest.approx(.687810, abs=1e-6)
    torch.testing.assert_close(out, tensors([.422369, 2.078847], [1.219029]), rtol=0, atol=2e-6)
    assert combined(tensors([1., 0], [2.]), tensors([-1., 1], [.5]))[1] == pytest.approx(.310345, abs=1e-6)
    out, k = combined(tensors([1., 0]), tensors([2., 1]))
    assert k == .5
    torch.testing.assert_close(out, tensors([4.5, 1.5]))


@pytest.mark.parametrize('order', [('cls', 'heads'), ('heads', 'cls')])
def test_equals_textbook(order):
    generator, conflicts = torch.Generator().manual_seed(0), 0
    for _ in range(30):
        g, u = ([torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((2, 2), (3, ))]
                for _ in range(2))
        expected, k = textbook(g, u)
        out, own = combined(g, u, order)
        torch.testing.assert_close(out, expected)
        assert own == pytest.approx(k)
        conflicts += k != .5
    assert 0 < conflicts < 30


def test_nothing_to_learn_stays_finite():
    """No gradient of one task, of both, or of neither in a tensor; gradients that cancel each other."""
    zero, one = tensors([0., 0])[0], tensors([1., 2])[0]
    torch.testing.assert_close(combined([zero], [one])[0], [1.5 * one])
    torch.testing.assert_close(combined([one], [zero])[0], [1.5 * one])
    assert combined([zero], [zero])[0][0].tolist() == [0, 0]
    assert combined([one], [-one])[0][0].tolist() == [0, 0]
    balancer = MMPareto()
    assert balancer.combine([None, None], torch.ones(2)) is None
    assert balancer.combine([None, one], torch.tensor([1.5, .5])).tolist() == pytest.approx((1.5 * one).tolist())


def test_bad_options():
    with pytest.raises(ValueError, match='gamma=0 must be'):
        MMPareto(gamma=0)
    with pytest.raises(ValueError, match='must be two'):
        MMPareto(tasks=('cls', ))
    with pytest.raises(ValueError, match="needs a loss of task 'heads'.*LocalClassification"):
        MMPareto()(BalanceInputs(('cls', ), ('video', ), torch.ones(1, 1, 1)))
    assert not MMPareto().balances('domain')


@pytest.mark.parametrize('adversary', [True, False], ids=['adversary', 'plain'])
@pytest.mark.parametrize('count', [2, 3])
def test_written_gradients_are_those_of_autograd(count, adversary):
    """Encoders: the formula, and the adversary beside it; everything behind them: the plain sum."""
    names, conflicts = ('video', 'audio', 'flow')[:count], 0
    for seed in range(4):
        model = model_of(names, seed=seed, objectives=[ADVERSARY] * adversary + [HEADS])
        batch = batch_of(names, seed=seed)
        tasks, _ = by_task(model, batch)
        got = written(model, batch, wrapper := wrapper_of(model, balancer=dict(type='MMPareto')))
        plain = {n: sum(tasks[t][n] for t in tasks) for n in tasks['cls']}
        for m in names:
            own = [n for n in plain if n.startswith(f'backbones.{m}.')]
            parts, _ = textbook([tasks['cls'][n] for n in own], [tasks['heads'][n] for n in own])
            rest = [sum(tasks[t][n] for t in tasks if t not in ('cls', 'heads')) for n in own]
            plain.update({n: part + more for n, part, more in zip(own, parts, rest)})
            assert encoder_vector(plain, m).abs().sum() > 0
        assert_written(got, plain)
        conflicts += int(wrapper.balancer.diagnostics['conflict'].sum())
    assert conflicts
