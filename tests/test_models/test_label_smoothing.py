"""Label smoothing of the fused cross-entropy by hand; confidences stay those of the true class."""

import pytest
import torch

from mmda_ext.models.heads.base import masked_cross_entropy
from tests.tiny import batch_of, model_of

LOGITS, LABELS = torch.tensor([[1., 0, -1], [0, 2, 0]], dtype=torch.float64), torch.tensor([0, 1])


def test_known_answer():
    assert float(masked_cross_entropy(LOGITS, LABELS)) == pytest.approx(.323575, abs=1e-6)
    assert float(masked_cross_entropy(LOGITS, LABELS, label_smooth_eps=.1)) == pytest.approx(.440242, abs=1e-6)


def test_a_sample_without_label_has_no_target():
    more = torch.cat([LOGITS, torch.tensor([[5., -3, 0]]).double()])
    loss = masked_cross_entropy(more, torch.tensor([0, 1, -1]), label_smooth_eps=.1)
    assert float(loss) == pytest.approx(.440242, abs=1e-6)


def stepped(**options):
    model, batch = model_of(cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=3, **options)), batch_of()
    torch.manual_seed(0)
    losses = model(**model.data_preprocessor(batch), mode='loss')
    return losses, model.take_step_record()


@pytest.mark.parametrize('mode', ['masked', 'heads'])
def test_the_head_smooths_its_loss_and_nothing_else(mode):
    (plain, one), (smooth, two) = stepped(modality_logits=mode), stepped(modality_logits=mode, label_smooth_eps=.1)
    logits, labels = two.step.predictions.logits, two.step.labels
    target = .9 * torch.nn.functional.one_hot(labels, 3) + .1 / 3
    torch.testing.assert_close(smooth['loss_cls'], -(target * logits.log_softmax(1)).sum(1).mean())
    assert smooth['loss_cls'] != plain['loss_cls']
    assert all(torch.equal(value, smooth[name]) for name, value in plain.items() if name != 'loss_cls')
    assert torch.equal(one.probes['cls'].confidences(), two.probes['cls'].confidences())


def test_the_share_is_checked():
    for value in (-.1, 1.):
        with pytest.raises(ValueError, match=rf'cls_head.label_smooth_eps={value} must be in \[0, 1\)'):
            stepped(label_smooth_eps=value)
    with pytest.raises(ValueError, match='label_smooth_eps=0.1 smooths the loss that loss_weight=0 switches off'):
        stepped(label_smooth_eps=.1, loss_weight=0)
