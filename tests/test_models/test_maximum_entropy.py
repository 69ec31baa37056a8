"""MER-DG: both terms by hand, the small determinant beside the large one, the loss of a step."""

import math

import pytest
import torch

from mmda_ext.epsilons import CORRELATION
from mmda_ext.models.objectives.maximum_entropy import MaximumEntropy, marginal_penalty, spectral_penalty
from tests.tiny import batch_of, model_of

ROWS = torch.tensor([[1., 0], [0, 1], [-1, .5], [.5, -1]], dtype=torch.float64)


def slow(rows):
    """The definition: eigenvalues of the D x D correlation of the columns."""
    columns = []
    for column in rows.T:
        mean = column.mean()
        columns.append((column - mean) / (((column - mean)**2).mean().sqrt() + CORRELATION))
    correlation = torch.stack([torch.stack([(a * b).sum() / (len(rows) - 1) for a in columns]) for b in columns])
    values = torch.linalg.eigvalsh(correlation + CORRELATION * torch.eye(len(columns), dtype=rows.dtype))
    return -values.log().mean()


def random_rows(count, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator, dtype=torch.float64, requires_grad=True)


def test_known_answers():
    assert float(marginal_penalty(ROWS)) == pytest.approx(.146029, abs=1e-6)
    assert float(spectral_penalty(ROWS)) == pytest.approx(-.152970, abs=1e-6)
    assert float(marginal_penalty(10 * ROWS)) == 0


@pytest.mark.parametrize(('count', 'width'), [(9, 4), (4, 9), (5, 5), (2, 6)])
def test_both_forms_of_the_determinant(count, width):
    rows = random_rows(count, width)
    torch.testing.assert_close(spectral_penalty(rows), slow(rows), rtol=1e-9, atol=1e-9)
    got, expected = (torch.autograd.grad(own(rows), rows)[0] for own in (spectral_penalty, slow))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)


def test_small_batches_are_mostly_a_constant():
    value = float(spectral_penalty(random_rows(16, 128)))
    assert value == pytest.approx(7.9, abs=.1)
    single = float(spectral_penalty(random_rows(16, 128).float()))
    assert single == pytest.approx(value, rel=1e-4)


def stepped(unlabelled=0, **options):
    own = dict(type='mmda_ext.MaximumEntropy', hidden_channels=8, out_channels=4, **options)
    model, batch = model_of(objectives=[own]).eval(), batch_of()
    for sample in batch['data_samples'][:unlabelled]:
        sample.set_gt_label(-1)
    data = model.data_preprocessor(batch)
    losses = model(**data, mode='loss')
    rows = [model.objectives[0].heads[name](model.backbones[name](data['inputs'][name]))[unlabelled:]
            for name in ('video', 'audio')]
    return model, losses, rows


def test_the_loss_of_a_step_and_its_gradient():
    model, losses, rows = stepped(unlabelled=1, marginal=.5, spectral=2., loss_weight=.3)
    expected = .3 * sum(.5 * marginal_penalty(own) + 2 * slow(own) for own in rows)
    torch.testing.assert_close(losses['loss_max_entropy'], expected)
    weights = [model.backbones[name].layers[0].weight for name in ('video', 'audio')]
    for got, wanted in zip(torch.autograd.grad(losses['loss_max_entropy'], weights),
                           torch.autograd.grad(expected, weights)):
        torch.testing.assert_close(got, wanted)
        assert got.abs().sum() > 0


def test_one_sample_adds_nothing_and_is_counted():
    _, losses, _ = stepped(unlabelled=5)
    assert (float(losses['loss_max_entropy']), float(losses['max_entropy_skipped'])) == (0, 1)
    losses['loss_max_entropy'].backward()
    assert float(stepped(unlabelled=4)[1]['loss_max_entropy']) != 0


@pytest.mark.parametrize('value', [-1., math.inf])
def test_weights_are_checked(value):
    for name in ('marginal', 'spectral', 'loss_weight'):
        with pytest.raises(ValueError, match=f'MaximumEntropy: {name}={value!r} must be a number >= 0'):
            MaximumEntropy(dict(in_channels=dict(video=3)), **{name: value})
