"""NEL: neighbours, the contrast of views and the spectrum by hand; the whole loss in a model, slowly."""

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.objectives.nonpolarized_embedding import (
    NonpolarizedEmbedding,
    contrast_of_views,
    mean_shift,
    spectral_entropy,
)
from mmda_ext.models.objectives.supervised_contrastive import contrastive_loss
from mmda_ext.models.projection import unit
from tests.steps import given
from tests.two_processes import run_in_two_processes

F64 = torch.float64
WIDTHS = dict(video=4, audio=2)
ROWS = torch.tensor([[1, 0], [.8, .6], [0, 1], [-.6, .8]], dtype=F64)
STILL = dict(type='mmda_ext.FeatureView', dropout=0.0, noise=0.0)


def random_rows(count, width, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=F64)


def slow_shift(rows, neighbours):
    out = []
    for i, row in enumerate(rows):
        others = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -(row @ rows[j]).item())
        near = others[:min(neighbours, len(others))]
        moved = row / 2 + sum(rows[j] for j in near) / (2 * len(near))
        out.append(moved / moved.norm())
    return torch.stack(out)


def slow_agreement(first, second, temperature):
    each = [-(a @ b / temperature - torch.stack([(a @ other / temperature).exp() for other in second]).sum().log())
            for a, b in zip(first, second)]
    return sum(each) / len(each)


def slow_entropy(rows):
    """Of the large matrix, by its definition."""
    values = torch.linalg.eigvalsh(rows.T @ rows / len(rows))
    p = values[values > 1e-6] / values[values > 1e-6].sum()
    return -(p * p.log()).sum()


def test_known_shift():
    expected = [[.868243, .496139], [.763386, .645942], [.058722, .998274], [-.124035, .992278]]
    torch.testing.assert_close(mean_shift(ROWS, 2), torch.tensor(expected, dtype=F64), atol=1e-6, rtol=0)


def test_known_agreement():
    assert float(contrast_of_views(*mean_shift(ROWS, 2).chunk(2), .25)) == pytest.approx(.720855, abs=1e-6)


def test_known_spectrum():
    """Eigenvalues 1/2 and 3."""
    rows = torch.tensor([[1, 2, 0], [0, 1, 1]], dtype=F64)
    assert float(spectral_entropy(rows)) == pytest.approx(.410116, abs=1e-6)
    assert float(spectral_entropy(torch.ones(4, 2, dtype=F64))) == pytest.approx(0, abs=1e-6)
    short = torch.diag(torch.tensor([1, 1e-3], dtype=F64))
    assert float(spectral_entropy(short)) == 0, 'an eigenvalue of 5e-7 does not count'


@pytest.mark.parametrize('shape', [(5, 9), (9, 5), (6, 6)])
def test_parts_and_their_gradients(shape):
    rows = unit(random_rows(*shape)).requires_grad_()
    partners = unit(random_rows(*shape, seed=1)).requires_grad_()
    for fast, slow in ((lambda: (mean_shift(rows, 3) * partners).sum(), lambda: (slow_shift(rows, 3) * partners).sum()),
                       (lambda: contrast_of_views(rows, partners, .3), lambda: slow_agreement(rows, partners, .3)),
                       (lambda: spectral_entropy(3 * rows * partners), lambda: slow_entropy(3 * rows * partners))):
        torch.testing.assert_close(fast(), slow())
        torch.testing.assert_close(torch.autograd.grad(fast(), (rows, partners), allow_unused=True),
                                   torch.autograd.grad(slow(), (rows, partners), allow_unused=True))


def test_all_others_where_there_are_fewer_than_asked_for():
    torch.testing.assert_close(mean_shift(ROWS, 8), slow_shift(ROWS, 3))
    assert torch.equal(mean_shift(ROWS[:1], 8), ROWS[:1])


def test_equal_rows_are_neighbours_of_each_other():
    """The second of two equal rows is not taken for the first: its neighbour is the first."""
    torch.testing.assert_close(mean_shift(ROWS[[0, 0, 2]], 1)[:2], ROWS[[0, 0]])


@pytest.mark.parametrize('rows', [torch.zeros(3, 4), torch.ones(3, 4), torch.eye(4)])
def test_gradient_of_the_spectrum_is_finite(rows):
    rows.requires_grad_()
    spectral_entropy(rows).backward()
    assert bool(rows.grad.isfinite().all())


def test_order_of_samples_does_not_matter():
    objective, projected = objective_of(), torch.stack([unit(random_rows(10, 4)), unit(random_rows(10, 4, 1))])
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = projected[:, torch.cat([order, order + 5])]
    torch.testing.assert_close(objective.sample_contrast(mixed), objective.sample_contrast(projected))


def objective_of(widths=WIDTHS, **options):
    torch.manual_seed(0)
    views = dict.fromkeys(widths, STILL)
    return NonpolarizedEmbedding(dict(in_channels=widths), **{'views': views, 'hidden_channels': 5, 'out_channels': 4,
                                                              **options}).double()


def step_of(labels=(0, 1, 1, 2, -1), target=()):
    """The second view passes an encoder that doubles; the classifier adds the first three numbers up."""
    inputs = {name: random_rows(len(labels), width, width) for name, width in WIDTHS.items()}
    features = {name: (value + .1).requires_grad_() for name, value in inputs.items()}
    is_target = torch.tensor([index in target for index in range(len(labels))])
    classify = lambda z: torch.cat([z['video'], z['audio']], 1)[:, :3].cumsum(1)  # noqa: E731
    return given(features, torch.tensor(labels), torch.zeros(len(labels), dtype=torch.long), classifier=classify,
                 inputs=inputs, is_target=is_target,
                 encoder=lambda values, count, _: {name: 2 * value for name, value in values.items()})


@pytest.mark.parametrize('options', [{}, dict(agreement=.2, spectral=3., temperature=.5, neighbours=2, loss_weight=2.)])
@pytest.mark.parametrize('target', [(), (4, )])
def test_losses_are_those_of_the_page(options, target):
    objective, step = objective_of(**options), step_of(target=target)
    found, own = objective(step), objective
    rows = [index for index in range(5) if index not in target]
    both = {name: (step.features[name][rows], 2 * step.inputs[name][rows]) for name in WIDTHS}
    projected = [own.heads[name](torch.cat(both[name])[:, :WIDTHS[name] // 2]) for name in WIDTHS]
    shifted = torch.cat([slow_shift(value, own.neighbours) for value in projected], 1)
    shifted = shifted / shifted.norm(dim=1, keepdim=True)
    wide = torch.cat([torch.cat(pair) for pair in both.values()], 1)
    labels, known = step.labels[rows], step.labels[rows] >= 0
    logits = step.classifier({name: pair[1] for name, pair in both.items()})
    share, weight = own.agreement, options.get('spectral', 1 / len(rows))
    expected = dict(
        cls=F.cross_entropy(logits[known], labels[known]),
        agreement=2 * share * slow_agreement(*shifted.chunk(2), own.temperature),
        contrastive=2 * (1 - share) * contrastive_loss(torch.stack(projected), torch.cat([labels, labels])),
        spectrum=-2 * weight * slow_entropy(wide))
    assert set(found) == {f'loss_view_{name}' for name in expected}
    for name, value in expected.items():
        torch.testing.assert_close(found[f'loss_view_{name}'], options.get('loss_weight', .25) * value)
        for part in step.features.values():
            part.grad = None
    sum(found.values()).backward()
    assert all(bool(value.grad.abs().sum() > 0) for value in step.features.values())


@pytest.mark.parametrize(('options', 'said'), [
    (dict(widths=dict(video=3)), 'odd widths'),
    (dict(views=dict(sound={})), "views names 'sound'"),
    (dict(agreement=1.5), 'agreement=1.5 must be in'),
    (dict(temperature=0), 'temperature=0 must be > 0'),
    (dict(neighbours=0), 'neighbours=0 at least 1')])
def test_bad_options(options, said):
    with pytest.raises(ValueError, match=said):
        objective_of(**options)


def losses_of_halves(rank, folder):
    torch.save(parts(slice(3 * rank, 3 * rank + 3)), f'{folder}/{rank}.pt')


def parts(own):
    """Contrast and spectrum of samples whose views stand in two blocks, and their gradient at the first view."""
    first, second = (unit(random_rows(6, 4, seed))[own].requires_grad_() for seed in range(2))
    objective, both = objective_of(), torch.cat([first, second])
    loss = objective.sample_contrast(both[None]) + objective.spectrum(both)
    return loss.detach(), torch.autograd.grad(loss, first)[0]


def test_two_processes_are_one_batch(tmp_path):
    """The gradient of a process is twice its part of the whole, for the mean over processes."""
    run_in_two_processes(losses_of_halves, str(tmp_path))
    loss, gradient = parts(slice(None))
    found = [torch.load(tmp_path / f'{rank}.pt') for rank in range(2)]
    for value, _ in found:
        torch.testing.assert_close(value, loss)
    torch.testing.assert_close(torch.cat([own for _, own in found]), 2 * gradient)
