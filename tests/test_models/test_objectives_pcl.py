"""PCL: known answers, the second pass in a model; and the views that it compares."""

import math

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.data_preprocessors.padding import pad
from mmda_ext.models.objectives import PCL
from mmda_ext.models.objectives.pcl import probabilistic_contrast
from mmda_ext.models.views import AudioView, FeatureView, TokenView, VideoView, select
from mmda_ext.registry import MODELS
from tests.test_engine.test_balanced_wrapper import written_gradients
from tests.test_models.test_objectives_alignment import adapting, features_of
from tests.test_models.test_objectives_moments import BOTTLENECK, CHANNELS, labelled, with_logits
from tests.tiny import parameters_of, wrapper_of

STILL = dict(type='mmda_ext.FeatureView', dropout=0.0, noise=0.0)


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


# PCL (Li et al., IJCAI 2024).


@pytest.mark.parametrize(('first', 'second', 'expected'), [
    (double([1, 0], [0, 1]), double([1, 0], [0, 1]), 0.001822),
    (double([.25] * 4, [.25] * 4), double([.25] * 4, [.25] * 4), 1.098612),
    (double([.9, .1], [.2, .8]), double([.8, .2], [.3, .7]), 0.171063)])
def test_known_contrast(first, second, expected):
    assert probabilistic_contrast(first, second).item() == pytest.approx(expected, abs=1e-6)


def test_contrast_equals_the_slow_reference():
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.randn(5, 3, generator=generator, dtype=torch.float64).softmax(1) for _ in range(2))
    total = 0.0
    for one, other in ((p, q), (q, p)):
        for i in range(5):
            e = lambda a, b: math.exp(3.0 * float(a @ b))  # noqa: E731
            below = sum(e(one[i], one[j]) for j in range(5) if j != i) + sum(e(one[i], row) for row in other)
            total -= math.log(e(one[i], other[i]) / below) / 10
    assert probabilistic_contrast(p, q, 3.0).item() == pytest.approx(total)
    p.requires_grad_(), q.requires_grad_()
    assert torch.autograd.gradcheck(probabilistic_contrast, (p, q)), 'neither view is detached'


def faked(n_source=4, n_target=3, shift=.3):
    """A record whose encoders double the inputs; the first pass saw the inputs as they are."""
    features, is_target = features_of(n_source, n_target)
    record = with_logits(labelled(features, is_target, [index % 3 for index in range(n_source)] + [-1] * n_target))
    record.inputs = {name: value + shift for name, value in features.items()}
    record.encoder = lambda inputs, count, evaluation: {
        name: (2 * value).requires_grad_() for name, value in inputs.items()}
    heads = {name: torch.nn.Linear(value.shape[1], 3).double() for name, value in features.items()}
    record.modality_classifiers = heads
    fusion = dict(type='mmda_ext.ConcatFusion', **CHANNELS, out_channels=3, hidden_channels=None)
    record.classifier = MODELS.build(fusion).double()
    return record, is_target


def watched(record):
    """Fills with the features of every further pass."""
    passes, encoder = [], record.encoder
    record.encoder = lambda *args: passes.append(encoder(*args)) or passes[-1]
    return passes


@pytest.mark.parametrize('placement', ['fused', 'per_modality', 'both'])
def test_second_pass_and_placements_by_hand(placement):
    record, is_target = faked()
    further = watched(record)
    out = PCL(CHANNELS, views=dict(m0=STILL, m1=STILL), placement=placement, loss_weight=1.0)(record)
    second = {name: 2 * value[is_target] for name, value in record.inputs.items()}
    terms = {name: probabilistic_contrast(record.modality_logits[name][is_target].softmax(1),
                                          head(second[name]).softmax(1))
             for name, head in record.modality_classifiers.items()}
    terms['fused'] = probabilistic_contrast(record.logits[is_target].softmax(1), record.classifier(second).softmax(1))
    wanted = dict(fused=['fused'], per_modality=['m0', 'm1'], both=['m0', 'm1', 'fused'])[placement]
    expected = sum(terms[name] for name in wanted) / len(wanted)
    torch.testing.assert_close(out['loss_contrast'], expected)
    assert len(further) == 1, 'one pass, whatever the number of criteria'
    leaves = [*record.features.values(), *further[0].values()]
    grads = torch.autograd.grad(out['loss_contrast'], leaves)
    assert all(grad.any() for grad in grads)
    assert not any(grad[~is_target].any() for grad in grads[:2]), 'source samples take no part'


@pytest.mark.parametrize('n_target', [0, 1])
def test_too_few_targets_are_zero_in_the_graph_and_counted(n_target):
    record, _ = faked(5, n_target)
    out = PCL(CHANNELS)(record)
    assert out['loss_contrast'].item() == 0
    assert out['contrast_skipped'].item() == 1
    assert not any(grad.any() for grad in torch.autograd.grad(out['loss_contrast'], list(record.features.values())))


def test_contrast_is_finite_on_constant_features():
    record, _ = faked()
    for features in (record.features, record.inputs):
        for name, value in features.items():
            features[name] = torch.zeros_like(value).requires_grad_()
    further = watched(record)
    loss = PCL(CHANNELS)(record)['loss_contrast']
    assert torch.isfinite(loss)
    grads = torch.autograd.grad(loss, list(further[0].values()))
    assert all(torch.isfinite(grad).all() for grad in grads)


def test_options_are_checked():
    with pytest.raises(ValueError, match="views names 'x', which is no modality"):
        PCL(CHANNELS, views=dict(x=STILL))


# In a model.


def contrasting(**options):
    own = dict(type='mmda_ext.PCL', loss_weight=1.0, **options)
    return adapting(('video', 'audio'), (BOTTLENECK, dict(type='mmda_ext.DANN', ramp=dict(lo=1.0, hi=1.0)), own))


@pytest.mark.parametrize('placement', ['fused', 'both'])
def test_gradients_through_both_passes_equal_autograd(placement):
    """A balancing wrapper and the sum of the losses agree; without noise both views are the same features."""
    views = dict(video=STILL, audio=STILL)
    model, batch = contrasting(views=views, placement=placement)
    for module in model.objectives[1].modules():
        module.p = 0.0
    got, _ = written_gradients(model, batch, balancer=dict(type='Sum'))
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    record = model.take_step_record()
    p = record.step.predictions.logits[5:].softmax(1)
    fused = probabilistic_contrast(p, p)
    if placement == 'fused':
        torch.testing.assert_close(losses['loss_contrast'], fused)
    total = sum(value for key, value in losses.items() if key.startswith('loss'))
    named = {name: value for name, value in model.named_parameters() if name in got}
    for name, grad in zip(named, torch.autograd.grad(total, list(named.values()))):
        torch.testing.assert_close(got[name], grad, rtol=1e-10, atol=1e-12)


def test_target_changes_the_encoders_and_all_parameters_train():
    model, batch = contrasting()
    before = parameters_of(model)
    log = model.train_step(batch, wrapper_of(model, kind='OptimWrapper'))
    assert torch.isfinite(log['loss_contrast'])
    assert all(not torch.equal(value, before[name]) for name, value in parameters_of(model).items())
    results = []
    for shift in (0.0, .5):
        model, batch = adapting(('video', 'audio'), (dict(type='mmda_ext.PCL'), ))
        for inputs in batch['inputs'][5:]:
            inputs.update({name: value + shift for name, value in inputs.items()})
        results.append(written_gradients(model, batch, kind='OptimWrapper')[0])
    names = [name for name in results[0] if name.startswith('backbones')]
    assert names
    assert not any(torch.allclose(results[0][name], results[1][name]) for name in names)


# Views.


def test_rows_of_inputs_with_several_clips():
    values = torch.arange(12.).view(6, 2)
    assert select(values, torch.tensor([0, 2]), 3)[:, 0].tolist() == [0, 2, 8, 10]
    padded = pad([torch.ones(2), torch.ones(4), torch.ones(3)], keys=['a', 'b', 'c'])
    chosen = select(padded, torch.tensor([2]), 3)
    assert chosen.values.shape == (1, 4)
    assert chosen.lengths.tolist() == [3]
    view = FeatureView()(padded)
    assert view.keys is None, 'a cache must not take a view for the sample'
    assert torch.equal(view.lengths, padded.lengths)


def test_feature_view_drops_and_adds_noise():
    torch.manual_seed(0)
    values = torch.randn(400, 50) * torch.linspace(0, 3, 50) + 5
    dropped = FeatureView(noise=0.0)(values)
    assert (dropped == 0).float().mean().item() == pytest.approx(.1, abs=.01)
    torch.testing.assert_close(dropped[dropped != 0], (values / .9)[dropped != 0])
    noise = FeatureView(dropout=0.0)(values) - values
    torch.testing.assert_close(noise.std(0), .1 * values.std(0), rtol=.2, atol=1e-6)


def test_video_view_flips_shifts_and_stretches():
    torch.manual_seed(0)
    clips = torch.randn(300, 3, 4, 5, 6)
    flipped = VideoView(brightness=0.0, contrast=0.0)(clips)
    as_is = (flipped - clips).abs().flatten(1).amax(1) < 1e-5
    mirrored = (flipped - clips.flip(-1)).abs().flatten(1).amax(1) < 1e-5
    assert torch.equal(as_is, ~mirrored)
    assert as_is.float().mean().item() == pytest.approx(.5, abs=.1)
    bright = VideoView(flip=0.0, contrast=0.0)(clips) - clips
    assert bright.flatten(1).std(1).max() < 1e-5
    shifts = bright.flatten(1).mean(1) / clips.flatten(1).std(1, correction=0)
    assert -.2 <= shifts.min() < -.15
    assert .15 < shifts.max() <= .2
    contrast = VideoView(flip=0.0, brightness=0.0)(clips).flatten(1)
    factors = contrast.std(1) / clips.flatten(1).std(1)
    torch.testing.assert_close(contrast.mean(1), clips.flatten(1).mean(1), rtol=1e-3, atol=1e-5)
    assert .8 <= factors.min() < .85
    assert 1.15 < factors.max() <= 1.2


def test_audio_view_keeps_its_range_in_decibels():
    torch.manual_seed(0)
    waves = torch.randn(200, 1, 2000) * .1
    out = AudioView()(waves)
    ratio = out / waves
    gain = (ratio.amax(-1) - ratio.amin(-1))[:, 0] < 1e-4
    assert gain.float().mean().item() == pytest.approx(.5, abs=.1)
    decibels = 20 * ratio[gain, 0, 0].log10()
    assert -6 <= decibels.min() < -4 < 4 < decibels.max() <= 6
    noise = (out - waves)[~gain, 0]
    snr = 10 * (waves[~gain, 0].square().mean(1) / noise.square().mean(1)).log10()
    assert 19.5 < snr.min() < 22 < 28 < snr.max() < 30.5
    assert not AudioView()(torch.zeros(3, 10)).any()


def test_token_view_spares_special_ids():
    torch.manual_seed(0)
    ids = torch.randint(5, 1000, (50, 100))
    ids[:, 0], ids[:, 50:] = 2, 0
    out = TokenView(mask_id=4, special_ids=(0, 2))(ids)
    assert torch.equal(out[:, 0], ids[:, 0])
    assert torch.equal(out[:, 50:], ids[:, 50:])
    changed = out != ids
    assert (out[changed] == 4).all()
    assert changed[:, 1:50].float().mean().item() == pytest.approx(.1, abs=.02)
    assert out.dtype == torch.long


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: FeatureView(dropout=2), 'dropout=2'), (lambda: FeatureView(noise=-1), 'noise'),
    (lambda: VideoView(flip=-.1), 'flip'), (lambda: VideoView(brightness=-1), 'brightness'),
    (lambda: AudioView(snr=(30, 20)), 'snr'), (lambda: AudioView(gain=-1), 'gain'),
    (lambda: TokenView(1, dropout=3), 'dropout=3')])
def test_view_options_are_checked(build, match):
    with pytest.raises(ValueError, match=match):
        build()


def test_views_leave_the_inputs_alone_and_have_no_graph():
    for view, values in ((FeatureView(), torch.randn(4, 6)), (VideoView(), torch.randn(4, 3, 2, 4, 4)),
                         (AudioView(), torch.randn(4, 30)), (TokenView(3), torch.randint(9, (4, 7)))):
        before = values.clone()
        if values.is_floating_point():
            values.requires_grad_()
        out = view(values)
        assert torch.equal(values, before)
        assert not out.requires_grad
        assert out.shape == values.shape
        assert out.dtype == values.dtype


def test_one_hot_predictions_are_the_goal():
    """Descending the loss sharpens predictions and keeps the views of a sample together."""
    torch.manual_seed(0)
    logits = (.5 * torch.randn(2, 3, 3)).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=.1)
    for _ in range(200):
        optimizer.zero_grad()
        probabilistic_contrast(*F.softmax(logits, 2)).backward()
        optimizer.step()
    p, q = logits.detach().softmax(2)
    assert p.amax(1).min() > .9
    assert torch.equal(p.argmax(1), q.argmax(1))
    assert p.argmax(1).unique().numel() == 3
