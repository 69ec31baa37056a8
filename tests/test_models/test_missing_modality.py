"""SimMMDG without a modality: a second stage for the translators, and predictions with translations."""

from functools import partial

import pytest
import torch

from mmda_ext.models.objectives import CrossModalTranslation
from mmda_ext.models.projection import distance
from tests.test_models.mmdg_models import mmdg_model
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

TWO, THREE = ('video', 'audio'), ('video', 'audio', 'flow')
SECOND = dict(normalize=False, loss_weight=1., missing=['video', 'audio'])


def second_stage(modalities=TWO):
    return mmdg_model('simmmdg', modalities, changes=dict(CrossModalTranslation=SECOND),
                      trainable=['objectives.1.translators']).train()


def predicted(model, batch):
    return model.eval()(**model.data_preprocessor(batch, False), mode='predict')


def test_distance_by_hand():
    rows, targets = torch.tensor([[1., 1], [2, 0]]), torch.tensor([[0., 3], [1, 1]])
    assert float(distance(rows, targets)) == pytest.approx((5**.5 + 2**.5) / 2)


@pytest.mark.parametrize('modalities', [TWO, THREE], ids=len)
def test_prediction_without_a_modality(modalities):
    model, batch = second_stage(modalities), batch_of(modalities)
    samples = predicted(model, batch)
    features = model.extract_feat(model.data_preprocessor(batch, False)['inputs'], len(samples))
    nets = model.objectives[1].translators
    for name in ('video', 'audio'):
        parts = [nets[f'{other}_to_{name}'](features[other]) for other in modalities if other != name]
        scores = model.cls_head({**features, name: sum(parts) / len(parts)}).softmax(1)
        for sample, expected in zip(samples, scores):
            torch.testing.assert_close(sample.predictor_scores[f'without_{name}'], expected)
    assert set(samples[0].predictor_scores) == {'without_video', 'without_audio'}


def test_what_is_missing_is_not_looked_at():
    model, batch = second_stage(), batch_of()
    before = predicted(model, batch)
    for inputs in batch['inputs']:
        inputs['audio'] = torch.full_like(inputs['audio'], torch.nan)
    for one, two in zip(before, predicted(model, batch)):
        assert torch.equal(one.predictor_scores['without_audio'], two.predictor_scores['without_audio'])
        assert not torch.equal(one.pred_score, two.pred_score)


def test_second_stage_trains_the_translators_alone():
    """Not even weight decay or running statistics move anything else, and the features are those of the test."""
    model = second_stage()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wrapper = wrapper_of(model, 'OptimWrapper', lr=.01, optimizer=partial(torch.optim.Adam, weight_decay=.1))
    losses = []
    for _ in range(12):
        losses.append(float(model.train_step(batch_of(), wrapper)['loss_translation'].detach()))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == ('translators' not in name), name
    assert sum(losses[-3:]) < sum(losses[:3])
    assert [name for name, part in model.named_modules() if part.training and not list(part.children())] == [
        name for name, part in model.named_modules() if 'translators.' in name and not list(part.children())]


def test_the_loss_is_the_distance_itself():
    model, batch = second_stage(), batch_of()
    for part in model.objectives[1].modules():
        part.training = False  # no dropout
    data = model.data_preprocessor(batch, True)
    loss = model(**data, mode='loss')['loss_translation']
    features, nets = model.take_step_record().step.features, model.objectives[1].translators
    terms = [(nets['video_to_audio'](features['video']) - features['audio']).norm(dim=1).mean(),
             (nets['audio_to_video'](features['audio']) - features['video']).norm(dim=1).mean()]
    torch.testing.assert_close(loss, sum(terms) / 2)


def test_options_are_checked():
    for missing in ('audio', ['flow']):
        with pytest.raises(ValueError, match='must be a list of modalities among'):
            CrossModalTranslation(dict(in_channels=dict(video=4, audio=4)), missing=missing)
    with pytest.raises(ValueError, match=r"trainable=\['objectives.3'\] matches no parameter of MultimodalRecognizer"):
        model_of(trainable=['objectives.3'])


def test_training_goes_on_in_the_right_modes():
    model = model_of(trainable=['cls_head'])
    start = parameters_of(model)
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        name for name in start if name.startswith('cls_head')}
    for mode in (True, False, True):
        model.train(mode)
        assert model.cls_head.fusion.dropout.training == mode
        assert not any(part.training for part in model.backbones.modules())
