"""BalGrad against its formula on vectors (Kwon et al., NAACL 2025) and, with its objectives, against plain autograd."""

import pytest
import torch

from mmda_ext.balancing import BalanceInputs, BalGrad
from tests.gradients import assert_written, by_task, encoder_vector, written
from tests.tiny import batch_of, model_of, wrapper_of

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
HEADS = dict(type='mmda_ext.LocalClassification', loss_weight=1., task='heads', by_modality=True,
             balanced_heads=False)
OBJECTIVES = [HEADS, dict(type='mmda_ext.MutualDistillation')]
NAMES = ('video', 'audio', 'flow')


def textbook(task, kl, omega, scope):
    """Combined gradient of fused loss and divergences of each modality, from vectors; without the heads' own."""
    weighted = {m: omega[m] * kl[m] for m in kl}
    groups = [list(kl)] if scope == 'shared' else [[m] for m in kl]
    out = {}
    for group in groups:
        dot = sum(task[m] @ weighted[m] for m in group)
        length = sum(weighted[m] @ weighted[m] for m in group)
        for m in group:
            out[m] = (task[m] - dot / length * weighted[m] if dot < 0 else task[m]) + weighted[m]
    return out


def inputs_of(vectors, losses):
    """Vectors ``{modality: {task: vector}}``; a head's task reaches its own modality only."""
    names = tuple(vectors)
    tasks = ('cls', 'kl', *(f'heads/{m}' for m in names))
    rows = torch.stack([
        torch.stack([vectors[m].get(t, torch.zeros_like(vectors[m]['cls'])) for t in tasks]) for m in names])
    losses = torch.tensor([0., 0., *losses], dtype=torch.float64)
    return BalanceInputs(tasks, names, rows @ rows.mT, losses=losses), rows


@pytest.mark.parametrize('scope', BalGrad.scopes)
@pytest.mark.parametrize('weight', BalGrad.weightings)
@pytest.mark.parametrize('count', [2, 3])
def test_equals_textbook(count, weight, scope):
    generator = torch.Generator().manual_seed(0)
    conflicts = 0
    for _ in range(30):
        vectors = {
            m: {t: torch.randn(4, generator=generator, dtype=torch.float64) for t in ('cls', 'kl', f'heads/{m}')}
            for m in NAMES[:count]}
        losses = torch.rand(count, generator=generator).tolist()
        inputs, rows = inputs_of(vectors, losses)
        balancer = BalGrad(weight, scope)
        got = torch.einsum('mt,mtn->mn', balancer(inputs), rows)
        standing = dict(loss=losses, uniform=[1.] * count,
                        gradnorm=[float(vectors[m][f'heads/{m}'].norm()) for m in vectors])[weight]
        omega = {m: value / sum(standing) for m, value in zip(vectors, standing)}
        expected = textbook({m: v['cls'] for m, v in vectors.items()}, {m: v['kl'] for m, v in vectors.items()}, omega,
                            scope)
        for index, m in enumerate(vectors):
            torch.testing.assert_close(got[index], expected[m] + vectors[m][f'heads/{m}'], rtol=1e-6, atol=1e-7)
        conflicts += int(balancer.diagnostics['conflict'].sum())
    assert conflicts


def test_hand_computed():
    """L = (.9, .3) gives omega (.75, .25); g_T = (1, 0) and (0, 0), g_kl = (-4, 4) and (0, 0): dot -3, length 18."""
    zero = torch.zeros(2, dtype=torch.float64)
    vectors = dict(video={'cls': torch.tensor([1., 0]).double(), 'kl': torch.tensor([-4., 4]).double()},
                   audio={'cls': zero, 'kl': zero})
    balancer = BalGrad()
    weights = balancer(inputs_of(vectors, [.9, .3])[0])
    assert balancer.diagnostics['omega'].tolist() == pytest.approx([.75, .25])
    assert weights[0].tolist() == pytest.approx([1, .75 * (1 + 3 / 18), 1, 1])
    assert weights[1].tolist() == pytest.approx([1, .25 * (1 + 3 / 18), 1, 1])
    assert BalGrad(scope='per_modality')(inputs_of(vectors, [.9, .3])[0])[1].tolist() == pytest.approx([1, .25, 1, 1])


def test_nothing_learned_and_nothing_to_learn_stay_finite():
    zero = torch.zeros(2, dtype=torch.float64)
    inputs, _ = inputs_of({m: dict(cls=zero, kl=zero) for m in ('video', 'audio')}, [0., 0.])
    for weight in BalGrad.weightings:
        assert BalGrad(weight)(inputs)[:, 1].tolist() == [.5, .5]


def test_options_and_missing_tasks():
    for options in (dict(weight='x'), dict(scope='x'), dict(space='x')):
        with pytest.raises(ValueError, match=f"{next(iter(options))}='x' is unknown"):
            BalGrad(**options)
    assert BalGrad().balances('heads/video')
    assert not BalGrad('uniform').balances('heads/video')
    assert not BalGrad().balances('domain')
    with pytest.raises(ValueError, match="needs a loss of task 'kl'.*MutualDistillation"):
        BalGrad()(BalanceInputs(('cls', ), ('video', ), torch.ones(1, 1, 1), losses=torch.ones(1)))


@pytest.mark.parametrize('adversary', [True, False], ids=['adversary', 'plain'])
@pytest.mark.parametrize('weight', BalGrad.weightings)
@pytest.mark.parametrize('count', [2, 3])
def test_written_gradients_are_those_of_autograd(count, weight, adversary):
    """Encoders: projected task + heads + weighted divergence + adversary; everything behind them: the plain sum."""
    names, conflicts = NAMES[:count], 0
    for seed in range(3):
        objectives = [ADVERSARY] * adversary + OBJECTIVES
        model, batch = model_of(names, seed=seed, objectives=objectives), batch_of(names, seed=seed)
        tasks, out = by_task(model, batch)
        wrapper = wrapper_of(model, balancer=dict(type='BalGrad', weight=weight))
        got = written(model, batch, wrapper)
        standing = {
            'loss': {m: float(out[f'loss_heads/{m}']) for m in names}, 'uniform': dict.fromkeys(names, 1.),
            'gradnorm': {m: float(encoder_vector(tasks[f'heads/{m}'], m).norm()) for m in names}}[weight]
        omega = {m: value / sum(standing.values()) for m, value in standing.items()}
        expected = textbook({m: encoder_vector(tasks['cls'], m) for m in names},
                            {m: encoder_vector(tasks['kl'], m) for m in names}, omega, 'shared')
        for m in names:
            rest = [encoder_vector(tasks[t], m) for t in tasks if t not in ('cls', 'kl')]
            flat = {n: got.get(n, torch.zeros_like(g)) for n, g in tasks['cls'].items()}
            torch.testing.assert_close(encoder_vector(flat, m), expected[m] + sum(rest))
        heads = {n: sum(tasks[t][n] for t in tasks) for n in tasks['cls'] if not n.startswith('backbones')}
        assert_written(got, heads)
        conflicts += int(wrapper.balancer.diagnostics['conflict'].sum())
    assert conflicts
