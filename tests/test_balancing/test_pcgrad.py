"""PCGrad against the textbook on vectors (its Algorithm 1), hand-computed numbers and plain autograd."""

import itertools

import pytest
import torch

from mmda_ext.balancing import GMP, BalanceInputs, PCGrad
from tests.gradients import assert_written, by_task, encoder_vector, written
from tests.tiny import batch_of, model_of, wrapper_of

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))


def textbook(gradients, orders):
    """On vectors ``(T, n)``, with the order of the other tasks given for each."""
    total = torch.zeros_like(gradients[0])
    for i, order in enumerate(orders):
        own = gradients[i].clone()
        for j in order:
            dot = own @ gradients[j]
            if dot < 0:
                own -= dot / gradients[j].square().sum() * gradients[j]
        total += own
    return total


def inputs_of(gradients):
    """``(M, T, n)`` -> what a step tells."""
    tasks = tuple('abcdef'[:gradients.shape[1]])
    return BalanceInputs(tasks, tuple(f'm{i}' for i in range(len(gradients))), gradients @ gradients.mT)


def solve(Q, **options):
    Q = torch.tensor(Q, dtype=torch.float64)
    return PCGrad(**options)(BalanceInputs(tuple('abcd'[:len(Q)]), ('m', ), Q[None]))[0]


@pytest.mark.parametrize('count', [1, 2, 3, 4])
@pytest.mark.parametrize('modalities', [1, 2, 3])
def test_equals_textbook(count, modalities, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    for trial in range(20):
        gradients = torch.randn(modalities, count, 4, generator=generator, dtype=torch.float64)
        orders = [[j for j in torch.randperm(count, generator=generator).tolist() if j != i] for i in range(count)]
        monkeypatch.setattr(PCGrad, '_orders', lambda self, _, orders=orders: orders)
        weights = PCGrad()(inputs_of(gradients))
        for m in range(modalities):
            expected = textbook(gradients[m], orders)
            torch.testing.assert_close(weights[m] @ gradients[m], expected, rtol=1e-11, atol=1e-11)
        shared = PCGrad(scope='shared')(inputs_of(gradients))
        joined = gradients.transpose(0, 1).flatten(1)
        torch.testing.assert_close(shared[0] @ joined, textbook(joined, orders), rtol=1e-11, atol=1e-11)
        assert all(torch.equal(row, shared[0]) for row in shared), trial


def test_known_answers():
    """Known answers; the toy of GMP; the guard for a zero gradient."""
    assert solve([[1, -.5], [-.5, 1]]).tolist() == [1.5, 1.5]
    assert solve([[1, -.5], [-.5, 1]], normalize=True).tolist() == [.5, .5]
    assert solve([[1, .3, 0], [.3, 2, .1], [0, .1, 1]]).tolist() == [1, 1, 1]
    assert solve([[0, 0], [0, 1]]).tolist() == [1, 1]
    assert solve([[0, 0], [0, 0]]).tolist() == [1, 1]
    toy = torch.tensor([[1., 0], [-1, 1]]).double()
    assert (solve((toy @ toy.T).tolist()) @ toy).tolist() == [.5, 1.5]


def test_two_tasks_are_the_row_of_gmps_ablation():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        gradients = torch.randn(3, 2, 4, generator=generator, dtype=torch.float64)
        inputs = BalanceInputs(('cls', 'domain'), ('v', 'a', 'f'), gradients @ gradients.mT)
        torch.testing.assert_close(PCGrad()(inputs), GMP(modulation='none', projection='both')(inputs),
                                   rtol=1e-12, atol=1e-12)


def test_order_matters_from_three_tasks_on():
    Q = torch.tensor([[1., -.5, -.2], [-.5, 1, -.6], [-.2, -.6, 1]])
    inputs = BalanceInputs(('a', 'b', 'c'), ('m', ), Q[None])
    balancer = PCGrad()
    seen = {tuple(balancer(inputs)[0].tolist()) for _ in range(40)}
    assert len(seen) == 2**3, 'each task meets the other two in one order or the other'


def test_orders_are_alike_on_all_processes_and_after_a_resume():
    gradients = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(1))
    one, two, other = PCGrad(seed=4), PCGrad(seed=4), PCGrad(seed=5)
    torch.manual_seed(0)
    first = [one._orders(5) for _ in range(3) if one(inputs_of(gradients)) is not None]
    torch.manual_seed(1)
    assert first == [two._orders(5) for _ in range(3) if two(inputs_of(gradients)) is not None]
    assert first != [other._orders(5) for _ in range(3) if other(inputs_of(gradients)) is not None]
    resumed = PCGrad(seed=4)
    resumed.load_state_dict(one.state_dict())
    for _ in range(5):
        assert torch.equal(resumed(inputs_of(gradients)), one(inputs_of(gradients)))
    with pytest.raises(ValueError, match='PCGrad has no memory of'):
        resumed.load_state_dict(dict(accuracies=None))


def test_every_order_of_the_others_is_drawn():
    balancer = PCGrad()
    seen = [set(), set(), set()]
    for _ in range(60):
        balancer.draws.next_step()
        for drawn, order in zip(seen, balancer._orders(3)):
            drawn.add(tuple(order))
    for i, drawn in enumerate(seen):
        assert drawn == set(itertools.permutations([j for j in range(3) if j != i]))


def test_never_looks_at_a_value(monkeypatch):
    """Of the device: the orders are drawn on the host."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    monkeypatch.setattr(PCGrad, '_orders', lambda self, count: [[j for j in range(count) if j != i]
                                                               for i in range(count)])
    with FakeTensorMode():
        assert PCGrad()(BalanceInputs(('a', 'b', 'c'), ('m', 'n'), torch.empty(2, 3, 3))).shape == (2, 3)


def test_options():
    with pytest.raises(ValueError, match="scope='global' is unknown"):
        PCGrad(scope='global')
    with pytest.raises(ValueError, match="tasks='cls' must be a sequence of task names"):
        PCGrad(tasks='cls')
    assert PCGrad().balances('anything')
    assert PCGrad().space == 'parameter'
    assert not PCGrad(tasks=('cls', 'domain')).balances('aux')
    assert PCGrad(space='feature').space == 'feature'


@pytest.mark.parametrize('scope', PCGrad.scopes)
@pytest.mark.parametrize('names', [('video', 'audio'), ('video', 'audio', 'flow')], ids=len)
def test_written_gradients_are_those_of_autograd(names, scope):
    """Classification against the adversary; a third loss stays out."""
    aux = dict(type='mmda_ext.LocalClassification', task='aux')
    conflicts = 0
    for seed in range(3):
        model, batch = model_of(names, seed=seed, objectives=[ADVERSARY, aux]), batch_of(names, seed=seed)
        tasks, _ = by_task(model, batch)
        wrapper = wrapper_of(model, balancer=dict(type='PCGrad', scope=scope, tasks=('cls', 'domain')))
        got = written(model, batch, wrapper)
        conflicts += int(wrapper.balancer.diagnostics['conflicts'].sum())
        vectors = {m: torch.stack([encoder_vector(tasks[t], m) for t in ('cls', 'domain')]) for m in names}
        if scope == 'shared':
            joined = textbook(torch.cat(list(vectors.values()), dim=1), [[1], [0]])
            expected = dict(zip(names, joined.split([value.shape[1] for value in vectors.values()])))
        else:
            expected = {m: textbook(value, [[1], [0]]) for m, value in vectors.items()}
        for m in names:
            flat = {n: got.get(n, torch.zeros_like(g)) for n, g in tasks['cls'].items()}
            torch.testing.assert_close(encoder_vector(flat, m), expected[m] + encoder_vector(tasks['aux'], m))
        heads = {n: sum(tasks[t][n] for t in tasks) for n in tasks['cls'] if not n.startswith('backbones')}
        assert_written(got, heads)
    assert conflicts


def test_without_the_adversary_it_is_the_plain_gradient():
    model, batch = model_of(objectives=[]), batch_of()
    tasks, _ = by_task(model, batch)
    got = written(model, batch, wrapper_of(model, balancer=dict(type='PCGrad', tasks=('cls', 'domain'))))
    assert_written(got, tasks['cls'])
