"""UME: every modality trains as if it were alone, and all of them predict."""

import torch
from torch.nn import functional as F

from tests.recipes import recipe
from tests.tiny import batch_of, model_of


def ume(modalities=('video', 'audio')):
    """The tiny model with what the recipe says."""
    said = recipe('ume').model
    assert (said.predictor, said.cls_head.loss_weight) == ('modalities', 0)
    objectives = [dict(objective) for objective in said.objectives]
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=said.cls_head.loss_weight)
    return model_of(modalities, cls_head=head, objectives=objectives, predictor=said.predictor)


def test_a_modality_gets_the_gradient_of_its_own_classification():
    for modalities in (('video', 'audio'), ('video', 'audio', 'flow')):
        model, batch = ume(modalities).eval(), batch_of(modalities)  # no dropout
        data = model.data_preprocessor(batch)
        losses = model(**data, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        labels = torch.cat([sample.gt_label for sample in data['data_samples']])
        for name in modalities:
            parts = [*model.backbones[name].layers.parameters(), *model.modality_heads[name].parameters()]
            alone = F.cross_entropy(model.modality_heads[name](model.backbones[name](data['inputs'][name])), labels)
            for value, expected in zip(parts, torch.autograd.grad(alone, parts)):
                torch.testing.assert_close(value.grad, expected)
        assert not any(value.grad is not None and value.grad.any() for value in model.cls_head.parameters())


def test_all_modalities_predict_and_the_fused_head_does_not():
    model, batch = ume().eval(), batch_of()
    data = model.data_preprocessor(batch)
    scores = torch.stack([sample.pred_score for sample in model(**data, mode='predict')])
    logs = [model.modality_heads[name](model.backbones[name](data['inputs'][name])).log_softmax(1)
            for name in ('video', 'audio')]
    torch.testing.assert_close(scores, (sum(logs) / 2).softmax(1))
