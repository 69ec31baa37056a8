"""Sequence encoders, projection and the backbone around them: padding plays no part."""

import pytest
import torch
from torch import nn

from mmda_ext.models import LSTMEncoder, SequenceBackbone, TextCNN
from mmda_ext.models.backbones.pretrained_sequence import Projection
from mmda_ext.models.data_preprocessors.padding import pad

LENGTHS = (11, 1, 0, 5, 3, 7)


def encoders():
    return [TextCNN(6, 8, channels=4), TextCNN(6, 8, (3, 5), channels=4), LSTMEncoder(6, 8)]


def sequences(width=6):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(length, width, generator=generator, dtype=torch.float64) for length in LENGTHS]


@pytest.mark.parametrize('index', range(3))
def test_a_sample_does_not_depend_on_the_padding_of_its_neighbours(index):
    encoder, items = encoders()[index].double().eval(), sequences()
    batch = pad(items)
    values = batch.values.masked_fill(~batch.mask[..., None], torch.inf)  # whatever stands there has no meaning
    values = torch.cat([values, values.new_full((len(items), 4, 6), torch.nan)], dim=1)
    together = encoder(values, batch.lengths)
    for row, item in zip(together, items):
        alone = encoder(item[None], torch.tensor([len(item)])) if len(item) else encoder(
            torch.zeros(1, 1, 6, dtype=torch.float64), torch.tensor([0]))
        torch.testing.assert_close(row, alone[0], rtol=1e-13, atol=1e-14)
    assert together.isfinite().all()


@pytest.mark.parametrize('index', range(3))
def test_padding_gets_no_gradient_and_every_parameter_one(index):
    encoder, batch = encoders()[index].double(), pad(sequences())
    values = batch.values.requires_grad_()
    encoder(values, batch.lengths).square().sum().backward()
    assert not values.grad[~batch.mask].any()
    assert values.grad[batch.mask].any()
    assert all(p.grad is not None for p in encoder.parameters())


def test_text_cnn_is_the_formula():
    """Against convolutions written out, for one sequence of 4 steps with kernels 3 and 5 (so one step of zeros)."""
    torch.manual_seed(0)
    encoder = TextCNN(2, 3, (3, 5), channels=4).double().eval()
    x = torch.randn(4, 2, dtype=torch.float64)
    zeros = torch.cat([x, torch.zeros(1, 2, dtype=torch.float64)])
    maxima = []
    for conv, size in zip(encoder.convs, (3, 5)):
        windows = [torch.einsum('ofk,kf->o', conv.weight, zeros[t:t + size]) + conv.bias for t in range(5 - size + 1)]
        maxima.append(torch.stack(windows).relu().amax(0))
    expected = (encoder.linear.weight @ torch.cat(maxima) + encoder.linear.bias).relu()
    torch.testing.assert_close(encoder(x[None], torch.tensor([4]))[0], expected)


def test_lstm_is_a_maximum_over_steps():
    encoder = LSTMEncoder(2).double()
    x = torch.randn(1, 5, 2, dtype=torch.float64)
    torch.testing.assert_close(encoder(x, torch.tensor([3])), encoder.lstm(x[:, :3])[0].amax(1))


def test_projection():
    torch.manual_seed(0)
    out = Projection(5, 4, l2=True)(torch.randn(8, 5))
    lengths = out.norm(dim=1)
    assert (torch.isclose(lengths, torch.ones(8)) | (lengths == 0)).all()
    assert (out >= 0).all()
    plain = Projection(5, 4, norm=None)
    assert isinstance(plain.norm, nn.Identity)
    assert plain(torch.randn(1, 5)).shape == (1, 4)
    with pytest.raises(ValueError, match="projection.norm='layer'"):
        Projection(5, 4, norm='layer')


def test_backbone_on_ready_made_sequences():
    backbone = SequenceBackbone(dict(type='mmda_ext.LSTMEncoder', in_channels=6, out_channels=8),
                                projection=dict(channels=5))
    assert backbone.out_channels == 5
    assert backbone(pad([item.float() for item in sequences()])).shape == (6, 5)
    assert backbone(torch.randn(3, 4, 6)).shape == (3, 5)
    with pytest.raises(ValueError, match='in_channels'):
        SequenceBackbone(dict(type='mmda_ext.LSTMEncoder'))
    with pytest.raises(ValueError, match='kernel_sizes'):
        TextCNN(6, kernel_sizes=())


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_recurrent_layer_on_a_cpu_is_in_its_own_precision_under_autocast(dtype):
    """Not every processor has a bfloat16 one."""
    encoder, x, lengths = LSTMEncoder(3, 4).to(dtype), torch.randn(2, 5, 3, dtype=dtype), torch.tensor([5, 2])
    with torch.autocast('cpu', torch.bfloat16):
        mixed = encoder(x, lengths)
    assert mixed.dtype == dtype
    assert torch.equal(mixed, encoder(x, lengths))
