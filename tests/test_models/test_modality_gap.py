"""LFM: the curve, the disagreement and the loss by hand."""

from itertools import combinations

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmda_ext.models.objectives.modality_gap import ModalityGap, curve, disagreement
from tests.tiny import batch_of, model_of

P, Q = (torch.tensor([row], dtype=torch.float64) for row in ([1., 0, 0], [0., 1, .5]))


def slow(logits):
    """Two divergences of each pair, row by row, by the words of the page."""
    rows = []
    for one, other in combinations([value.softmax(1) for value in logits], 2):
        for p, q in zip(one, other):
            m = (p + q) / 2
            rows.append(((m * (m / p).log()).sum() + (m * (m / q).log()).sum()) / 2)
    return torch.stack(rows).mean()


@pytest.mark.parametrize(('epoch', 'value'), [(0, .204624), (10, .247759), (50, .436681), (99, .536585)])
def test_known_answers_of_the_curve(epoch, value):
    assert curve(epoch / 100) == pytest.approx(value, abs=1e-6)


def test_known_answer_of_the_disagreement():
    assert float(disagreement([P, Q])) == pytest.approx(.095243, abs=1e-6)
    assert float(disagreement([P, P])) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize('count', [2, 3])
def test_disagreement_of_several(count):
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(count)]
    torch.testing.assert_close(disagreement(logits), slow(logits))
    for got, expected in zip(torch.autograd.grad(disagreement(logits), logits),
                             torch.autograd.grad(slow(logits), logits)):
        torch.testing.assert_close(got, expected)
    assert float(disagreement([value[:0] for value in logits])) == 0


def stepped(modalities=('video', 'audio'), unlabelled=0, **options):
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=0.)
    model = model_of(modalities, cls_head=head, predictor='modalities',
                     objectives=[dict(type='mmda_ext.ModalityGap', **options)]).eval()
    batch = batch_of(modalities)
    for sample in batch['data_samples'][:unlabelled]:
        sample.set_gt_label(-1)
    data = model.data_preprocessor(batch)
    losses = model(**data, mode='loss')
    logits = [model.modality_heads[name](model.backbones[name](data['inputs'][name])) for name in modalities]
    labels = torch.cat([sample.gt_label for sample in data['data_samples']])
    return model, losses, logits, labels


@pytest.mark.parametrize('modalities', [('video', 'audio'), ('video', 'audio', 'flow')], ids=len)
def test_the_loss_and_its_gradient(modalities):
    model, losses, logits, labels = stepped(modalities, share=.3, loss_weight=.5, unlabelled=2)
    known = labels >= 0
    assert int(known.sum()) == 4
    mean = torch.stack(logits).mean(0)[known]
    expected = .3 * F.cross_entropy(mean, labels[known]) + .7 * slow([value[known] for value in logits])
    torch.testing.assert_close(losses['loss_lfm'], expected)
    weights = [model.modality_heads[name].weight for name in modalities]
    total = sum(value for name, value in losses.items() if 'loss' in name)
    for got, wanted in zip(torch.autograd.grad(total, weights), torch.autograd.grad(expected, weights)):
        torch.testing.assert_close(got, wanted)


def test_the_share_follows_the_runner(monkeypatch):
    hub = MessageHub.get_current_instance()
    monkeypatch.setattr(hub, '_runtime_info', {'iter': 1, 'max_iters': 10})
    _, losses, _, _ = stepped()
    assert float(losses['gap_share']) == pytest.approx(.247759, abs=1e-6)
    monkeypatch.setattr(hub, '_runtime_info', {})
    _, losses, _, _ = stepped()
    assert float(losses['gap_share']) == pytest.approx(curve(1.0))


def test_what_predicts_is_the_mean_of_the_logits():
    model, _, logits, _ = stepped()
    data = model.data_preprocessor(batch_of())
    scores = torch.stack([sample.pred_score for sample in model(**data, mode='predict')])
    torch.testing.assert_close(scores, (sum(logits) / 2).softmax(1))


def test_options_are_checked():
    with pytest.raises(ValueError, match=r'share=1.5 must be in \[0, 1\]'):
        stepped(share=1.5)
    with pytest.raises(ValueError, match='compares modalities and needs 2'):
        ModalityGap(dict(in_channels=dict(video=3)))
