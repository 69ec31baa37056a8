"""Several predictors of one model: known answers, what is scored, and what is refused."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmda_ext.models.predictors import combine
from tests.recipes import recipe
from tests.tiny import batch_of, model_of, parameters_of

VIDEO, AUDIO, FUSED = ([2., 0, -1], [.5, .2, .1], [1.5, 1, -.5])
HEADS = [dict(type='mmda_ext.LocalClassification', task='heads', loss_weight=1., balanced_heads=False)]
PREDICTORS = {'fused', 'head_video', 'head_audio', 'modalities', 'all'}


def rows(*logits):
    return [torch.tensor([one], dtype=torch.float64) for one in logits]


def predicted(model, batch):
    return model.eval()(**model.data_preprocessor(batch, False), mode='predict')


def test_known_answer():
    summed = combine(rows(VIDEO, AUDIO, FUSED)) * 3
    torch.testing.assert_close(summed, torch.tensor([[-1.604902, -4.404902, -7.004902]]).double(), atol=1e-6, rtol=0)
    mean = combine(rows(VIDEO, AUDIO, FUSED)).softmax(1)
    torch.testing.assert_close(mean, torch.tensor([[.641626, .252314, .106060]]).double(), atol=1e-6, rtol=0)


def test_the_class_is_that_of_the_summed_logits_and_no_order_matters():
    logits = rows([4., 0, 0], [-1., 1.2, 0], [0, 1.7, 0])
    assert combine(logits).argmax() == 0, 'the mean of probabilities would say 1'
    torch.testing.assert_close(combine(logits).softmax(1), combine(logits[::-1]).softmax(1))
    torch.testing.assert_close(combine(logits).softmax(1), torch.stack(logits).mean(0).softmax(1))


def test_the_recipe_trains_each_head_once_and_predicts_with_all():
    cfg = recipe('heads')
    assert cfg.model.predictor == 'all'
    model, batch = model_of(objectives=cfg.model.objectives), batch_of()
    losses = model(**model.data_preprocessor(batch), mode='loss')
    step = model.take_step_record().step
    terms = [cross_entropy(logits, step.labels) for logits in step.predictions.modality_logits.values()]
    torch.testing.assert_close(losses['loss_heads'], sum(terms))
    torch.testing.assert_close(losses['loss_cls'], cross_entropy(step.predictions.logits, step.labels))
    assert {key for key in losses if 'loss' in key} == {'loss_heads', 'loss_cls'}
    assert model.local_parameters() == dict(video=[], audio=[])


def test_half_precision_keeps_the_tail():
    assert combine([torch.tensor([[30., 0, 0]]).half()] * 2).dtype == torch.float32


@pytest.mark.parametrize('predictor', ['fused', 'modalities', 'all'])
def test_every_predictor_is_there_and_one_is_scored(predictor):
    """The weights are those of the fused model: nothing but the score depends on the choice."""
    model, batch = model_of(objectives=HEADS, predictor=predictor), batch_of()
    samples = predicted(model, batch)
    data = model.data_preprocessor(batch, False)
    features = model.extract_feat(data['inputs'], len(samples))
    heads = [head(features[name]) for name, head in model.modality_heads.items()]
    fused = model.cls_head(features)
    expected = dict(
        fused=fused, head_video=heads[0], head_audio=heads[1], modalities=torch.stack(heads).mean(0),
        all=torch.stack([*heads, fused]).mean(0))
    for index, sample in enumerate(samples):
        assert set(sample.predictor_scores) == PREDICTORS
        for name, logits in expected.items():
            torch.testing.assert_close(sample.predictor_scores[name], logits[index].softmax(0))
        assert torch.equal(sample.pred_score, sample.predictor_scores[predictor])
        assert int(sample.pred_label) == int(expected[predictor][index].argmax())
    torch.testing.assert_close(model(**data, mode='tensor').softmax(1), expected[predictor].softmax(1))
    reference = parameters_of(model_of(objectives=HEADS))
    assert all(torch.equal(value, reference[name]) for name, value in parameters_of(model).items())


def test_views_are_averaged_at_the_features():
    """A sample of three views is scored as the sample whose features are their mean, by heads as by the fused head."""
    model = model_of(objectives=HEADS, predictor='all').eval()
    batch = model.data_preprocessor(batch_of(size=6), False)
    model.backbones.requires_grad_(False)
    three = model(batch['inputs'], batch['data_samples'][:2], mode='predict')
    alone = model.extract_feat(batch['inputs'], 6)
    mean = {name: value.unflatten(0, (2, 3)).mean(1) for name, value in alone.items()}
    logits = [*(head(mean[name]) for name, head in model.modality_heads.items()), model.cls_head(mean)]
    for index, sample in enumerate(three):
        torch.testing.assert_close(sample.pred_score, torch.stack(logits).mean(0)[index].softmax(0))


def test_a_row_that_is_not_finite_is_not_a_prediction():
    model, batch = model_of(objectives=HEADS, predictor='all'), batch_of()
    batch['inputs'][2]['audio'] = torch.full_like(batch['inputs'][2]['audio'], torch.nan)
    for index, sample in enumerate(predicted(model, batch)):
        assert bool(sample.pred_score.isfinite().all()) == (index != 2)
        assert bool(sample.predictor_scores['head_video'].isfinite().all())


def test_without_heads():
    assert 'predictor_scores' not in predicted(model_of(), batch_of())[0]
    for predictor in ('modalities', 'all'):
        with pytest.raises(ValueError, match=f"model.predictor='{predictor}' needs a class head for every modality: "
                                             "add an objective that trains them .* or set it to 'fused'"):
            model_of(predictor=predictor)
    with pytest.raises(ValueError, match="MultimodalRecognizer: predictor='both' is unknown: choose one of 'fused'"):
        model_of(predictor='both')
