"""The recognizer as MMEngine uses it, its record, its preprocessor, and the release variant of GMP."""

import copy
import logging
import re

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmda_ext.models import AudioResNet
from mmda_ext.models.fusions import ConcatFusion, SumFusion
from mmda_ext.models.heads import reverse_gradient
from mmda_ext.models.objectives import DomainAdversarial, LocalClassification, LocalDomainAdversarial
from mmda_ext.models.step import labels_of
from tests.steps import given, heads_of
from tests.test_models.test_objectives_alignment import adapting
from tests.tiny import Encoder, batch_of, model_of, parameters_of, wrapper_of


def test_modes():
    model, batch = model_of(), batch_of()
    losses = model(**model.data_preprocessor(batch), mode='loss')
    assert {'loss_cls', 'loss_domain', 'cls_acc', 'domain_acc'} == set(losses)
    assert 0 <= losses['cls_acc'] <= 100
    model.eval()
    data = model.data_preprocessor(batch)
    logits = model(**data, mode='tensor')
    assert logits.shape == (6, 3)
    samples = model(**data, mode='predict')
    torch.testing.assert_close(torch.stack([s.pred_score for s in samples]), logits.softmax(1))
    assert samples[0].pred_label.item() == logits[0].argmax().item()
    assert set(samples[0].modality_scores) == {'video', 'audio'}
    assert model(data['inputs'], mode='tensor').shape == (6, 3)
    with pytest.raises(ValueError, match='mode='):
        model(**data, mode='x')


def test_a_sample_that_says_no_domain_is_of_none():
    """-1, not the first domain: the discriminator must not learn from it."""
    samples = batch_of()['data_samples']
    expected = [sample.domain_label for sample in samples]
    for index in (0, 4):
        del samples[index].domain_label
        expected[index] = -1
    del samples[1].gt_label
    labels, domains = labels_of(samples, torch.device('cpu'))
    assert domains.tolist() == expected
    assert labels.tolist() == [-1 if index == 1 else int(sample.gt_label) for index, sample in enumerate(samples)]
    assert (labels.dtype, domains.dtype) == (torch.int64, torch.int64)
    model, batch = model_of(), batch_of()
    assert model(**model.data_preprocessor(batch), mode='loss')['loss_domain'] > 0
    for sample in batch['data_samples']:
        del sample.domain_label
    assert model(**model.data_preprocessor(batch), mode='loss')['loss_domain'] == 0


def test_record_is_handed_over_once():
    model = model_of()
    with pytest.raises(RuntimeError, match='no record'):
        model.take_step_record()
    model(**model.data_preprocessor(batch_of()), mode='loss')
    record = model.take_step_record()
    assert set(record.losses) == {'cls', 'domain'}
    assert record.step.num_samples == 6
    with pytest.raises(RuntimeError):
        model.take_step_record()


def test_gradient_reaches_every_parameter():
    model = model_of(('video', 'audio', 'flow'))
    losses = model(**model.data_preprocessor(batch_of(('video', 'audio', 'flow'))), mode='loss')
    model.parse_losses(losses)[0].backward()
    lacking = [name for name, p in model.named_parameters() if p.grad is None and not name.endswith('unused')]
    assert not lacking


def test_one_source_domain_switches_the_adversary_off_with_one_warning(caplog):
    with caplog.at_level(logging.WARNING, logger='mmengine'):
        model = model_of(num_domains=1)
    batch = batch_of(num_domains=1)
    for _ in range(2):
        losses = model(**model.data_preprocessor(batch), mode='loss')
    assert 'loss_domain' not in losses
    assert sum('switched off' in message for message in caplog.messages) <= 1


@pytest.mark.parametrize(('options', 'message'), [
    (dict(fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(audio=6, video=7))), 'same order'),
    (dict(freeze=dict(flow=dict(trainable=[]))), 'flow'), (dict(necks=dict(x=dict(type='mmda_ext.PoolNeck'))), 'x')])
def test_names_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        model_of(**options)


def test_two_losses_of_one_name_are_refused():
    model = model_of(objectives=[dict(type='mmda_ext.LocalClassification')])
    with pytest.raises(ValueError, match='another `task`'):
        model(**model.data_preprocessor(batch_of()), mode='loss')


def test_missing_modality_names_the_sample():
    model, batch = model_of(), batch_of()
    batch['data_samples'][2].set_metainfo(dict(sample_id='D1/P08_01_245_350'))
    del batch['inputs'][2]['audio']
    with pytest.raises(ValueError, match=r"modality 'audio' is missing in sample D1/P08_01_245_350"):
        model.data_preprocessor(batch)
    collated = dict(inputs=dict(video=[torch.zeros(6)]), data_samples=batch['data_samples'][:1])
    with pytest.raises(ValueError, match="modality 'audio' is missing"):
        model.data_preprocessor(collated)
    with pytest.raises(ValueError, match="lacks modality 'audio'"):
        model(dict(video=torch.zeros(2, 6)), mode='tensor')


def test_different_shapes_in_a_batch_are_named():
    model, batch = model_of(), batch_of()
    batch['inputs'][1]['video'] = torch.zeros(7).double()
    with pytest.raises(ValueError, match="modality 'video' has samples of different shapes"):
        model.data_preprocessor(batch)


def test_views_of_a_clip_are_averaged():
    """Two identical views give the prediction of one."""
    preprocessor = dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(
        video=dict(type='mmda_ext.ClipPreprocessor', mean=[1., 2, 3], std=[2., 2, 2], format_shape='NCTHW')))
    model = model_of(('video', ), data_preprocessor=preprocessor, dtype=torch.float32,
                     backbones=dict(video=dict(type=Mean)),
                     fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=3))).eval()
    clip = torch.randint(0, 255, (1, 3, 4, 8, 8), dtype=torch.uint8)
    one = model.data_preprocessor(dict(inputs=dict(video=[clip]), data_samples=[ActionDataSample()]))
    two = model.data_preprocessor(dict(inputs=dict(video=[clip.repeat(2, 1, 1, 1, 1)]),
                                       data_samples=[ActionDataSample()]))
    assert one['inputs']['video'].shape == (1, 3, 4, 8, 8)
    assert two['inputs']['video'].shape == (2, 3, 4, 8, 8)
    expected = (clip.float() - torch.tensor([1., 2, 3]).view(3, 1, 1, 1)) / 2
    torch.testing.assert_close(one['inputs']['video'], expected)
    torch.testing.assert_close(model(**one, mode='tensor'), model(**two, mode='tensor'))


class Mean(torch.nn.Module):

    def forward(self, x):
        return x


def test_reversal():
    x = torch.randn(3, requires_grad=True)
    reverse_gradient(x, .3).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3, ), -.3))


def local_model(**options):
    """GMP as the first author released it later: local heads are balanced, the fused loss is not."""
    return model_of(
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=3, task='fused'),
        objectives=[dict(type='mmda_ext.LocalClassification'),
                    dict(type='mmda_ext.LocalDomainAdversarial', num_domains=2, projection_channels=12,
                         hidden_channels=8)], **options)


def test_local_variant_balances_encoder_and_local_head_together():
    """Its Gramian is that of the encoder and the local class head taken together; all heads learn."""
    model, batch = local_model(), batch_of(size=12)
    wrapper = wrapper_of(model, balancer=dict(type='GMP'))
    before = parameters_of(model)
    torch.manual_seed(3)
    model.train_step(batch, wrapper)
    after = parameters_of(model)
    unmoved = [n for n in after if torch.equal(after[n], before[n]) and not n.endswith('unused')]
    # A bias in front of batch normalisation has no gradient but rounding.
    assert all(n.endswith(('layers.0.bias', 'discriminator.0.bias')) for n in unmoved)

    model.load_state_dict(before, strict=False)
    torch.manual_seed(3)
    model.train()
    fresh = local_model()
    fresh.load_state_dict(before, strict=False)
    torch.manual_seed(3)
    losses = fresh(**fresh.data_preprocessor(batch, True), mode='loss')
    own = [*fresh.modality_heads['video'].parameters(),
           *(p for n, p in fresh.backbones['video'].named_parameters() if n != 'unused')]
    g_c = torch.cat([g.reshape(-1) for g in torch.autograd.grad(losses['loss_cls'], own, retain_graph=True)])
    torch.testing.assert_close(wrapper.balancer.diagnostics['grad_norm_class'][0], g_c.norm())
    weight = wrapper.message_hub.get_scalar('train/balance/weight_cls_video').current()
    step = (before['modality_heads.video.weight'] - after['modality_heads.video.weight']) / .1
    size = own[0].numel()
    torch.testing.assert_close(step.reshape(-1), weight * g_c[:size], rtol=1e-6, atol=1e-9)


def test_local_objectives_weights_and_confidences():
    fusion = dict(in_channels=dict(v=4, a=3))
    features = dict(v=torch.randn(8, 4), a=torch.randn(8, 3))
    labels = torch.arange(8) % 2
    heads = heads_of(fusion['in_channels']).float()
    record = given(features, labels, labels, modality_classifiers=heads)
    terms = LocalClassification(fusion)(record)
    expected = sum(torch.nn.functional.cross_entropy(heads[m](features[m]), labels) for m in features)
    torch.testing.assert_close(terms['loss_cls'], 3 * expected)
    assert terms.probes['cls'].confidences().shape == (2, )
    off = LocalDomainAdversarial(1, fusion)
    assert off(record) == {}
    assert not list(off.parameters())


def test_a_discriminator_may_have_a_fusion_of_its_own():
    """Else it has that of the recognizer."""
    widths = dict(in_channels=dict(v=4, a=3), hidden_channels=5)
    own, shared = (dict(type=f'mmda_ext.{kind}Fusion', **widths) for kind in ('Sum', 'Concat'))
    for head, kind in ((dict(num_domains=2, fusion=own), SumFusion), (dict(num_domains=2), ConcatFusion)):
        assert type(DomainAdversarial(head, shared).head.fusion) is kind


def test_local_discriminator_by_hand():
    """A mean cross-entropy per modality; encoders get -lambda times the gradient, the adversary the plain one."""
    torch.manual_seed(0)
    objective = LocalDomainAdversarial(
        3, dict(in_channels=dict(v=4, a=3)), reversal=.3, loss_weight=.5, projection_channels=6, hidden_channels=5,
        dropout=0.).double()
    features = {m: torch.randn(8, width).double().requires_grad_() for m, width in dict(v=4, a=3).items()}
    domains = torch.tensor([0, 1, 2, 0, 1, 2, -1, -1])
    record = given(features, domains, domains)
    terms = objective(record)
    loss = terms['loss_domain']
    logits = {m: objective.discriminator(objective.project[m](value)) for m, value in features.items()}
    expected = .5 * sum(torch.nn.functional.cross_entropy(value[:6], domains[:6]) for value in logits.values())
    torch.testing.assert_close(loss, expected)
    wanted = [*features.values(), *objective.parameters()]
    got, grads = (torch.autograd.grad(value, wanted, retain_graph=True) for value in (loss, expected))
    torch.testing.assert_close(got, (*(-.3 * grad for grad in grads[:2]), *grads[2:]))
    sums = [value.softmax(1)[range(6), domains[:6]].sum() for value in logits.values()]
    torch.testing.assert_close(terms.probes['domain'].confidences(), torch.stack(sums).detach())


def test_encoder_builder_is_any_module():
    """A backbone needs no registration: a class in a Python config is enough."""
    assert isinstance(model_of(backbone=Encoder).backbones['video'], Encoder)


def test_init_weights_reaches_the_backbones(tmp_path):
    """Checkpoints are loaded through the runner's one call; MMAction2's hold a head beside the backbone."""
    torch.manual_seed(0)
    trained = Encoder(6, 7)
    path = str(tmp_path / 'published.pth')
    state = {f'backbone.{key}': value for key, value in trained.state_dict().items()}
    torch.save(dict(state_dict={**state, 'cls_head.fc_cls.weight': torch.zeros(400, 7)}, meta={}), path)
    audio_path = str(tmp_path / 'H.pth.tar')
    audio = AudioResNet(base_channels=2)
    torch.save(dict(model_state_dict={f'audnet.{k}': v for k, v in audio.state_dict().items()}), audio_path)
    model = model_of(
        pretrained=dict(video=path), dtype=torch.float32,
        backbones=dict(video=dict(type=Encoder, width=6, out=7),
                       audio=dict(type='mmda_ext.AudioResNet', base_channels=2, checkpoint=audio_path,
                                  audio_layer4_init='pretrained')),
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=16)))
    model.init_weights()
    for own, wanted in ((model.backbones['video'], trained), (model.backbones['audio'], audio)):
        for key, value in wanted.state_dict().items():
            assert torch.equal(own.state_dict()[key], value), key
    wrong = model_of(('audio', ), pretrained=dict(audio=path))
    with pytest.raises(ValueError, match='another architecture than Encoder.*layers.0.weight'):
        wrong.init_weights()


def test_a_model_can_be_copied_after_a_step():
    """Averaging hooks copy the model; the graph of the last step must not stand in the way."""
    model = model_of()
    model(**model.data_preprocessor(batch_of()), mode='loss')
    twin = copy.deepcopy(model)
    assert twin.step_record is None
    assert model.step_record is not None
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters()))


@pytest.mark.parametrize('kind', ['OptimWrapper', 'mmda_ext.BalancedOptimWrapper'])
def test_the_order_of_objectives_does_not_matter(kind):
    """Whoever reads heads, projections or losses finds them, in whatever order they are named."""
    named = [dict(type='mmda_ext.EntropyMinimization'), dict(type='mmda_ext.LocalClassification', task='heads'),
             dict(type='mmda_ext.MutualDistillation'), dict(type='mmda_ext.VotingPseudoLabel', min_votes=1),
             dict(type='mmda_ext.CorrelationAlignment', alpha2='auto', class_task='heads')]
    results = []
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0)):
        model, batch = adapting(('video', 'audio'), [named[index] for index in order])
        model.modality_heads.load_state_dict(
            {key: torch.full_like(value, .1) for key, value in model.modality_heads.state_dict().items()})
        options = dict(balancer=dict(type='MGDA')) if 'Balanced' in kind else {}
        torch.manual_seed(1)
        model.train_step(batch, wrapper_of(model, kind, **options))
        results.append(parameters_of(model))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=1e-9, atol=1e-12, msg=name)


def test_checkpoints_from_before_the_model_owned_the_heads():
    model = local_model()
    state = model.state_dict()
    old = {re.sub('^modality_heads', 'objectives.0.heads', name): value for name, value in state.items()}
    fresh = local_model()
    for value in fresh.state_dict().values():
        value.zero_()
    fresh.load_state_dict(old)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, state[name]), name
