"""Known answer (Wang, Tran, Feiszli, CVPR 2020, Eq. 1), the invariance, and what happens without gain."""

import pytest
import torch

from mmda_ext.engine.blend_weights import blend_weights

TRAIN = torch.tensor([[2., 2., 1.9], [1., 1.6, .5]], dtype=torch.float64)
VAL = torch.tensor([[2.1, 2.05, 2.], [1.5, 1.85, 1.3]], dtype=torch.float64)


def test_known_answer_a1():
    weights = blend_weights(TRAIN, VAL, eps=0)
    torch.testing.assert_close(weights, torch.tensor([.368421, .491228, .140351]).double(), atol=1e-6, rtol=0)
    ratio = weights / weights[2] * 1.428571
    torch.testing.assert_close(ratio, torch.tensor([3.75, 5., 1.428571]).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(blend_weights(TRAIN, VAL), weights, atol=1e-4, rtol=0)


@pytest.mark.parametrize('scale', [.01, 100.])
def test_scaling_all_losses_changes_nothing(scale):
    torch.testing.assert_close(blend_weights(scale * TRAIN, scale * VAL, eps=0), blend_weights(TRAIN, VAL, eps=0))


def test_a_head_whose_validation_loss_grew():
    val = VAL.clone()
    val[1, 0] = 2.3
    assert blend_weights(TRAIN, val)[0] == 0
    assert blend_weights(TRAIN, val, gain='absolute')[0] > 0
    assert blend_weights(TRAIN, val).sum() == pytest.approx(1)


def test_no_gain_gives_equal_weights():
    assert blend_weights(TRAIN, VAL[[1, 0]]).tolist() == pytest.approx([1 / 3] * 3)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="gain='abs' is unknown"):
        blend_weights(TRAIN, VAL, gain='abs')
    with pytest.raises(ValueError, match='must be finite'):
        blend_weights(TRAIN, VAL * float('nan'))
