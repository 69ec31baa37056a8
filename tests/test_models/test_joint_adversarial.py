"""JAT: stabilities, three losses and their reversed gradients, sample by sample; one source; two processes."""

import math

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.objectives.joint_adversarial import JointAdversarial
from tests.steps import given, heads_of
from tests.two_processes import run_in_two_processes

WIDTHS = dict(video=3, audio=2)
F64 = torch.float64


def objective_of(num_domains=2, widths=WIDTHS, **options):
    torch.manual_seed(0)
    return JointAdversarial(num_domains, dict(in_channels=widths), hidden_channels=4, dropout=0., **options).double()


def step_of(labels=(0, 1, 2, -1), domains=(0, 1, 1, 0), widths=WIDTHS):
    generator = torch.Generator().manual_seed(1)
    features = {name: torch.randn(len(labels), width, generator=generator, dtype=F64, requires_grad=True)
                for name, width in widths.items()}
    heads = heads_of(widths)
    return given(features, torch.tensor(labels), torch.tensor(domains), modality_classifiers=heads,
                 modality_logits={name: head(features[name]) for name, head in heads.items()})


def slow_entropy(rows):
    p = [row.softmax(0) for row in rows]
    return sum(-(q * q.log()).sum() for q in p) / len(p)


def slow(objective, step, weights=None):
    """Losses without reversal, in the words of the page."""
    count, domain = len(step.features), []
    modality = sum(F.cross_entropy(objective.modality(objective.to_modality[name](z)), torch.full((len(z), ), index))
                   for index, (name, z) in enumerate(step.features.items())) / count
    if objective.domain is not None:
        domain = [objective.domain(objective.to_domain[name](z)) for name, z in step.features.items()]
        known = step.domain_labels >= 0
        entropies = torch.stack([slow_entropy(rows[known]) for rows in domain])
        weights = (entropies / objective.temperature).exp() / (entropies / objective.temperature).exp().sum()
        weights = weights.detach() if objective.detach else weights
        domain = [F.cross_entropy(rows[known], step.domain_labels[known]) for rows in domain]
    else:
        weights = torch.ones(count, dtype=F64) / count
    labelled = step.labels >= 0
    heads = [F.cross_entropy(rows[labelled], step.labels[labelled]) for rows in step.modality_logits.values()]
    return dict(modality=objective.loss_weights[0] * modality,
                **({'domain_local': objective.loss_weights[1] * sum(domain) / count} if domain else {}),
                heads=objective.heads_weight * sum(w * value for w, value in zip(weights, heads)))


def test_known_answer_of_the_stabilities(monkeypatch):
    monkeypatch.setattr('mmda_ext.models.objectives.joint_adversarial.entropies', lambda value: value[:, 0])
    entropies = {name: torch.tensor(rows, dtype=F64)[:, None]
                 for name, rows in dict(video=[.5, .7, 9.], audio=[.2, .4, 9.]).items()}
    found = objective_of().stabilities(entropies, torch.tensor([0, 1, -1]))
    assert found.tolist() == pytest.approx([.574443, .425557], abs=1e-6)
    sharper = objective_of(temperature=.5).stabilities(entropies, torch.tensor([0, 1, -1]))
    assert float(sharper[0]) == pytest.approx(1 / (1 + math.exp(-.6)), abs=1e-6)


@pytest.mark.parametrize('options', [
    {}, dict(detach=False), dict(temperature=.3, heads_weight=3., loss_weights=(2., .7)), dict(num_domains=1)])
@pytest.mark.parametrize('widths', [WIDTHS, dict(WIDTHS, flow=4)])
def test_losses_are_those_of_the_page(options, widths):
    objective, step = objective_of(**options, widths=widths), step_of(widths=widths, domains=(0, 1, -1, 0))
    out, expected = objective(step), slow(objective, step)
    assert {key for key in out if key.startswith('loss_')} == {f'loss_{name}' for name in expected}
    for name, value in expected.items():
        torch.testing.assert_close(out[f'loss_{name}'], value)
    assert objective_of(widths=widths).heads_weight == len(widths)


@pytest.mark.parametrize('detach', [True, False])
def test_encoders_climb_what_adversaries_descend(detach):
    """Adversaries get the plain gradient, features that of the two losses times -0.1 and -0.3."""
    objective, step = objective_of(detach=detach), step_of()
    out, expected = objective(step), slow(objective, step)
    features, own = list(step.features.values()), list(objective.parameters())
    for name, factor in dict(modality=-.1, domain_local=-.3).items():
        for got, right in zip(torch.autograd.grad(out[f'loss_{name}'], features, retain_graph=True),
                              torch.autograd.grad(expected[name], features, retain_graph=True)):
            torch.testing.assert_close(got, factor * right)
        mine = torch.autograd.grad(out[f'loss_{name}'], own, retain_graph=True, allow_unused=True)
        right = torch.autograd.grad(expected[name], own, retain_graph=True, allow_unused=True)
        assert any(value is not None for value in mine)
        torch.testing.assert_close([value for value in mine if value is not None],
                                   [value for value in right if value is not None])


def test_weights_teach_the_discriminator_only_when_asked():
    for detach in (True, False):
        objective, step = objective_of(detach=detach), step_of()
        grads = torch.autograd.grad(objective(step)['loss_heads'], list(objective.domain.parameters()),
                                    allow_unused=True)
        assert all(value is None for value in grads) == detach


def test_one_source_has_even_weights_and_no_adversary_of_domains(caplog):
    objective = objective_of(num_domains=1)
    out = objective(step_of(domains=(0, 0, 0, 0)))
    assert 'loss_domain_local' not in out
    assert not any('domain' in name for name, _ in objective.named_parameters())
    assert float(out['stability_video']) == float(out['stability_audio']) == .5


def test_bad_options():
    with pytest.raises(ValueError, match=r'temperature=0 must be a number > 0'):
        objective_of(temperature=0)
    with pytest.raises(ValueError, match='compares modalities'):
        objective_of(widths=dict(video=3))


def share(rank):
    """Stabilities on half of the rows, those of rank 1 with one that has no domain."""
    generator = torch.Generator().manual_seed(0)
    rows = {name: torch.randn(6, 2, generator=generator, dtype=F64) for name in WIDTHS}
    domains = torch.tensor([0, 1, 0, 1, -1, 1])
    objective = objective_of(detach=False)
    whole = objective_of().stabilities(rows, domains) if rank is None else None
    part = slice(None) if rank is None else slice(3 * rank, 3 * rank + 3)
    return whole if rank is None else objective.stabilities({k: v[part] for k, v in rows.items()}, domains[part])


def stabilities_of_halves(rank, folder):
    torch.save(share(rank), f'{folder}/{rank}.pt')


def test_two_processes_weigh_as_one(tmp_path):
    run_in_two_processes(stabilities_of_halves, str(tmp_path))
    expected = share(None)
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pt'), expected)
