"""Mixup of features: they are mixed behind the encoders, in front of all that reads them."""

import torch

from mmda_ext.models.heads.base import masked_cross_entropy
from tests.test_models.test_mixup import loss_of, mixing_model
from tests.tiny import batch_of


def test_features_of_all_modalities_are_mixed_alike():
    """Video of sample i with weight w and of its partner with 1 - w; so audio, and so both labels."""
    model = mixing_model('feature')
    out, record, data = loss_of(model, batch_of())
    step = record.step
    weight, partner = step.mix
    assert .5 < weight < 1
    assert partner.tolist() != sorted(partner.tolist())
    for name, value in model.extract_feat(data['inputs'], 6).items():
        torch.testing.assert_close(step.features[name], weight * value + (1 - weight) * value[partner])
        assert torch.equal(step.inputs[name], data['inputs'][name])
    logits, labels = model.cls_head.fusion(step.features), step.labels
    torch.testing.assert_close(out['loss_cls'], weight * masked_cross_entropy(logits, labels)
                               + (1 - weight) * masked_cross_entropy(logits, labels[partner]))


def test_the_encoders_get_the_gradient_of_both_parts():
    """The graph is cut at the mixed features: what a balancer sees there is what goes back to both samples."""
    model = mixing_model('feature', objectives=[])
    data = model.data_preprocessor(batch_of(), True)
    torch.manual_seed(3)
    with model.cutting():
        model(**data, mode='loss')
    step = model.take_step_record().step
    for name, value in step.features.items():
        assert value.is_leaf
        assert torch.equal(value.detach(), step.mix.rows(model.extract_feat(data['inputs'], 6)[name]).detach())
