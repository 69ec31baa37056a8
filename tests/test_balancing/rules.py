"""What the tests of balancers that read a Gramian share: inputs, matrices, and the properties that all must have."""

import pytest
import torch

from mmda_ext.balancing import BalanceInputs


def tasks_of(count):
    return tuple(f'align/{name}' for name in [*'abcdefghij'[:count - 1], 'fused'])


def inputs_of(Q, modalities=('v', 'a'), losses=None, dtype=torch.float64, **more):
    """``Q`` spread unevenly over the modalities."""
    Q = torch.as_tensor(Q, dtype=dtype)
    share = torch.arange(1, len(modalities) + 1, dtype=dtype)
    share /= share.sum()
    losses = torch.ones(len(Q), dtype=dtype) if losses is None else torch.as_tensor(losses, dtype=dtype)
    return BalanceInputs(tasks_of(len(Q)), modalities, Q * share[:, None, None], losses=losses, **more)


def solve(balancer, Q, **options):
    """The one row of weights that all modalities get."""
    weights = balancer(inputs_of(Q, **options))
    assert all(torch.equal(row, weights[0]) for row in weights)
    return weights[0]


def random_gramian(seed, size, rank):
    factor = torch.randn(size, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return factor @ factor.T


def check_degenerate(balancer, zero_is_left_out=True):
    """Nothing finite, something not finite, nothing there, one without gradient."""
    assert solve(balancer, torch.zeros(4, 4)).tolist() == [.25] * 4
    Q = torch.diag(torch.tensor([1., 2., 4., 8.]))
    Q[1, 1] = Q[1, 3] = Q[3, 1] = float('nan')
    assert solve(balancer, Q).tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert float(balancer.diagnostics['non_finite']) == 1
    assert solve(balancer, torch.full((3, 3), float('inf'))).tolist() == [0, 0, 0]
    if zero_is_left_out:
        live = solve(balancer, torch.diag(torch.tensor([1., 4.])))
        assert solve(balancer, torch.diag(torch.tensor([1., 0., 4.]))).tolist() == pytest.approx(
            [float(live[0]), 0, float(live[1])], abs=1e-9)


def check_scale(balancer, power=0.0):
    """Multiplying ``Q`` multiplies the weights by a power of the factor, also far below fixed thresholds."""
    Q = random_gramian(3, 3, 5)
    expected = solve(balancer, Q)
    for factor in (1e-15, 1e-12, 1e6):
        scaled = solve(balancer, Q * factor)
        torch.testing.assert_close(scaled / factor**power, expected, rtol=1e-6, atol=1e-9)
        assert scaled.abs().sum() > 0


def check_permutation(balancer):
    Q, order = random_gramian(5, 4, 6), [2, 0, 3, 1]
    torch.testing.assert_close(solve(balancer, Q[order][:, order]), solve(balancer, Q)[order], rtol=1e-6, atol=1e-8)


def check_per_modality(kind, **options):
    """Each modality's row is what its own Gramian alone would give."""
    gramian = torch.stack([random_gramian(seed, 3, 4) for seed in (0, 1)])
    balancer = kind(scope='per_modality', **options)
    weights = balancer(BalanceInputs(tasks_of(3), ('v', 'a'), gramian))
    assert weights.shape == (2, 3)
    assert balancer.diagnostics['objective'].shape == (2, )
    for own, row in zip(gramian, weights):
        torch.testing.assert_close(row, kind(**options)(BalanceInputs(tasks_of(3), ('v', ), own[None]))[0])


def check_interface(kind, **options):
    """Which tasks are balanced, what no task gives, and normalisation."""
    balancer = kind(**options)
    assert balancer.balances('align/v')
    assert not balancer.balances('cls')
    assert kind(task_prefix='', **options).balances('cls')
    named = kind(tasks=('cls', 'domain'), **options)
    assert named.balances('domain')
    assert not named.balances('align/v')
    for bad in ('cls', ()):
        with pytest.raises(ValueError, match='tasks='):
            kind(tasks=bad, **options)
    assert balancer(BalanceInputs((), ('v', ), torch.zeros(1, 0, 0), losses=torch.zeros(0), epoch=0)).shape == (1, 0)
    sums = solve(kind(normalize=True, **options), random_gramian(7, 3, 5), losses=[1., 2., 3.], epoch=0).sum()
    assert float(sums) == pytest.approx(1)
