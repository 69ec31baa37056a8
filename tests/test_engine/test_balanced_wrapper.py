"""Gradients written by the balanced wrapper against a slow reference: full backwards, vectors, textbook projection."""

import copy
import math
from functools import partial

import pytest
import torch

from mmda_ext.balancing import GMP, Balancer
from tests.tiny import Linear, batch_of, model_of, parameters_of, sample_of, wrapper_of

MODALITIES = ('video', 'audio', 'flow')


def written_gradients(model, batch, seed=5, **options):
    """Run one step and return the gradients that reached the optimizer, by parameter name."""
    wrapper = wrapper_of(model, **options)
    seen = {}

    def step(**_):
        seen.update({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})

    wrapper.step = step
    torch.manual_seed(seed)
    model.train_step(batch, wrapper)
    return seen, wrapper


def reference(model, batch, balancer, seed=5):
    """The same by separate full backward passes through everything and explicit vectors."""
    model = copy.deepcopy(model)
    torch.manual_seed(seed)
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    record = model.step_record
    named = dict(model.named_parameters())

    def gradient(loss, names):
        grads = torch.autograd.grad(loss, [named[n] for n in names], retain_graph=True, allow_unused=True)
        return dict(zip(names, grads))

    per_modality = {m: [n for n in named if n.startswith(f'backbones.{m}.')] for m in record.step.features}
    heads = [n for n in named if not n.startswith('backbones.')]
    out = gradient(losses['loss_cls'] + losses['loss_domain'], heads)
    ratios = {}
    for task in ('cls', 'domain'):
        sums = record.probes[task].confidences().tolist()
        others = [(sum(sums) - s) / max(len(sums) - 1, 1) for s in sums]
        ratios[task] = [1.0 if len(sums) == 1 else (s / o if task == 'cls' else o / s) for s, o in zip(sums, others)]
    for index, names in enumerate(per_modality.values()):
        used = [n for n in names if not n.endswith('unused')]
        vectors = [torch.cat([g.reshape(-1) for g in gradient(losses[f'loss_{t}'], used).values()])
                   for t in ('cls', 'domain')]
        total = textbook(*vectors, ratios['cls'][index], ratios['domain'][index], balancer)
        for name in used:
            size = named[name].numel()
            out[name], total = total[:size].reshape(named[name].shape), total[size:]
    return out


def textbook(g_c, g_d, rho, sigma, balancer):
    k = 1 - math.tanh(balancer.alpha_k * rho) if rho > 1 else 1.0
    p = 1 - math.tanh(balancer.alpha_p * sigma) if sigma > 1 else 1.0
    k, p = dict(decoupled=(k, p), unified=(k, k), class_only=(k, 1.), domain_only=(1., p), none=(1., 1.))[
        balancer.modulation]
    c, d = k * g_c, p * g_d
    if balancer.projection == 'none' or c @ d >= 0:
        return c + d
    without_d, without_c = c - (c @ d) / (d @ d) * d, d - (d @ c) / (c @ c) * c
    chosen = balancer.projection
    if chosen in ('adaptive', 'reverse'):
        chosen = 'class' if (rho / sigma >= 1) == (chosen == 'adaptive') else 'domain'
    return dict(both=without_d + without_c, **{'class': without_d + d, 'domain': c + without_c})[chosen]


@pytest.mark.parametrize('modulation', GMP.modulations)
@pytest.mark.parametrize('projection', GMP.projections)
@pytest.mark.parametrize('count', [1, 2, 3])
def test_equals_reference(modulation, projection, count):
    conflicts = 0
    for seed, dtype, tolerance in ((0, torch.float64, 1e-12), (1, torch.float64, 1e-12), (2, torch.float32, 1e-6)):
        names = MODALITIES[:count]
        model, batch = model_of(names, seed=seed, dtype=dtype), batch_of(names, seed=seed, dtype=dtype)
        expected = reference(model, batch, GMP(modulation=modulation, projection=projection))
        got, wrapper = written_gradients(model, batch, balancer=dict(
            type='mmda_ext.GMP', modulation=modulation, projection=projection))
        assert got.keys() == expected.keys()
        scale = max(float(value.abs().max()) for value in expected.values())
        for name, value in expected.items():
            assert float((got[name] - value).abs().max()) <= tolerance * scale, name
        conflicts += float(wrapper.balancer.diagnostics.get('conflict', torch.zeros(1)).sum())
    assert projection == 'none' or conflicts > 0, 'these seeds never reach the projection'


CASE_2 = dict(
    encoders=dict(video=[[0, 2], [.5, -1]], audio=[[-.5, -1.5], [1.5, 0]]),
    classifier=[[-1.5, -1, -1, -1], [.5, -1, -1, 0]], discriminator=[[-1.5, -1, -.5, -1], [.5, -1.5, .5, 2]],
    losses=(.549022, 2.029296), confidence_cls=(.5 + .982014 + .982014, .182426 + .679179 + .182426),
    confidence_domain=(.562177 + .989013 + .014064, .004070 + .622459 + .982014),
    dots=((.219086, .322607, -.227825), (.154888, .329780, -.195277)), Gamma=(2.296596, .435427),
    rho=(2.360112, .423709), sigma=(1.027657, .973087), k=(.172531, 1), p=(.527077, 1),
    weights=[[.172531, .648918], [2.260760, 1]],
    video=[[-.256873, -.131838], [.084195, .030039]], audio=[[-.071543, .166912], [.442295, -.099338]])
CASE_3 = dict(
    encoders=dict(video=[[1, .5], [-.5, 1]], audio=[[.5, -.5], [1, 0]]),
    classifier=[[1, -1, .2, .4], [-.5, 1, -.4, .1]], discriminator=[[.6, -.2, -.5, .8], [-.6, .4, .3, -.7]],
    losses=(.510960, .631685), dots=((None, None, .005126), (.021938, .089287, -.000268)),
    Gamma=(None, .540855), rho=(1.036376, .964901), sigma=(.560529, 1.784030), k=(.523700, 1), p=(1, .287613),
    weights=[[.523700, 1], [1.003519, .287613]],
    video=[[.276692, .187361], [-.285412, -.303115]], audio=[[-.094540, .088844], [-.107574, -.030340]])


@pytest.mark.parametrize('case', [CASE_2, CASE_3], ids=['conflict', 'one-conflict'])
def test_known_answers_end_to_end(case):
    linear = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=2, audio=2), hidden_channels=None)
    model = model_of(
        backbones={m: dict(type=Linear, weight=w) for m, w in case['encoders'].items()}, fusion=linear, num_classes=2,
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=2, modality_logits='linearised'),
        objectives=[dict(type='mmda_ext.DomainAdversarial', head=dict(
            num_domains=2, reversal=.5, modality_logits='linearised'))])
    classifier, discriminator = model.cls_head.fusion.output, model.objectives[0].head.fusion.output
    with torch.no_grad():
        for layer, weight, bias in ((classifier, case['classifier'], (.1, -.1)),
                                    (discriminator, case['discriminator'], (0, 0))):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    video, audio = [(1, 0), (0, 1), (1, 1)], [(1, -1), (.5, 1), (-1, 0)]
    batch = dict(
        inputs=[dict(video=torch.tensor(v).double(), audio=torch.tensor(a).double()) for v, a in zip(video, audio)],
        data_samples=[sample_of(y, d) for y, d in zip((0, 1, 1), (0, 1, 0))])
    losses = model(**model.data_preprocessor(batch), mode='loss')
    assert [losses['loss_cls'].item(), losses['loss_domain'].item()] == pytest.approx(case['losses'], abs=2e-6)
    got, wrapper = written_gradients(model, batch, balancer=dict(type='mmda_ext.GMP'))
    for key in ('rho', 'sigma', 'k', 'p'):
        assert wrapper.balancer.diagnostics[key].tolist() == pytest.approx(case[key], abs=2e-6), key
    for index, name in enumerate(('video', 'audio')):
        expected = torch.tensor(case[name]).double()
        torch.testing.assert_close(got[f'backbones.{name}.weight'], expected, atol=2e-6, rtol=0)
        weights = [balancer_weight(wrapper, task, index) for task in ('cls', 'domain')]
        assert weights == pytest.approx(case['weights'][index], abs=2e-6)
        seen = {key: float(value[index]) for key, value in wrapper.balancer.diagnostics.items()}
        lengths = seen['grad_norm_class'], seen['grad_norm_domain']
        values = (lengths[0]**2, lengths[1]**2, seen['cosine'] * lengths[0] * lengths[1], seen['Gamma'],
                  3 * seen['confidence_cls'], 3 * seen['confidence_domain'])
        known = (*case['dots'][index], case['Gamma'][index],
                 *(case[key][index] if key in case else None for key in ('confidence_cls', 'confidence_domain')))
        for value, answer in zip(values, known):
            assert answer is None or value == pytest.approx(answer, abs=3e-6)


def test_stock_wrapper_is_the_plain_sum():
    """Base: the same recognizer under OptimWrapper, under Sum and under a GMP with everything off."""
    results = []
    for options in (dict(kind='OptimWrapper'), dict(balancer=dict(type='Sum')),
                    dict(balancer=dict(type='mmda_ext.GMP', modulation='none', projection='none'))):
        model = model_of()
        wrapper = wrapper_of(model, **options)
        for step in range(3):
            torch.manual_seed(step)
            model.train_step(batch_of(seed=step), wrapper)
        results.append(parameters_of(model))
    for other in results[1:]:
        for name, value in results[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('balancer', [dict(type='GMP'), dict(type='GMP', projection='none'),
                                      dict(type='GMP', space='feature'), dict(type='Sum')], ids=str)
def test_two_accumulated_halves_equal_one_batch(balancer):
    """Without batch normalisation and dropout, which tie a sample to its batch."""
    whole = batch_of(size=8, seed=3)
    halves = [dict(inputs=whole['inputs'][i:i + 4], data_samples=whole['data_samples'][i:i + 4]) for i in (0, 4)]
    plain = dict(seed=2, backbone=NoNorm)
    one, two = without_dropout(model_of(**plain)), without_dropout(model_of(**plain))
    one_wrapper = wrapper_of(one, balancer=balancer)
    two_wrapper = wrapper_of(two, balancer=balancer, accumulative_counts=2)
    for _ in range(3):
        one.train_step(whole, one_wrapper)
        for half in halves:
            two.train_step(half, two_wrapper)
    for name, value in parameters_of(one).items():
        torch.testing.assert_close(dict(two.named_parameters())[name], value, rtol=1e-10, atol=1e-12)


class NoNorm(torch.nn.Sequential):

    def __init__(self, width, out):
        super().__init__(torch.nn.Linear(width, 8), torch.nn.Tanh(), torch.nn.Linear(8, out))


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


class CountBackward(torch.autograd.Function):
    calls = 0

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        CountBackward.calls += 1
        return grad


class Counted(NoNorm):

    def forward(self, x):
        return self[2](CountBackward.apply(self[1](self[0](x))))


@pytest.mark.parametrize(('balancer', 'passes'), [
    (dict(type='Sum'), 1), (dict(type='GMP', projection='none'), 1), (dict(type='GMP', space='feature'), 1),
    (dict(type='GMP'), 2)], ids=str)
def test_number_of_encoder_backward_passes(balancer, passes):
    model = model_of(backbone=Counted)
    CountBackward.calls = 0
    model.train_step(batch_of(), wrapper_of(model, balancer=balancer))
    assert CountBackward.calls == passes * 2


class Shift(torch.nn.Module):
    """``z = x + theta``: with one sample, J J^T is the identity."""

    def __init__(self, width, out):
        super().__init__()
        self.theta = torch.nn.Parameter(torch.zeros(width, dtype=torch.float64))

    def forward(self, x):
        return x + self.theta


@pytest.mark.parametrize('seed', range(6))
def test_feature_space_is_exact_where_jacobians_are_orthogonal(seed):
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=6, audio=5), hidden_channels=16)
    model, batch = model_of(backbone=Shift, fusion=fusion, seed=seed), batch_of(size=1, seed=seed)
    one, _ = written_gradients(copy.deepcopy(model), batch, balancer=dict(type='GMP'))
    two, _ = written_gradients(model, batch, balancer=dict(type='GMP', space='feature'))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-10, atol=1e-14)


def test_discriminator_learns_and_encoders_oppose_it():
    """Frozen encoders: L_d falls. Encoders alone: L_d rises."""
    batch = batch_of(size=16)

    def domain_loss(model):
        model.eval()
        return model(**model.data_preprocessor(batch), mode='loss')['loss_domain'].item()

    for part, sign in (('objectives', -1), ('backbones', 1)):
        model = without_dropout(model_of(backbone=NoNorm))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(part))
        before = domain_loss(model)
        balancer = OnlyDomain()
        wrapper = wrapper_of(model, balancer=balancer, lr=.1)
        for _ in range(20):
            model.train_step(batch, wrapper)
        assert sign * (domain_loss(model) - before) > 1e-3


class OnlyDomain(Balancer):
    """Moves encoders by the domain loss alone."""

    def weights(self, inputs):
        table = torch.zeros_like(inputs.ones())
        table[:, inputs.tasks.index('domain')] = 1
        return table


def test_losses_outside_the_balance_have_weight_one():
    extra = dict(type='mmda_ext.LocalClassification', task='aux', loss_weight=1.)
    adversary = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
    for space in ('parameter', 'feature'):
        model = without_dropout(model_of(objectives=[adversary, extra], backbone=NoNorm))
        batch = batch_of(seed=4)
        balancer = GMP(space=space)
        got, wrapper = written_gradients(model, batch, balancer=balancer)
        losses = model(**model.data_preprocessor(batch), mode='loss')
        weights = {t: [balancer_weight(wrapper, t, m) for m in range(2)] for t in ('cls', 'domain')}
        for index, name in enumerate(('video', 'audio')):
            parameters = list(model.backbones[name].parameters())
            total = (weights['cls'][index] * losses['loss_cls'] + weights['domain'][index] * losses['loss_domain']
                     + losses['loss_aux'])
            expected = torch.autograd.grad(total, parameters, retain_graph=True)
            for (key, _), value in zip(model.backbones[name].named_parameters(), expected):
                torch.testing.assert_close(got[f'backbones.{name}.{key}'], value)


def balancer_weight(wrapper, task, index):
    name = ('video', 'audio')[index]
    return wrapper.message_hub.get_scalar(f'train/balance/weight_{task}_{name}').current()


def test_clipping_follows_the_combination():
    model, batch = model_of(), batch_of()
    wrapper = wrapper_of(model, balancer=dict(type='GMP'), clip_grad=dict(max_norm=1e-3))
    before = parameters_of(model)
    model.train_step(batch, wrapper)
    moved = torch.cat([(value - before[name]).reshape(-1) for name, value in parameters_of(model).items()])
    assert moved.norm().item() == pytest.approx(.1 * 1e-3, rel=1e-3)


def test_shared_encoder_is_refused_in_one_sentence():
    model = model_of(('video', 'audio'), backbones={m: dict(type=NoNorm, width=6, out=7) for m in ('video', 'audio')},
                     fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=7)))
    model.backbones['audio'] = model.backbones['video']
    batch = batch_of()
    for inputs in batch['inputs']:
        inputs['audio'] = inputs['video']
    with pytest.raises(ValueError, match="'video' and 'audio' share encoder parameters"):
        model.train_step(batch, wrapper_of(model, balancer=dict(type='GMP')))
    model.train_step(batch, wrapper_of(model, 'OptimWrapper'))


def test_frozen_modality_and_one_source_domain():
    model = model_of(num_domains=1, freeze=dict(audio=dict(trainable=[])))
    batch = batch_of(num_domains=1)
    before = parameters_of(model)
    model.train_step(batch, wrapper_of(model, balancer=dict(type='GMP')))
    for name, value in parameters_of(model).items():
        if name.startswith('backbones.audio'):
            assert torch.equal(value, before[name])
    assert not torch.equal(model.cls_head.fusion.output.weight, before['cls_head.fusion.output.weight'])


@pytest.mark.parametrize('balancer', [dict(type='GMP'), dict(type='GMP', space='feature'), dict(type='Sum')], ids=str)
def test_batch_of_one(balancer):
    model = without_dropout(model_of(backbone=NoNorm))
    model.train_step(batch_of(size=1), wrapper_of(model, balancer=balancer))
    assert all(torch.isfinite(value).all() for value in parameters_of(model).values())


def test_model_without_a_record_is_refused():
    model = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match='keep a record of the step'), wrapper_of(
            model, balancer=dict(type='Sum')).optim_context(model):
        pass


@pytest.mark.parametrize('balancer', [dict(type='GMP'), dict(type='GMP', space='feature')], ids=str)
def test_bfloat16_on_the_cpu(balancer):
    model = model_of(dtype=torch.float32)
    batch = batch_of(dtype=torch.float32)
    wrapper = wrapper_of(model, 'mmda_ext.AmpBalancedOptimWrapper', balancer=balancer, dtype='bfloat16')
    before = parameters_of(model)
    for _ in range(2):
        model.train_step(batch, wrapper)
    after = parameters_of(model)
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in after.values())
    assert any(not torch.equal(after[name], before[name]) for name in after if 'backbones' in name)


class Counter(Balancer):
    """A balancer with memory."""

    steps = 0

    def weights(self, inputs):
        self.steps += 1
        return inputs.ones()

    def state_dict(self):
        return dict(steps=self.steps)

    def load_state_dict(self, state):
        self.steps = state.get('steps', 0)


def test_state_of_the_balancer_is_saved_and_restored():
    model = model_of()
    wrapper = wrapper_of(model, balancer=Counter())
    for seed in range(3):
        model.train_step(batch_of(seed=seed), wrapper)
    fresh = wrapper_of(model, balancer=Counter())
    fresh.load_state_dict(wrapper.state_dict())
    assert fresh.balancer.steps == 3
    fresh.load_state_dict(wrapper_of(model, 'OptimWrapper').state_dict())


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('loss_scale', ['dynamic', 4.0])
@pytest.mark.parametrize(('balancer', 'memory'), [
    (Counter(), 'steps'), (dict(type='MGDA', task_prefix='', update_interval=2), 'steps'),
    (dict(type='MGDA', task_prefix='', momentum=.9), 'steps'), (dict(type='OGM', ge=True, min_rank=2), 'steps')],
    ids=str)
def test_skipped_step_leaves_the_balancer_alone(balancer, memory, loss_scale, fused):
    """With a scale that stays as it is, nothing but the optimizer's own step tells that there was none.

    A fused optimizer is called all the same, and told to do nothing.
    """
    model = model_of(dtype=torch.float32)
    wrapper = wrapper_of(model, 'mmda_ext.AmpBalancedOptimWrapper', balancer=copy.deepcopy(balancer), dtype='bfloat16',
                         loss_scale=loss_scale, optimizer=partial(torch.optim.SGD, fused=fused))
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=4.)
    weight, seen = model.cls_head.fusion.output.weight, []
    for step in range(3):
        hook = weight.register_hook(lambda grad: grad * float('inf')) if step == 1 else None
        before = weight.detach().clone()
        model.train_step(batch_of(seed=step, dtype=torch.float32), wrapper)
        seen.append(wrapper.balancer.state_dict()[memory])
        if hook:
            hook.remove()
            assert torch.equal(weight, before)
    assert seen == [1, 1, 2]
    assert (wrapper.loss_scaler.get_scale() == 4) == (loss_scale == 4)


@pytest.mark.parametrize('balancer', [dict(type='Sum'), dict(type='PCGrad', tasks=('cls', ))], ids=lambda b: b['type'])
def test_a_loss_that_a_subclass_adds_or_changes_counts(balancer):
    """The stock wrapper trains on what ``loss`` returns, whatever the record says."""
    results = []
    for options in (dict(kind='OptimWrapper'), dict(balancer=balancer)):
        model = without_dropout(model_of(backbone=NoNorm))
        inner = model.loss

        def loss(inputs, data_samples, model=model, inner=inner):
            out = inner(inputs, data_samples)
            penalty = [p.square().mean() for p in model.backbones.parameters()]
            return {**out, 'loss_cls': 3 * out['loss_cls'], 'aux_loss': penalty, 'loss_domain': out['loss_domain']}

        model.loss = loss
        wrapper = wrapper_of(model, **options)
        for step in range(2):
            model.train_step(batch_of(seed=step), wrapper)
        results.append(parameters_of(model))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=1e-10, atol=1e-13)


def test_diagnostics_are_logged_per_modality():
    model = model_of()
    wrapper = wrapper_of(model, balancer=dict(type='GMP'))
    model.train_step(batch_of(), wrapper)
    names = wrapper.message_hub.log_scalars
    for key in ('rho', 'sigma', 'k', 'p', 'Gamma', 'cosine', 'conflict', 'grad_norm_class', 'confidence_cls'):
        assert f'train/balance/{key}_video' in names
        assert f'train/balance/{key}_audio' in names
    assert not any('loss' in name for name in names if 'balance' in name)


def test_what_trains_may_change_between_steps():
    """Parameters are sorted once, and anew when some are frozen or thawed in the middle of a run."""
    model = without_dropout(model_of(backbone=NoNorm))
    wrapper = wrapper_of(model, balancer=dict(type='GMP'))
    model.train_step(batch_of(), wrapper)
    for trains in (False, True):
        model.backbones['audio'].requires_grad_(trains)
        before = parameters_of(model)
        model.train_step(batch_of(seed=1), wrapper)
        moved = {name.split('.')[1] for name, value in parameters_of(model).items()
                 if name.startswith('backbones') and not torch.equal(value, before[name])}
        assert moved == ({'video', 'audio'} if trains else {'video'})


@pytest.mark.parametrize('kind', ['BalancedOptimWrapper', 'AmpBalancedOptimWrapper'])
def test_no_head_runs_inside_the_wrapper(kind):
    """What each modality alone predicts is known when the model is done, in full precision."""
    model, seen = model_of(dtype=torch.float32), []
    options = dict(dtype='bfloat16') if 'Amp' in kind else {}
    wrapper = wrapper_of(model, f'mmda_ext.{kind}', balancer=dict(type='GMP'), **options)
    data = model.data_preprocessor(batch_of(dtype=torch.float32), True)
    with wrapper.optim_context(model):
        losses = model(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    for part in model.modules():
        part.register_forward_pre_hook(lambda module, _: seen.append(module))
    logits = {task: probe.logits for task, probe in model.step_record.probes.items()}
    assert {value.dtype for own in logits.values() for value in own.values()} == {torch.float32}
    wrapper.update_params(loss)
    assert not seen
    assert wrapper.balancer.diagnostics['rho'].isfinite().all()
