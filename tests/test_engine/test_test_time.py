"""Test-time adaptation: known answers, slow references, and models that are afterwards what they were."""

import copy
import json
from contextlib import nullcontext
from math import inf, log
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmda_ext.apis.protocols import run_protocols
from mmda_ext.datasets.samplers import TargetStreamBatchSampler
from mmda_ext.engine.test_time import build, method_names
from mmda_ext.engine.test_time.layers import moving_parameters, norm_layers
from mmda_ext.engine.test_time.read_loss import balance_of
from mmda_ext.engine.test_time.session import Said
from mmda_ext.engine.test_time.sumi import MARGIN, sharing, smooth, weights
from mmda_ext.evaluation.protocols.base import Evaluation, TestedSamples
from mmda_ext.evaluation.protocols.test_time import TestTime
from mmda_ext.models.heads.base import entropies
from tests.test_engine.feature_run import feature_config, run
from tests.tiny import Linear, batch_of, model_of
from tests.two_processes import run_in_two_processes

ROWS = torch.tensor([[2., 0, 0], [.5, .4, 0]], dtype=torch.float64)
SAID = Said({}, ROWS, {})
LEARNING = [name for name in method_names() if name != 'norm']
HEADS = [dict(type='mmda_ext.LocalClassification')]


def near(value):
    return pytest.approx(value, abs=1e-6)


def rows(*values):
    return torch.tensor([values], dtype=torch.float64)


def batches_of(model, count=3, domain='z', size=6):
    """Preprocessed batches of one domain."""
    found = []
    for seed in range(count):
        data = model.data_preprocessor(batch_of(size=size, seed=seed), False)
        for index, sample in enumerate(data['data_samples']):
            sample.set_metainfo(dict(domain=domain, sample_id=f'{domain}/{seed}-{index}'))
        found.append((data['inputs'], data['data_samples']))
    return found


def predict(session, batch):
    found = torch.stack([sample.pred_score for sample in session.predict(*copy.deepcopy(batch))])
    assert not found.requires_grad, 'what is reported holds no graph'
    return found


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_known_answers_of_the_losses():
    assert build('tent').loss(None, SAID)[0].item() == near(.871594)
    assert build('read-loss').loss(None, SAID)[0].item() == near(-.746079)
    assert build('read-loss', balance='mean').loss(None, SAID)[0].item() == near(.277591 - .953955)
    assert balance_of(ROWS.log_softmax(1)).item() == near(1.023670)
    assert weights(entropies(ROWS), MARGIN).tolist() == near([5.979309, 3.960076])
    assert sharing(rows(1, 1, 0), dict(a=rows(1, 0, 0), v=rows(0, 1, 0))).item() == near(.424117)


def test_three_modalities_share_with_the_mean_of_the_others():
    heads = dict(a=rows(1, 0, 0), b=rows(0, 1, 0), c=rows(0, 0, 2))
    p, own = rows(1, 1, 0).softmax(1), {name: value.softmax(1) for name, value in heads.items()}
    expected = 0
    for name, value in own.items():
        target = (sum(other for key, other in own.items() if key != name) / 2 + p) / 2
        expected += (target * (target / value).log()).sum().item()
    assert sharing(rows(1, 1, 0), heads).item() == pytest.approx(expected)


def test_sharing_has_a_gradient_where_a_probability_rounds_to_nothing():
    logits, head = (torch.tensor([[0., -200., 3.]], requires_grad=True) for _ in range(2))
    sharing(logits, dict(a=head, v=head * 1)).sum().backward()
    assert logits.grad.isfinite().all()
    assert head.grad.isfinite().all()


def test_the_slope_of_tent_by_hand():
    x = torch.tensor([[1., -1], [2, 0]], dtype=torch.float64)
    scale, shift = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    loss, count = build('tent').loss(None, Said({}, scale.requires_grad_() * x + shift.requires_grad_(), {}))
    loss.backward()
    assert (loss.item(), count) == (near(.365334), 2)
    assert scale.grad.tolist() == near([-.314981, -.104994])
    assert shift.grad.tolist() == near([-.209987, .209987])


def test_the_middle_is_of_the_range_and_grows():
    column = torch.tensor([[0.], [1], [2], [10], [5]], dtype=torch.float64)
    assert smooth(column, 0).tolist() == [False, False, False, False, True]
    assert smooth(column, .08).tolist() == [False, False, True, False, True]  # from 1.9 to 8.1
    assert smooth(column, 1).all()
    two_of_three = torch.cat([column, column, column.flip(0)], 1)
    assert smooth(two_of_three, 0).tolist() == [False] * 4 + [True]
    assert not smooth(two_of_three, .2)[4], 'more of the dimensions must lie there later'


def test_normalisation_of_every_kind_and_dimension_is_found():
    layers = [nn.BatchNorm1d(2), nn.BatchNorm2d(2), nn.BatchNorm3d(2), nn.SyncBatchNorm(2), nn.LayerNorm(2),
              nn.GroupNorm(1, 2), nn.InstanceNorm3d(2, affine=True)]
    assert norm_layers(nn.Sequential(nn.Linear(2, 2), nn.Sequential(*layers), nn.ReLU())) == layers


def names_of(model, params, front=1.):
    found = {id(own) for own in moving_parameters(model, params, front, 'x')}
    return [name for name, own in model.named_parameters() if id(own) in found]


def test_what_moves():
    model = model_of(objectives=HEADS)
    norms = ['backbones.video.layers.1.weight', 'backbones.video.layers.1.bias',
             'backbones.audio.layers.1.weight', 'backbones.audio.layers.1.bias']
    assert names_of(model, 'norm') == norms
    assert names_of(model, 'fusion') == ['cls_head.fusion.hidden.weight', 'cls_head.fusion.hidden.bias']
    heads = [f'modality_heads.{name}.{kind}' for name in ('video', 'audio') for kind in ('weight', 'bias')]
    assert names_of(model, 'heads') == ['cls_head.fusion.output.weight', 'cls_head.fusion.output.bias', *heads]
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=6), hidden_channels=None)
    linear = [f'cls_head.fusion.output.{kind}' for kind in ('weight', 'bias')]
    assert names_of(model_of(fusion=fusion), 'fusion') == linear, 'all of it where it is linear'
    model.objectives[0].teacher = copy.deepcopy(model.backbones)
    assert names_of(model, 'norm') == norms, 'teachers do not predict'
    model.backbones['video'] = nn.Sequential(*(nn.LayerNorm(2) for _ in range(4)))
    assert len(names_of(model, 'norm', .75)) == 2 * 3 + 2


def test_batch_statistics_by_hand_and_no_step():
    model = model_of().eval()
    before = state_of(model)
    (inputs, samples), = batches_of(model, 1)
    with build('norm').on(model) as session:
        found = predict(session, (inputs, samples))
    with torch.no_grad():
        plain = torch.stack([sample.pred_score for sample in model.predict(*copy.deepcopy((inputs, samples)))])
    features = {}
    for name, backbone in model.backbones.items():
        first, norm, *_, last = backbone.layers
        hidden = first(inputs[name])
        hidden = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + norm.eps).sqrt()
        features[name] = last((hidden * norm.weight + norm.bias).relu())
    torch.testing.assert_close(found, model.cls_head(features).softmax(1))
    assert not torch.allclose(found, plain)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with build('tent', lr=0, batch_size=6).on(model) as session:
        assert torch.equal(predict(session, (inputs, samples)), found), 'a rate of 0 is batch statistics alone'


@pytest.mark.parametrize('name', method_names())
@pytest.mark.parametrize('params', ['norm', 'fusion'])
def test_the_model_is_afterwards_what_it_was(name, params):
    model = model_of(objectives=HEADS).train()
    model.backbones['audio'].layers[1].weight.requires_grad_(False)
    held = [model.cls_head.fusion.hidden.weight, model.backbones['video'].layers[1].weight]
    for own in held:
        own.grad = torch.ones_like(own)
    before, flags = state_of(model), [own.requires_grad for own in model.parameters()]
    batches = batches_of(model)
    with build(name, **({} if name == 'norm' else dict(lr=.5, params=params))).on(model, dict(z=3)) as session, \
            torch.no_grad():
        asking = [own for own in model.parameters() if own.requires_grad]
        assert set(map(id, asking)) == set(map(id, session.parameters)), 'no gradient is made for what does not move'
        for batch in batches:
            predict(session, batch)
        moved = [key for key, value in model.state_dict().items() if not torch.equal(value, before.get(key, value))]
        assert session.record.batches == 3
        assert bool(moved) == bool(session.record.steps)
        assert name not in ('tent', 'read-loss') or session.record.steps == 3
        allowed = () if name == 'norm' else ('.layers.1.', ) if params == 'norm' else ('fusion.hidden', )
        assert all(any(part in key for part in allowed) for key in moved)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in after.items())
    assert [own.requires_grad for own in model.parameters()] == flags
    assert model.training
    assert {id(own) for own in model.parameters() if own.grad is not None} == set(map(id, held))
    assert all(torch.equal(own.grad, torch.ones_like(own)) for own in held)


def test_a_step_is_that_of_momentum_by_hand():
    model = model_of().eval()
    batches = batches_of(model)
    slow = copy.deepcopy(model)
    norms = [backbone.layers[1] for backbone in slow.backbones.values()]
    for norm in norms:
        norm.train()
    moving = [own for norm in norms for own in (norm.weight, norm.bias)]
    optimizer = torch.optim.SGD(moving, lr=.3 * 6 / 64, momentum=.9)
    behind = build('tent', lr=.3, predict='after').on(copy.deepcopy(model))
    with build('tent', lr=.3).on(model) as before, behind as after:
        for inputs, samples in batches:
            for found, late in ((predict(before, (inputs, samples)), False), (predict(after, (inputs, samples)), True)):
                if late:
                    optimizer.zero_grad()
                    p = slow(inputs, samples).softmax(1)
                    (-(p * p.log()).sum(1).mean()).backward()
                    optimizer.step()
                torch.testing.assert_close(found, slow(inputs, samples).softmax(1))


def test_every_domain_begins_from_the_trained_weights():
    model = model_of().eval()
    batches = batches_of(model)
    with build('tent', lr=5.).on(model) as session:
        alone = [predict(session, batch) for batch in batches]
    with build('tent', lr=5.).on(model) as session:
        for batch in batches_of(model, 2, 'y'):
            predict(session, batch)
        again = [predict(session, batch) for batch in batches]
        assert session.record.resets == 1
    assert all(map(torch.equal, alone, again)), 'weights and momentum are new'
    assert not torch.equal(predict_once(model, batches[1]), alone[1])
    with build('tent', lr=5., reset='batch').on(model) as session:
        found = [predict(session, batch) for batch in batches]
    assert torch.equal(found[1], predict_once(model, batches[1]))


def predict_once(model, batch):
    with build('tent', lr=5.).on(model) as session:
        return predict(session, batch)


def test_sar_takes_the_reliable_samples_and_their_slope_above():
    model = model_of().eval()
    batch = batches_of(model, 1, size=12)[0]
    with torch.no_grad():
        model.cls_head.fusion.output.weight.mul_(40)
    slow = copy.deepcopy(model)
    with build('sar', lr=2., predict='after').on(model) as session:
        found = predict(session, batch)
        assert (session.record.steps, session.record.skipped) == (1, 0)
        kept, mean = session.record.kept, session.memory['loss']
    norms = [backbone.layers[1] for backbone in slow.backbones.values()]
    moving = [own for norm in norms for own in (norm.weight, norm.bias)]
    for norm in norms:
        norm.train()

    def entropy():
        p = slow(*batch).softmax(1)
        return -torch.special.xlogy(p, p).sum(1)

    first = entropy()
    reliable = first < .4 * log(3)
    assert 0 < reliable.sum() < 12
    slope = torch.autograd.grad(first[reliable].mean(), moving)
    length = torch.cat([value.flatten() for value in slope]).norm()
    with torch.no_grad():
        for own, value in zip(moving, slope):
            own.add_(.05 * value / length)
    second = entropy()[reliable]
    still = second < .4 * log(3)
    loss = second[still].mean()
    down = torch.autograd.grad(loss, moving)
    with torch.no_grad():
        for own, up, value in zip(moving, slope, down):
            own.sub_(.05 * up / length + 2. * 12 / 64 * value)
    assert (kept, mean) == (int(still.sum()), pytest.approx(loss.item()))
    torch.testing.assert_close(found, slow(*batch).softmax(1))


def test_sar_skips_what_is_not_reliable_and_resets_what_collapsed():
    model = model_of().eval()
    batch = batches_of(model, 1)[0]
    with torch.no_grad():
        model.cls_head.fusion.output.weight.mul_(0)
    with build('sar', lr=9.).on(model) as session:
        start = state_of(model)
        predict(session, batch)
        assert (session.record.steps, session.record.skipped) == (0, 1)
        assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())
        for values, resets, memory in ((.5, 0, .5), (.01, 0, .9 * .5 + .1 * .01), (-4., 1, None)):
            build('sar')._recover(session, torch.tensor(values), 1000)
            assert session.record.resets == resets
            assert session.memory.get('loss') == (memory and pytest.approx(memory))
        build('sar')._recover(session, torch.tensor(.19), 1000)
        assert session.record.resets == 2
        build('sar')._recover(session, torch.tensor(.19), 8)  # 0.2 ln 8 / ln 1000 = 0.06
        assert session.record.resets == 2


def test_sar_keeps_what_is_sure_by_hand():
    logits, done = torch.tensor([[4., 0, 0], [.5, .4, 0], [2, 0, 0]], dtype=torch.float64), []
    assert entropies(logits).tolist() == near([.177324, 1.077614, .665573])
    session = SimpleNamespace(
        memory={}, gradients=lambda loss: done.append(loss.item()) or [torch.ones(1)], moved=lambda by: nullcontext(),
        forward=lambda: Said({}, logits[[0, 0, 2]], {}), descend=lambda found, kept: done.append(kept),
        reset=lambda: None)
    build('sar').step(session, Said({}, logits, {}))
    # 0.4 ln 3 = 0.439445 lies between the first and the others; the second is sure too late.
    assert done == [near(.177324), near(.177324), 1]


def test_small_batches_take_small_steps():
    for size, factor in ((1, 1 / 64), (32, .5), (64, 1), (200, 1)):
        assert build('tent', lr=2.).rate(size) == 2 * factor
        assert build('sar', lr=2.).rate(size) == 2 * factor * (2 if size == 1 else 1)


def test_read_weighs_the_modalities_by_adam():
    model = model_of().eval()
    batches, slow = batches_of(model), copy.deepcopy(model)
    hidden = slow.cls_head.fusion.hidden
    optimizer = torch.optim.Adam(hidden.parameters(), lr=.02 * 6 / 64)
    with build('read-loss', lr=.02).on(model) as session:
        for inputs, samples in batches:
            p = slow(inputs, samples).softmax(1)
            surest, total = p.max(1)[0], p.sum(0).softmax(0)
            optimizer.zero_grad()
            (-(surest * surest.log()).mean() + (total * total.log()).sum()).backward()
            optimizer.step()
            torch.testing.assert_close(predict(session, (inputs, samples)), slow(inputs, samples).softmax(1))


class Volumes(nn.Module):
    """A convolution over a little volume with its normalisation in front of the features."""

    def __init__(self, width, out, norm):
        super().__init__()
        self.convolution, self.norm, self.last = nn.Conv3d(1, 4, 1), norm, nn.Linear(4, out)

    def forward(self, x):
        return self.last(self.norm(self.convolution(x[:, None, None, None])).relu().mean((2, 3, 4)))


@pytest.mark.parametrize('name', ['tent', 'sar'])
@pytest.mark.parametrize('norm', [nn.BatchNorm3d(4), nn.GroupNorm(2, 4), nn.LayerNorm([4, 1, 1, 6])], ids=str)
def test_one_sample_alone_where_its_normalisation_has_statistics(norm, name):
    backbones = dict(video=dict(type=Volumes, width=6, out=7, norm=copy.deepcopy(norm)),
                     audio=dict(type=Linear, weight=torch.ones(6, 5).tolist()))
    model = model_of(backbones=backbones).eval()
    with torch.no_grad():
        model.cls_head.fusion.output.weight.mul_(40)
    batches, slow = batches_of(model, 2, size=1), copy.deepcopy(model)
    own = slow.backbones['video'].norm.train()
    optimizer = torch.optim.SGD(own.parameters(), lr=.1 / 64, momentum=.9)
    with build(name, lr=.1).on(model) as session:
        for inputs, samples in batches:
            p = slow(inputs, samples).softmax(1)
            found = predict(session, (inputs, samples))
            if name == 'tent':
                torch.testing.assert_close(found, p.detach())
                optimizer.zero_grad()
                (-(p * p.log()).sum(1).mean()).backward()
                optimizer.step()
        assert session.record.steps + session.record.skipped == 2
        assert name == 'sar' or session.record.steps == 2


@pytest.mark.parametrize('batch', [1, 2])
def test_a_step_of_sumi_is_of_what_it_keeps(batch):
    model = model_of(objectives=HEADS).eval()
    (inputs, samples), = batches_of(model, 1, size=24)
    with torch.no_grad():
        model.cls_head.fusion.output.weight.mul_(40)
        for head in model.modality_heads.values():
            head.weight.mul_(60)
    slow = copy.deepcopy(model)
    norms = [backbone.layers[1].train() for backbone in slow.backbones.values()]
    optimizer = torch.optim.Adam([own for norm in norms for own in norm.parameters()], lr=.05 * 24 / 64)
    features = {name: backbone(inputs[name]) for name, backbone in slow.backbones.items()}
    log_p, *alone = (value.log_softmax(1) for value in (
        slow.cls_head(features), *(head(features[name]) for name, head in slow.modality_heads.items())))
    entropy, video, audio = (-(value.exp() * value).sum(1) for value in (log_p, *alone))
    bound = (log(1000) / 2 - 1) * log(3) / log(1000)
    parts = (smooth(torch.cat(list(features.values()), 1), batch / 4), entropy <= bound,
             (video + audio) / 2 >= 2.718281828 / 10 * log(3) / log(1000))
    keep = parts[0] & parts[1] & parts[2]
    assert keep.any()
    assert all((one & other & ~keep).any() for one, other in (parts[:2], parts[::2])), 'each bound takes samples out'
    shared = sum((target * (target.log() - own)).sum(1) for own, other in (alone, alone[::-1])
                 for target in [(other.exp() + log_p.exp()) / 2])
    total = log_p.exp()[keep].sum(0).softmax(0)
    terms = entropy + 5 * shared if batch < 2 else entropy
    loss = ((bound - entropy.detach()).exp() * terms)[keep].mean() + (total * total.log()).sum()
    loss.backward()
    optimizer.step()
    with build('sumi', lr=.05).on(model, dict(z=4)) as session:
        session.domain, session.batch, session.record.batches = 'z', batch, 1
        session._inputs, session._samples = inputs, samples
        found, number = session.method.loss(session, session.forward())
        assert (found.item(), number) == (pytest.approx(loss.item()), keep.sum())
        torch.testing.assert_close(predict(session, (inputs, samples)), slow(inputs, samples).softmax(1))
        assert session.record.kept == keep.sum()


class Infos:
    """A data set of nothing but what a sampler asks."""

    def __init__(self, domains, labels=None):
        known = [{}] * len(domains) if labels is None else [dict(gt_label=label) for label in labels]
        self.infos = [dict(domain=domain, sample_id=str(index), **known[index]) for index, domain in enumerate(domains)]

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def stream(data, size, **options):
    return TargetStreamBatchSampler(type('Sampler', (), dict(dataset=data)), size, **options)


def test_a_stream_shows_every_sample_once_domain_by_domain():
    domains = list('ab' * 5 + 'a' * 7)
    data = Infos(domains, [(3 * index) % 4 for index in range(17)])
    one = stream(data, 5)
    assert one.batches == dict(a=3, b=1)
    assert [len(batch) for batch in one] == [4, 4, 4, 5]
    assert len(one) == 4
    assert sorted(sum(one, [])) == list(range(17))
    assert [{domains[index] for index in batch} for batch in one] == [{'a'}] * 3 + [{'b'}]
    assert list(one) == list(stream(data, 5)) != list(stream(data, 5, seed=1))
    classes = [data.infos[index]['gt_label'] for batch in stream(data, 5, order='sorted') for index in batch]
    assert classes == [*sorted(classes[:12]), *sorted(classes[12:])]
    with pytest.raises(ValueError, match="order='sorted' is by class, and sample 0 has no label: use shuffled"):
        stream(Infos('ab'), 5, order='sorted')


@pytest.mark.parametrize(('name', 'options', 'message'), [
    ('tnt', {}, "--test-time='tnt' is unknown: choose one of 'norm', 'read-loss'"),
    ('tent', dict(rate=1), "an option of test_time.tent='rate' is unknown: choose one of 'lr', 'params'"),
    ('tent', dict(lr=-1), 'test_time.tent.lr=-1 must be a number from 0 on'),
    ('tent', dict(lr=inf), 'test_time.tent.lr=inf must be a number from 0 on'),
    ('sar', dict(predict='never'), "test_time.sar: predict='never' is unknown"),
    ('norm', dict(order='random'), "test_time.norm: order='random' is unknown"),
    ('norm', dict(batch_size=0), 'test_time.norm.batch_size=0 must be a whole number from 1 on'),
    ('norm', dict(seed='a'), "test_time.norm.seed='a' must be a whole number from 0 on"),
    ('tent', dict(params='all'), "test_time.tent: params='all' is unknown: choose one of 'norm', 'fusion', 'heads'"),
    ('tent', dict(lr=True), 'test_time.tent.lr=True must be a number from 0 on'),
    ('read-loss', dict(balance='x'), "test_time.read-loss: balance='x' is unknown"),
])
def test_options_are_checked(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


def plain_model(**options):
    """Without any normalisation layer."""
    return model_of(backbones={name: dict(type=Linear, weight=torch.ones(width + 1, width).tolist())
                               for name, width in dict(video=6, audio=5).items()}, **options).eval()


def run_on(model, name, batches, **options):
    with build(name, **options).on(model) as session:
        for batch in batches:
            predict(session, batch)


def test_what_cannot_be_adapted_is_one_sentence():
    plain, model = plain_model(), model_of().eval()
    with pytest.raises(ValueError, match='test_time.tent.params=norm adapts .* and the model has none: set test_time.'):
        run_on(plain, 'tent', ())
    with pytest.raises(ValueError, match='test_time.norm takes the statistics of batch normalisation from the'):
        run_on(plain, 'norm', ())
    run_on(plain, 'tent', batches_of(plain), params='fusion')
    with pytest.raises(ValueError, match='test_time.sumi compares what two modalities or more predict alone: add'):
        run_on(model, 'sumi', ())
    with pytest.raises(ValueError, match='it must know how many batches will: give `batches`'):
        run_on(model_of(objectives=HEADS), 'sumi', batches_of(model))
    mixed = batches_of(model)
    mixed[0][1][0].set_metainfo(dict(domain='y'))
    with pytest.raises(ValueError, match='a batch holds samples of y, z: use mmda_ext.TargetStreamBatchSampler'):
        run_on(model, 'norm', mixed)
    with pytest.raises(ValueError, match='one value per channel in the batch of sample z/0-0, and one value has'):
        run_on(model, 'tent', batches_of(model, 1, size=1))
    run_on(model, 'tent', batches_of(model, 1, size=1), params='fusion')
    with pytest.raises(ValueError, match='is not finite in the batch of sample z/0-0: lower `lr`'):
        run_on(model, 'tent', [({**batches_of(model)[0][0], 'video': torch.full((6, 6), inf, dtype=torch.float64)},
                                batches_of(model)[0][1])])
    with torch.inference_mode(), pytest.raises(ValueError, match=r"reaches none of the 4 tensors .*params='norm'"):
        run_on(model, 'tent', batches_of(model))
    assert all(own.requires_grad for own in model.parameters())
    assert all(layer.running_mean is not None for layer in norm_layers(model)), 'put back after a refusal, too'


def _refused(rank):
    method = build('norm')
    with pytest.raises(ValueError, match='--test-time adapts to the samples in their order'), method.on(model_of()):
        pass


def test_two_processes_are_refused():
    run_in_two_processes(_refused)


def test_the_hook_adapts_a_test_and_puts_everything_back(tmp_path):
    cfg = feature_config('heads', tmp_path, tmp_path / 'run', epochs=1)
    cfg.custom_hooks.append(dict(type='mmda_ext.TestTimeHook', method='tent', lr=3., batch_size=16, predict='after',
                                  seed=2))
    runner = run(cfg)
    hook = next(hook for hook in runner.hooks if type(hook).__name__ == 'TestTimeHook')
    told = json.loads((tmp_path / 'run' / 'result.json').read_text())['test_time']
    assert told == dict(method='tent', options={**vars(hook.method)}, record=hook.record)
    assert (told['options']['lr'], told['record']['steps']) == (3., 2)
    with pytest.raises(ValueError, match='compare with the model as it is, and `custom_hooks` of .* adapt it'):
        run_protocols(runner, ['trust'])
    loader = runner.test_loop.dataloader
    runner._hooks = [hook, type(hook)('norm')]
    with pytest.raises(ValueError, match='`custom_hooks` hold two TestTimeHook'):
        runner.test_loop.run()
    hook.close()
    assert runner.test_loop.dataloader is loader
    runner._hooks = [hook]
    before = state_of(runner.model)
    adapted = runner.test_loop.run()
    assert all(torch.equal(value, before[name]) for name, value in runner.model.state_dict().items())
    assert runner.test_loop.dataloader is loader
    assert 'predict' not in vars(runner.model)
    assert hook.record == dict(parameters=32, batches=2, steps=2, skipped=0, kept=30, resets=0, without_gradient=0,
                               smallest_batch=15, on_batches=2)
    sampler = TargetStreamBatchSampler(loader.sampler, 16, seed=2)
    right = []
    with build('tent', lr=3., predict='after').on(runner.model) as session:
        for batch in sampler:
            data = runner.model.data_preprocessor(loader.collate_fn([loader.dataset[index] for index in batch]), False)
            right += [int(sample.pred_label) == int(sample.gt_label)
                      for sample in session.predict(data['inputs'], data['data_samples'])]
    assert adapted['acc/top1'] == pytest.approx(100 * sum(right) / 30)
    runner._hooks = kept = [TestedSamples()]
    found = TestTime(dict(tent=hook.method)).evaluate(Evaluation(runner, ()))['methods']['tent']
    assert (found['metrics'], found['record']) == (adapted, hook.record)
    assert runner._hooks is kept
    assert not kept[0].outputs, 'hooks of the run see the test without adaptation alone'
