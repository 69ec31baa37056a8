"""Predictions without modalities: what stands for them, and that a recognizer and the protocol do the same."""

import pytest
import torch

from mmda_ext.evaluation.protocols.missing import Missing, kept, predict_without, subsets
from mmda_ext.models.missing import check_fill, fill_in
from tests.test_models.test_predictors import HEADS, predicted
from tests.tiny import WIDTHS, batch_of, model_of

THREE = ('video', 'audio', 'flow')
TRANSLATION = [dict(type='mmda_ext.CrossModalTranslation', hidden_channels=8, normalize=False)]
SUM = dict(type='mmda_ext.SumFusion', in_channels={name: WIDTHS[name] + 1 for name in THREE}, hidden_channels=16)


def without(batch, names):
    """The batch as it is where modalities are missing from all of its samples."""
    inputs = [{name: value for name, value in own.items() if name not in names} for own in batch['inputs']]
    return dict(inputs=inputs, data_samples=batch['data_samples'])


def features_of(model, batch):
    model.eval()
    data = model.data_preprocessor(batch, False)
    with torch.no_grad():
        return model.extract_feat(data['inputs'], len(data['data_samples']))


@pytest.mark.parametrize('predictor', ['fused', 'modalities', 'all'])
@pytest.mark.parametrize('fill', ['zeros', 'left-out'])
@pytest.mark.parametrize('present', [('video', ), ('audio', 'flow')], ids='+'.join)
def test_what_a_model_with_heads_says(fill, present, predictor):
    """Heads of what is there; the fused classifier only where something stands for the rest."""
    model = model_of(THREE, objectives=HEADS, predictor=predictor)
    batch = batch_of(THREE)
    features = features_of(model, batch)
    said = predict_without(model, {name: features[name] for name in present}, fill)
    heads = [model.modality_heads[name](features[name]) for name in present]
    zeros = {name: features[name] * (name in present) for name in THREE}
    fused = [model.cls_head(zeros)] if fill == 'zeros' else []
    by_hand = dict(modalities=heads, all=[*heads, *fused], fused=fused or heads)
    torch.testing.assert_close(said['model'], torch.stack(by_hand[predictor]).mean(0).softmax(1).detach())
    assert set(said) == {'model', *(f'head_{name}' for name in present), 'modalities', 'all', *(
        ['fused'] if fused else [])}


def test_known_answer_of_heads():
    """With audio missing the class head of video speaks alone."""
    model = model_of(objectives=HEADS, predictor='all')
    for name, bias in dict(video=[2., 0, -1], audio=[.5, .2, .1]).items():
        model.modality_heads[name].weight.data.zero_()
        model.modality_heads[name].bias.data = torch.tensor(bias, dtype=torch.float64)
    said = predict_without(model, dict(video=features_of(model, batch_of())['video']), 'left-out')
    torch.testing.assert_close(said['model'][0], torch.tensor([2., 0, -1]).double().softmax(0))


@pytest.mark.parametrize('present', [('flow', ), ('video', 'flow')], ids='+'.join)
def test_a_sum_leaves_branches_out(present):
    model = model_of(THREE, fusion=SUM, objectives=[])
    features = features_of(model, batch_of(THREE))
    fusion = model.cls_head.fusion
    branches = [fusion.output[name](torch.relu(fusion.hidden[name](features[name]))) for name in present]
    said = predict_without(model, {name: features[name] for name in present}, 'left-out')
    torch.testing.assert_close(said['model'], sum(branches).softmax(1).detach())
    # Not the same as a feature of zeros, whose branch still has its biases.
    zeros = predict_without(model, {name: features[name] for name in present}, 'zeros')
    assert not torch.allclose(said['model'], zeros['model'])


def test_every_fill_by_hand():
    model = model_of(THREE, objectives=TRANSLATION)
    features = features_of(model, batch_of(THREE))
    present = {name: features[name] for name in ('video', 'flow')}
    nets = model.objectives[0].translators
    means = {name: torch.arange(1., WIDTHS[name] + 2) for name in THREE}
    expected = dict(
        zeros=torch.zeros_like(features['audio']), mean=means['audio'].double().expand(6, -1),
        translated=(nets['video_to_audio'](features['video']) + nets['flow_to_audio'](features['flow'])) / 2)
    for fill, feature in expected.items():
        found = fill_in(model, present, fill, means)
        assert list(found) == list(THREE)
        torch.testing.assert_close(found['audio'], feature)
        assert torch.equal(found['video'], features['video'])
    alone = fill_in(model, dict(flow=features['flow']), 'translated')
    torch.testing.assert_close(alone['audio'], nets['flow_to_audio'](features['flow']))
    assert list(fill_in(model, present, 'left-out')) == ['video', 'flow']


@pytest.mark.parametrize(('fill', 'objectives'), [('zeros', []), ('translated', TRANSLATION), ('left-out', HEADS)])
def test_a_recognizer_that_was_told_says_the_same(fill, objectives):
    """The encoder of what is missing is not run, and the scores are those of the protocol."""
    model, batch = model_of(THREE, objectives=objectives, missing=fill), batch_of(THREE)
    features = features_of(model, batch)
    said = predict_without(model, dict(video=features['video'], flow=features['flow']), fill)
    model.backbones['audio'].forward = None
    samples = predicted(model, without(batch, ['audio']))
    torch.testing.assert_close(torch.stack([sample.pred_score for sample in samples]), said['model'])
    assert 'audio' not in samples[0].get('modality_scores', {})
    for name in {*said} - {'model'}:
        torch.testing.assert_close(torch.stack([sample.predictor_scores[name] for sample in samples]), said[name])
    data = model.data_preprocessor(without(batch, ['audio']), False)
    torch.testing.assert_close(model(**data, mode='tensor').softmax(1), said['model'])


def test_a_complete_batch_is_predicted_as_ever():
    for objectives in (HEADS, TRANSLATION):
        plain, told = (predicted(model_of(THREE, objectives=objectives, missing=missing), batch_of(THREE))
                       for missing in (None, 'zeros'))
        assert all(torch.equal(one.pred_score, two.pred_score) for one, two in zip(plain, told))
        assert all(set(one.keys()) == set(two.keys()) for one, two in zip(plain, told))


def test_a_batch_that_lacks_a_modality_needs_to_be_told_how():
    batch = batch_of()
    lacking = without(batch, ['audio'])
    with pytest.raises(ValueError, match="modality 'audio' is missing in sample"):
        predicted(model_of(), lacking)
    told = model_of(missing='zeros')
    with pytest.raises(ValueError, match="modality 'audio' is missing in sample"):
        told.data_preprocessor(lacking, True)
    inputs = told.data_preprocessor(lacking, False)['inputs']
    with pytest.raises(ValueError, match="the batch lacks modality 'audio': inputs are .*; a test can do without"):
        told(inputs, batch['data_samples'], mode='loss')
    with pytest.raises(ValueError, match="the batch lacks modality 'video'"):
        predicted(told, without(batch, ['audio', 'video']))
    with pytest.raises(ValueError, match="the batch lacks modality 'audio'"):
        model_of()(inputs, batch['data_samples'], mode='predict')
    half = without(batch, [])
    half['inputs'][1].pop('audio')
    with pytest.raises(ValueError, match="modality 'audio' is missing in sample"):
        predicted(told, half)


def test_what_a_model_cannot_do_is_one_sentence():
    for fill, message in [('translated', 'needs an objective that translates features, such as mmda_ext.CrossModal'),
                          ('left-out', r'needs a class head .* or a fusion .*, but ConcatFusion'),
                          ('mean', "missing='mean' is unknown: choose one of 'zeros', 'translated', 'left-out'")]:
        with pytest.raises(ValueError, match=message):
            model_of(missing=fill)
    with pytest.raises(ValueError, match='the model has one modality, video, and cannot do without it'):
        check_fill(model_of(('video', )), 'zeros', 'protocols.missing')
    for options in (dict(fills=['gold']), dict(fills='zeros'), dict(rates=[1.]), dict(rates=[-.1])):
        with pytest.raises(ValueError, match='protocols.missing'):
            Missing(**options)


def test_subsets_are_all_and_the_whole_is_first():
    assert list(subsets('abc')) == [tuple(name) for name in ('abc', 'ab', 'ac', 'bc', 'a', 'b', 'c')]


def test_what_a_sample_lacks_is_its_own():
    ids = [f'x/{number}' for number in range(4000)]
    for rate in (0., .3, .7):
        found = [kept(name, 'ab', rate, 0) for name in ids]
        assert found == [kept(name, 'ab', rate, 0) for name in ids]
        # Of two, given that one stays: (1 - r)^2, r (1 - r) and (1 - r) r, divided by 1 - r^2.
        for subset, share in ((('a', 'b'), (1 - rate) / (1 + rate)), (('a', ), rate / (1 + rate))):
            assert found.count(subset) / len(ids) == pytest.approx(share, abs=.03)
    assert [kept(name, 'ab', .5, 0) for name in ids] != [kept(name, 'ab', .5, 1) for name in ids]
