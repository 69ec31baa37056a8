"""AGM: known answers (Li et al., ICCV 2023), gradients that enter each forward pass, whole steps against autograd."""

import copy
import math

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmda_ext.models.heads import AGMClsHead
from mmda_ext.models.heads.agm_head import _lead, shapley, subsets
from mmda_ext.models.step import Predictions
from tests.gradients import assert_written, written
from tests.steps import given
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of
from tests.two_processes import run_in_two_processes

NAMES = ('audio', 'video', 'flow')


@pytest.fixture(autouse=True)
def epoch():
    """Sets the epoch of the run; gone after the test."""
    info = MessageHub.get_current_instance().runtime_info
    before = info.pop('epoch', None)
    yield lambda value: info.update(epoch=value)
    info.pop('epoch', None)
    if before is not None:
        info['epoch'] = before


def head_of(count=2, fusion='ConcatFusion', dtype=torch.float64, **options):
    torch.manual_seed(0)
    config = dict(type=f'mmda_ext.{fusion}', in_channels=dict.fromkeys(NAMES[:count], 4), hidden_channels=5)
    return AGMClsHead(3, config, **options).to(dtype).train()


def record_of(count=2, size=6):
    generator = torch.Generator().manual_seed(1)
    features = {
        m: torch.randn(size, 4, generator=generator, dtype=torch.float64, requires_grad=True)
        for m in NAMES[:count]}
    labels = torch.tensor([0, 1, 2, -1, 1, 2])[:size]
    return given(features, labels, torch.zeros(size))


def loss_of(head, record):
    """What the head returns of a step whose classifier is its own."""
    record.predictions = Predictions(record.features, head.fusion)
    return head.loss(record)


def test_shapley_known_answers():
    values = {'avt': 3, 'av': 2, 'at': 2.2, 'vt': 1.5, 'a': 1, 'v': .7, 't': .5}
    got = shapley({tuple(key): torch.tensor(float(v)) for key, v in values.items()}, tuple('avt'))
    assert [float(got[name]) for name in 'avt'] == pytest.approx([1.333333, .833333, .833333], abs=1e-6)
    pair = {tuple(key): torch.tensor(v) for key, v in {'av': 5., 'a': 2., 'v': 1.}.items()}
    assert {k: float(v) for k, v in shapley(pair, ('a', 'v')).items()} == dict(a=.5 * (5 - 1 + 2), v=.5 * (5 - 2 + 1))


@pytest.mark.parametrize('count', [2, 3, 4])
def test_shapley_values_sum_to_the_whole(count):
    names = tuple('abcd'[:count])
    values = {s: torch.randn(()) for s in (*subsets(names), names)}
    assert len(values) == 2**count - 1
    torch.testing.assert_close(sum(shapley(values, names).values()), values[names])


def test_coefficients_and_running_scores_known_answers():
    """s (.9, .5), S (.8, .6): kappa (1.159989, .763057); if this is step 5, the new S is (.82, .58)."""
    assert _lead(torch.tensor([.9, .5])).tolist() == pytest.approx([.670320, 1.491825], abs=1e-6)
    assert _lead(torch.tensor([.8, .6])).tolist() == pytest.approx([.818731, 1.221403], abs=1e-6)
    head = head_of()
    head.running_scores.copy_(torch.tensor([.8, .6]))
    head.iterations.fill_(4)
    scores = torch.tensor([.9, .5]).double()
    assert head._coefficients(scores).tolist() == pytest.approx([1.159989, .763057], abs=1e-6)
    head._remember(scores, torch.tensor(2.))
    assert head.running_scores.tolist() == pytest.approx([.82, .58])
    head._remember(scores, torch.tensor(0.))
    assert int(head.iterations) == 5
    assert head.running_scores.tolist() == pytest.approx([.82, .58])


@pytest.mark.parametrize(('options', 'cap'), [({}, 10), (dict(cap=7.), 7)])
def test_the_exponent_is_capped_for_any_number_of_modalities(options, cap):
    """S (6, 0, 0), s equal: R is (exp -6, exp 3, exp 3), r is 1; the release for three modalities caps at 7."""
    head = head_of(3, alpha=.5, **options)
    head.running_scores.copy_(torch.tensor([6., 0, 0]))
    kappa = head._coefficients(torch.zeros(3).double())
    assert kappa.tolist() == pytest.approx([math.exp(.5 * (math.exp(-6) - 1))] + [math.exp(.5 * cap)] * 2, rel=1e-5)


def test_a_score_that_is_not_finite_is_not_remembered():
    """An overflow in half precision would otherwise stay in the mean, and in every coefficient, for ever."""
    head = head_of()
    head._remember(torch.tensor([.9, .5]).double(), torch.tensor(2.))
    for bad in (float('nan'), float('inf')):
        head._remember(torch.tensor([bad, .5]).double(), torch.tensor(2.))
    assert head.running_scores.tolist() == pytest.approx([.9, .5])
    assert int(head.iterations) == 1


def test_exponent_is_bounded():
    head = head_of(alpha=.5)
    head.running_scores.copy_(torch.tensor([0., 18.]))
    kappa = head._coefficients(torch.tensor([18., 0.]).double())
    assert float(kappa[0]) == pytest.approx(math.exp(.5 * 10))


def entering(head, record):
    """Gradient of the loss at the logits of each subset, kappa, and softmax minus one-hot over n at the whole."""
    seen = {}
    blanked = head.blanked_logits

    def watch(own):
        seen.update(blanked(own))
        return dict(seen)

    head.blanked_logits = watch
    out = loss_of(head, record)
    seen[head.fusion.modalities] = record.logits
    grads = dict(zip(seen, torch.autograd.grad(out['loss_cls'], list(seen.values()), retain_graph=True)))
    known = record.labels >= 0
    e = (record.logits.softmax(1) - F.one_hot(record.labels.clamp_min(0), 3)) * known[:, None] / known.sum()
    return grads, {m: out[f'kappa_{m}'] for m in head.fusion.modalities}, e.detach(), out


def test_gradients_that_enter_the_forward_passes():
    head, record = head_of(blank='feature'), record_of()
    head.running_scores.copy_(torch.tensor([.8, 1.6]))
    grads, kappa, e, out = entering(head, record)
    a, v = kappa['audio'], kappa['video']
    assert abs(float(a - v)) > .1
    torch.testing.assert_close(grads['audio', 'video'], (a + v) / 2 * e)
    torch.testing.assert_close(grads['audio', ], (a - v) / 2 * e)
    torch.testing.assert_close(grads['video', ], (v - a) / 2 * e)
    torch.testing.assert_close(out['loss_cls'], F.cross_entropy(record.logits, record.labels, ignore_index=-1))


def test_gradients_of_three_modalities_add_up():
    """What enters all forwards together is the plain gradient, weighted by how each player is in them."""
    head, record = head_of(3, blank='feature'), record_of(3)
    head.running_scores.copy_(torch.tensor([.5, 1., 2.]))
    grads, kappa, e, _ = entering(head, record)
    total = sum(kappa.values())
    assert len(grads) == 7
    torch.testing.assert_close(grads[NAMES], total / 3 * e)
    for m in NAMES:
        torch.testing.assert_close(grads[m, ], (kappa[m] / 3 - (total - kappa[m]) / 6) * e)


@pytest.mark.parametrize('count', [2, 3])
def test_additive_head_scales_whole_branches(count):
    head, record = head_of(count, 'SumFusion', blank='feature'), record_of(count)
    head.running_scores.copy_(torch.linspace(.5, 2, count))
    out = loss_of(head, record)
    plain = F.cross_entropy(head.fusion(record.features), record.labels, ignore_index=-1)
    for m, feature in record.features.items():
        expected, = torch.autograd.grad(plain, feature, retain_graph=True)
        got, = torch.autograd.grad(out['loss_cls'], feature, retain_graph=True)
        torch.testing.assert_close(got, out[f'kappa_{m}'] * expected)


@pytest.mark.parametrize('fusion', ['ConcatFusion', 'GatedFusion', 'FiLMFusion'])
def test_scores_are_the_cross_entropies_of_the_outputs(fusion):
    head, record = head_of(fusion=fusion, blank='feature'), record_of()
    parts = head.blanked_logits(record)
    whole = head.fusion(record.features)
    m_a = (whole - parts['video', ] + parts['audio', ]) / 2
    out = loss_of(head, record)
    expected = F.cross_entropy(m_a, record.labels, ignore_index=-1)
    torch.testing.assert_close(out['score_audio'], expected.detach())
    torch.testing.assert_close(head.running_scores[0], expected.detach())


def test_probabilities_in_a_score_have_a_floor():
    """At 1e-8, as in the public code, so a hopeless sample costs 18.42; the unlabelled one counts for nothing."""
    outputs = dict(audio=torch.tensor([[100., 0.], [0., 0.]]), video=torch.zeros(2, 2))
    scores, count = head_of()._scores(outputs, torch.tensor([1, -1]))
    assert scores.tolist() == pytest.approx([-math.log(1e-8), math.log(2)])
    assert int(count) == 1


def agm(names, seed=0, **options):
    return model_of(names, seed=seed, cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3, **options))


def naive(model, data, kappa):
    """Gradients of all parameters: every subset pushed through the whole network in evaluation mode, sample by sample.

    A surrogate whose gradient at the logits of each subset is what the Shapley weights and kappa say.
    """
    names = model.modalities
    losses = model(**data, mode='loss')
    step = model.take_step_record().step
    whole = step.predictions.logits
    e = (whole.softmax(1) - F.one_hot(step.labels, 3)).detach() / len(step.labels)
    total = losses['loss_domain']
    sizes = {1: {1: 1.}, 2: {1: 1 / 2, 2: 1 / 2}, 3: {1: 1 / 3, 2: 1 / 6, 3: 1 / 3}}[len(names)]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for subset in (*subsets(names), names):
        inputs = {m: x if m in subset else torch.zeros_like(x) for m, x in data['inputs'].items()}
        size = len(subset)
        factor = sum(sizes[size] * kappa[m] if m in subset else -sizes[size + 1] * kappa[m] for m in names)
        logits = whole if subset == names else model(inputs, data['data_samples'], mode='tensor')
        total = total + (factor * e * logits).sum()
    for module, mode in modes.items():
        module.training = mode
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in zip(named.items(), grads)}


@pytest.mark.parametrize('kind', ['OptimWrapper', dict(type='Sum'), dict(type='PCGrad', tasks=('cls', )),
                                  dict(type='OGM', alpha=0., min_rank=1)], ids=str)
@pytest.mark.parametrize('count', [2, 3])
def test_a_step_equals_the_naive_form(count, kind):
    """One zero sample and one further pass stand for all blanked passes; the adversary stays as it is."""
    names = ('video', 'audio', 'flow')[:count]
    model, batch = agm(names), batch_of(names)
    model.cls_head.running_scores.copy_(torch.linspace(.5, 2, count))
    reference = copy.deepcopy(model)
    options = dict(kind=kind) if isinstance(kind, str) else dict(balancer=kind)
    torch.manual_seed(5)
    out = copy.deepcopy(model)(**model.data_preprocessor(batch, True), mode='loss')
    kappa = {m: float(out[f'kappa_{m}']) for m in names}
    assert max(kappa.values()) - min(kappa.values()) > .05
    got = written(model, batch, wrapper_of(model, **options))
    reference.cls_head.alpha = 0.
    torch.manual_seed(5)
    assert_written(got, naive(reference, reference.data_preprocessor(batch, True), kappa))


def test_without_the_adversary_and_with_blank_features():
    """No further pass through the encoders: the features of the batch serve, and only statistics of one pass."""
    for blank, passes in (('feature', 1), ('input', 3)):
        model = model_of(objectives=[], cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3, blank=blank))
        calls = []
        layers = model.backbones['video'].layers
        layers.register_forward_hook(lambda module, args, _, calls=calls: calls.append(len(args[0])))
        model.train_step(batch_of(), wrapper_of(model, 'OptimWrapper'))
        assert calls == [6, 6, 1][:passes]
        assert layers[1].num_batches_tracked == 1
        assert all(module.training for module in model.modules())


def test_blanked_passes_have_no_dropout_but_a_graph():
    model = agm(('video', 'audio'))
    model.loss(**model.data_preprocessor(batch_of(), True))
    record = model.step_record.step
    one, two = (model.cls_head.blanked_logits(record) for _ in range(2))
    for subset, value in one.items():
        assert torch.equal(value, two[subset])
        assert value.requires_grad


def test_running_scores_belong_to_training(epoch):
    model = agm(('video', 'audio'))
    data = model.data_preprocessor(batch_of(), True)
    model.eval().loss(**data)
    assert int(model.cls_head.iterations) == 0
    model.train()
    scores = [[float(out[f'score_{m}']) for m in model.modalities] for out in (model.loss(**data) for _ in range(3))]
    assert int(model.cls_head.iterations) == 3
    mean = torch.tensor(scores).mean(0)
    torch.testing.assert_close(model.cls_head.running_scores.float(), mean)
    other = agm(('video', 'audio'), seed=1)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.cls_head.running_scores, model.cls_head.running_scores)
    assert int(other.cls_head.iterations) == 3


def test_window(epoch):
    """Before it, scores are remembered and nothing is scaled; after it, the head is the plain one."""
    model = agm(('video', 'audio'), window=(1, 2))
    model.cls_head.running_scores.copy_(torch.tensor([.5, 2.]))
    data = model.data_preprocessor(batch_of(), True)
    for number, steps, scaled in ((0, 1, False), (1, 2, True), (2, 3, True), (3, 3, None)):
        epoch(number)
        out = model.loss(**data)
        assert int(model.cls_head.iterations) == steps
        if scaled is None:
            assert 'kappa_video' not in out
        else:
            assert (float(out['kappa_video']) != 1) == scaled


def test_linearised_split_still_belongs_to_the_full_pass():
    """Blanked passes must not leave their hidden units behind."""
    head, record = head_of(blank='feature', modality_logits='linearised'), record_of()
    head.fusion.dropout.p = .5
    loss_of(head, record)
    fusion = head.fusion
    split = sum(head.modality_logits(record.features, record.fused).values())
    before = fusion.hidden(torch.cat(list(record.features.values()), 1))
    remainder = F.linear(record.fused / before * fusion.hidden.bias, fusion.output.weight, fusion.output.bias).detach()
    torch.testing.assert_close(split + remainder, record.logits.detach())


def test_zero_strength_is_the_plain_head():
    results = []
    for options in (dict(type='mmda_ext.MultimodalClsHead'), dict(type='mmda_ext.AGMClsHead', alpha=0.)):
        model = model_of(cls_head=dict(num_classes=3, **options))
        wrapper = wrapper_of(model, 'OptimWrapper')
        for step in range(3):
            torch.manual_seed(step)
            model.train_step(batch_of(seed=step), wrapper)
        results.append(parameters_of(model))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=1e-9, atol=1e-12)


def test_bfloat16_on_the_cpu():
    model = model_of(dtype=torch.float32, cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3))
    wrapper = wrapper_of(model, 'mmda_ext.AmpBalancedOptimWrapper', balancer=dict(type='Sum'), dtype='bfloat16')
    for _ in range(2):
        model.train_step(batch_of(dtype=torch.float32), wrapper)
    assert model.cls_head.running_scores.dtype == torch.float32
    assert all(torch.isfinite(value).all() for value in parameters_of(model).values())


def scores_of_half(rank):
    head, record = head_of(blank='feature'), record_of()
    whole = loss_of(head, record)['score_audio'] if rank is None else None
    if rank is None:
        return float(whole), head.running_scores.tolist()
    rows = slice(0, 2) if rank == 0 else slice(2, 6)
    features = {m: value[rows] for m, value in record.features.items()}
    own = given(features, record.labels[rows], torch.zeros(6)[rows])
    score = float(loss_of(head, own)['score_audio'])
    return score, head.running_scores.tolist()


def compare_halves(rank, expected):
    score, running = scores_of_half(rank)
    assert score == pytest.approx(expected[0], rel=1e-12)
    assert running == pytest.approx(expected[1], rel=1e-12)


def test_two_processes_have_one_score():
    """Halves of unequal size, an unlabelled sample in one of them."""
    run_in_two_processes(compare_halves, scores_of_half(None))


def test_refusals():
    for options, match in ((dict(alpha=-1), 'alpha=-1'), (dict(cap=0), 'cap=0'),
                           (dict(blank='noise'), "blank='noise' is unknown"),
                           (dict(window=(2, 1)), r'window=\(2, 1\)'), (dict(count=1), 'two modalities or more')):
        with pytest.raises(ValueError, match=match):
            head_of(**options)
    head, record = head_of(), record_of()
    record.inputs = dict(audio=[1], video=[2])
    with pytest.raises(ValueError, match="that of 'audio' is list: set blank='feature'"):
        loss_of(head, record)
