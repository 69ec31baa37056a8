"""Modality dropout: which samples lose what, how often, and who does not see it."""

import pytest
import torch

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.models.modality_dropout import ModalityDropout
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

DROPOUT = dict(type='mmda_ext.ModalityDropout', p=.3)


@pytest.fixture(autouse=True)
def random_state():
    with preserved_random_state():
        torch.manual_seed(0)
        yield


def features_of(rows, names=('video', 'audio')):
    return {name: torch.ones(rows, width) for width, name in enumerate(names, 2)}


def head(**options):
    return dict(type='mmda_ext.MultimodalClsHead', num_classes=3, **options)


def step_of(model, seed=0):
    data = model.data_preprocessor(batch_of(size=16), True)
    torch.manual_seed(seed)
    out = model(**data, mode='loss')
    return out, model.take_step_record()


def test_the_second_modality_of_the_first_sample(monkeypatch):
    """Draws fixed: sample 0 falls below p and loses modality 1, sample 1 does not fall below it."""
    monkeypatch.setattr(torch, 'randint', lambda *_, **__: torch.tensor([1, 0]))
    monkeypatch.setattr(torch, 'rand', lambda *_, **__: torch.tensor([.29, .3]))
    out = ModalityDropout(.3)(features_of(2))
    assert out['video'].tolist() == [[1, 1], [1, 1]], 'what is left is not scaled'
    assert out['audio'].tolist() == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(('names', 'present'), [(('video', 'audio'), .85), (('video', 'audio', 'flow'), .9)])
def test_fractions(names, present):
    """One of M present: 1 - p / M; all present: 1 - p; none present: never."""
    kept = torch.stack([value[:, 0] for value in ModalityDropout(.3)(features_of(40000, names)).values()])
    assert kept.mean(1).tolist() == pytest.approx([present] * len(names), abs=.01)
    assert float(kept.prod(0).mean()) == pytest.approx(.7, abs=.01)
    assert int(kept.sum(0).min()) == len(names) - 1


@pytest.mark.parametrize(('names', 'present'), [
    (('video', 'audio'), .5 + .25 / 2), (('video', 'audio', 'flow'), .5 + .125 / 3)])
def test_independent_draws(names, present):
    """Two modalities, p = 1/2: both stay 1/4, exactly one 3/4, evenly; none never."""
    dropout = ModalityDropout(.5, independent=True)
    kept = torch.stack([value[:, 0] for value in dropout(features_of(40000, names)).values()])
    assert kept.mean(1).tolist() == pytest.approx([present] * len(names), abs=.01)
    assert float(kept.prod(0).mean()) == pytest.approx(.5**len(names), abs=.01)
    assert int(kept.sum(0).min()) == 1
    assert all(float(row.mean()) == 1 for row in ModalityDropout(0, independent=True)(features_of(99, names)).values())


def test_independent_draws_are_of_each_modality():
    """p = 0.1: a modality of two is missing in 0.1 of the samples, less half of those that lack both."""
    kept = ModalityDropout(.1, independent=True)(features_of(40000))['video'][:, 0]
    assert float(kept.mean()) == pytest.approx(.9 + .01 / 2, abs=.005)


def test_once_for_a_batch():
    dropout, lost = ModalityDropout(.3, level='batch'), []
    for _ in range(2000):
        kept = torch.stack([value[:, 0] for value in dropout(features_of(3)).values()])
        assert bool((kept == kept[:, :1]).all())
        lost.append((1 - kept[:, 0]).tolist())
    assert torch.tensor(lost).mean(0).tolist() == pytest.approx([.15, .15], abs=.03)


def test_evaluation_changes_nothing():
    features = features_of(50)
    out = ModalityDropout(1.).eval()(features)
    assert all(torch.equal(out[name], value) for name, value in features.items())
    model = model_of(cls_head=head(feature_dropout=dict(DROPOUT, p=1.))).eval()
    plain = model_of().eval()
    data = model.data_preprocessor(batch_of())
    assert torch.equal(model(**data, mode='tensor'), plain(**data, mode='tensor'))
    scores = [[sample.pred_score for sample in own.predict(**data)] for own in (model, plain)]
    assert all(torch.equal(one.clone(), other) for one, other in zip(*scores))


def test_a_value_that_is_not_finite_is_not_hidden():
    features = dict(video=torch.full((50, 1), float('nan')), audio=torch.ones(50, 1))
    assert bool(ModalityDropout(1.)(features)['video'].isnan().all())


@pytest.mark.parametrize('mode', ['masked', 'share', 'linearised', 'heads'])
def test_only_the_fused_classifier_sees_it(mode):
    """The adversary, the heads of the modalities and the confidences of a balancer get the complete features."""
    objectives = [dict(type='mmda_ext.LocalClassification', task='heads'),
                  dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))]
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=6), hidden_channels=16)
    models = [model_of(objectives=objectives, fusion=fusion, cls_head=head(modality_logits=mode, feature_dropout=own))
              for own in (dict(DROPOUT, p=1.), None)]
    (out, record), (plain_out, plain) = (step_of(model.train()) for model in models)
    for name, value in plain.step.features.items():
        assert torch.equal(record.step.features[name], value)
    kept = record.step.predictions.fused
    assert not torch.equal(kept, plain.step.predictions.fused)
    assert bool(out['loss_cls'] != plain_out['loss_cls'])
    for name in ('loss_heads', 'loss_domain'):
        assert torch.equal(out[name], plain_out[name])
    for name, value in plain.probes['cls'].evaluated().logits.items():
        torch.testing.assert_close(record.probes['cls'].evaluated().logits[name], value)


def test_the_fused_logits_are_those_of_what_is_left():
    model = model_of(cls_head=head(feature_dropout=dict(DROPOUT, p=1., level='batch')),
                     fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=6))).train()
    _, record = step_of(model)
    zeros = [{name: value * (name != lost) for name, value in record.step.features.items()}
             for lost in ('video', 'audio')]
    assert any(torch.equal(model.cls_head.fusion(own), record.step.predictions.logits) for own in zeros)


def test_the_same_seed_drops_the_same():
    """A resumed run seeds its epoch as the run before did, `EpochSeedHook`."""
    model = model_of(cls_head=head(feature_dropout=DROPOUT)).train()
    one, same, other = (step_of(model, seed)[0]['loss_cls'] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize('balancer', [dict(type='mmda_ext.Sum'), dict(type='mmda_ext.GMP'),
                                      dict(type='mmda_ext.OGM', min_rank=2)], ids=lambda own: own['type'])
def test_with_mixup_and_a_balancer(balancer):
    model = model_of(cls_head=head(feature_dropout=DROPOUT), mixing=dict(type='mmda_ext.Mixup')).train()
    before = parameters_of(model)
    model.train_step(batch_of(), wrapper_of(model, balancer=balancer))
    after = parameters_of(model)
    assert all(bool(value.isfinite().all()) for value in after.values())
    assert any(not torch.equal(before[name], value) for name, value in after.items())


def test_what_cannot_be_is_refused():
    for options in (dict(p=1.5), dict(p=-.1), dict(p=float('nan')), dict(level='text')):
        with pytest.raises(ValueError, match='ModalityDropout: (p|level)='):
            ModalityDropout(**options)
    with pytest.raises(ValueError, match='feature_dropout needs two modalities or more'):
        model_of(('video', ), cls_head=head(feature_dropout=DROPOUT))
    with pytest.raises(ValueError, match='AGMClsHead .* leave out cls_head.feature_dropout'):
        model_of(cls_head=dict(head(feature_dropout=DROPOUT), type='mmda_ext.AGMClsHead'))
