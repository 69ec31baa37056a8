"""OPM: known answers (release of Wei et al., TPAMI 2024), what is dropped and scaled, a step against plain autograd."""

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.models.heads import OPMClsHead
from tests.steps import given
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

NAMES = ('audio', 'video', 'flow')


@pytest.fixture(autouse=True)
def random_state():
    with preserved_random_state():
        torch.manual_seed(0)
        yield


def head_of(widths=(4, 6), **options):
    config = dict(type='mmda_ext.SumFusion', in_channels=dict(zip(NAMES, widths)))
    return OPMClsHead(2, config, **options).double().train()


def step_of(head, sums, size=8):
    """A step in which each modality alone gives the true class ``sums[m]`` in all."""
    features = {name: torch.ones(size, width, dtype=torch.float64, requires_grad=True)
                for name, width in head.fusion.in_channels.items()}
    for name, total in zip(features, sums):
        head.fusion.output[name].weight.data.zero_()
        head.fusion.output[name].bias.data = torch.tensor([total / size, 1 - total / size]).double().log()
    return given(features, torch.zeros(size, dtype=torch.long), torch.zeros(size), classifier=head.fusion)


@pytest.mark.parametrize(('base', 'q'), [(.5, .690399), (.4, .552319)])
def test_probabilities_known_answer(base, q):
    head = head_of(base=base, p=1.)
    step = step_of(head, (6.4, 3.2))
    assert head.drop_probabilities(step).tolist() == pytest.approx([q, 0], abs=1e-6)
    assert head.drop_probabilities(step_of(head, (3.2, 6.4))).tolist() == pytest.approx([0, q], abs=1e-6)
    assert head.drop_probabilities(step_of(head, (4., 4.))).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_the_probability_ends_at_one():
    head = head_of(base=1., slope=3.)
    assert head.drop_probabilities(step_of(head, (6.4, 3.2))).tolist() == [1, 0]


def test_three_modalities_are_compared_with_the_mean_of_the_others():
    head = head_of((4, 4, 4))
    rho = [torch.tensor(ratio - 1).tanh().item() for ratio in (6 / 3, 4 / 4)]
    assert head.drop_probabilities(step_of(head, (6., 4., 2.))).tolist() == pytest.approx(
        [.5 * (1 + .5 * rho[0]), 0, 0], abs=1e-6)
    two = head.drop_probabilities(step_of(head, (6., 6., 2.)))
    assert bool((two[:2] > 0).all()), 'two of three can be ahead'
    assert two[2] == 0, 'the weakest never is'


def test_factor_known_answer():
    features = dict(audio=torch.ones(4000, 2304), video=torch.ones(4000, 512))
    out = head_of().modulated(features, torch.tensor([.690399, 0.]))
    assert out['video'].unique().tolist() == pytest.approx([2.298172], abs=1e-5)
    assert out['audio'].unique().tolist() == pytest.approx([0, 2.298172], abs=1e-5)
    assert bool((out['audio'] == out['audio'][:, :1]).all()), 'all of a modality or nothing'
    assert float((out['audio'][:, 0] == 0).double().mean()) == pytest.approx(.690399, abs=.03)
    bad = head_of().modulated(dict(audio=torch.full((50, 4), float('nan')), video=torch.ones(50, 6)),
                              torch.tensor([1., 0]))
    assert bool(bad['audio'].isnan().all())


def test_modalities_are_dropped_independently():
    features = dict.fromkeys(NAMES, torch.ones(20000, 4))
    out = head_of((4, 4, 4)).modulated(features, torch.tensor([.5, .4, 0.]))
    lost = torch.stack([value[:, 0] == 0 for value in out.values()]).double()
    assert lost.mean(1).tolist() == pytest.approx([.5, .4, 0], abs=.02)
    assert float((lost[0] * lost[1]).mean()) == pytest.approx(.2, abs=.02)


def test_share_of_the_batches():
    head = head_of()
    step = step_of(head, (6.4, 3.2))
    found = torch.stack([head.loss(step)['drop_audio'] for _ in range(1000)])
    assert found.unique().tolist() == pytest.approx([0, .690399], abs=1e-6)
    assert float((found > 0).double().mean()) == pytest.approx(.7, abs=.04)


@pytest.mark.parametrize('modalities', [NAMES[:2], NAMES])
def test_loss_and_gradients_against_autograd(modalities):
    """The classifier is asked about what is left; nothing flows through the probabilities, or to dropped features."""
    config = dict(type='mmda_ext.ConcatFusion', in_channels=dict.fromkeys(modalities, 4), hidden_channels=5)
    head = OPMClsHead(3, config, p=1., base=.8).double().train()
    features = {name: (3 * torch.randn(6, 4, dtype=torch.float64)).requires_grad_() for name in modalities}
    labels = torch.tensor([0, 1, 2, -1, 1, 2])
    step = given(features, labels, torch.zeros(6), classifier=head.fusion)
    torch.manual_seed(3)
    out = head.loss(step)
    got = torch.autograd.grad(out['loss_cls'], [*features.values(), *head.parameters()])

    alone = head.fusion.modality_logits(features, 'masked')
    sums = torch.stack([value.softmax(1)[labels >= 0, labels[labels >= 0]].sum() for value in alone.values()]).detach()
    torch.manual_seed(3)
    torch.rand(())
    theta, left = 0., {}
    shares = []
    for index in range(len(features)):
        others = torch.cat([sums[:index], sums[index + 1:]]).mean()
        rho = float(torch.tanh(torch.relu(sums[index] / others - 1)))
        shares.append(min(1., .8 * (1 + .5 * rho)) if rho else 0.)
        theta += shares[-1] / len(features)
    for (name, value), q in zip(features.items(), shares):
        left[name] = torch.where(torch.rand(6, 1) < q, 0., value / (1 - theta))
    loss = F.cross_entropy(head.fusion(left), labels, ignore_index=-1)
    torch.testing.assert_close(out['loss_cls'], loss)
    for one, other in zip(got, torch.autograd.grad(loss, [*features.values(), *head.parameters()])):
        torch.testing.assert_close(one, other)
    assert [float(out[f'drop_{name}']) for name in modalities] == pytest.approx(shares)
    assert max(shares) > 0


def test_evaluation_and_other_heads_see_everything():
    opm = dict(type='mmda_ext.OPMClsHead', num_classes=3, p=1., base=1.)
    objectives = [dict(type='mmda_ext.LocalClassification', task='heads')]
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=6), hidden_channels=16)
    losses = []
    for cls_head in (opm, dict(type='mmda_ext.MultimodalClsHead', num_classes=3)):
        model = model_of(cls_head=cls_head, objectives=objectives, fusion=fusion).train()
        data = model.data_preprocessor(batch_of(size=16), True)
        torch.manual_seed(1)
        out = model(**data, mode='loss')
        losses.append((out['loss_cls'], out['loss_heads'], model.take_step_record(), model.eval()(**data)))
    (modulated, heads, record, scores), (plain, plain_heads, plain_record, plain_scores) = losses
    assert bool(modulated != plain)
    assert torch.equal(heads, plain_heads)
    assert torch.equal(scores, plain_scores)
    assert torch.equal(record.step.predictions.logits, plain_record.step.predictions.logits)
    for name, value in plain_record.probes['cls'].evaluated().logits.items():
        torch.testing.assert_close(record.probes['cls'].evaluated().logits[name], value)
    data = model.data_preprocessor(batch_of(), True)
    assert 'drop_video' not in model_of(cls_head=opm).eval()(**data, mode='loss')


def test_with_mixup_and_a_balancer():
    model = model_of(cls_head=dict(type='mmda_ext.OPMClsHead', num_classes=3),
                     mixing=dict(type='mmda_ext.Mixup')).train()
    before = parameters_of(model)
    model.train_step(batch_of(), wrapper_of(model, balancer=dict(type='mmda_ext.GMP')))
    after = parameters_of(model)
    assert all(bool(value.isfinite().all()) for value in after.values())
    assert any(not torch.equal(before[name], value) for name, value in after.items())


@pytest.mark.parametrize(('options', 'said'), [
    (dict(p=1.1), 'p=1.1 must'), (dict(base=-.1), 'base=-0.1 must'), (dict(slope=-1), 'slope=-1 must'),
    (dict(feature_dropout=dict(type='mmda_ext.ModalityDropout')), 'leave out cls_head.feature_dropout'),
    (dict(widths=(4, )), 'needs two modalities or more')])
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValueError, match=f'OPMClsHead.*{said}'):
        head_of(**options)
