"""Regularisers between source domains: known answers, slow references, invariances, what they skip and refuse."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmda_ext.models import annealing
from mmda_ext.models import objectives as own
from mmda_ext.models.step import Mix
from mmda_ext.registry import MODELS
from tests.steps import given, heads_of
from tests.tiny import batch_of, model_of, wrapper_of

X, Y = torch.tensor([[0., 0], [1, 0], [0, 1]]).double(), torch.tensor([[1., 1], [2, 1]]).double()
ONE = torch.tensor([[1., 0], [0, 2], [.5, -.5], [1, 1.5]]).double()
TWO = torch.tensor([[2., 0], [0, 1], [-1, 1], [.2, 0]]).double()
LABELS = torch.tensor([0, 1, 1, 0, 0, 1, 1, 1])
WIDTHS = dict(a=3, b=2)
#: Steady, whatever the progress of a training that another test left behind.
KINDS = {
    'irm': lambda **options: own.IRM(2, begin=0, **options), 'vrex': lambda **options: own.VREx(2, begin=0, **options),
    'mmd': lambda **options: own.SourceMMD(2, **options), 'coral': lambda **options: own.SourceCORAL(2, **options),
    'dro': lambda **options: own.GroupDRO(2, **options), 'sd': lambda **options: own.SpectralDecoupling(**options)}
BETWEEN = ('irm', 'vrex', 'mmd', 'coral')


def interleaved(one, other):
    """Rows of two domains in turn, which keep their order."""
    return torch.stack([one, other], 1).flatten(0, 1)


def known_step(**fields):
    logits = interleaved(ONE, TWO).requires_grad_()
    labels = interleaved(LABELS[:4], LABELS[4:])
    return given({}, labels, torch.arange(8) % 2, logits=logits, **fields)


def random_step(size=9, seed=0, num_domains=2, **fields):
    """Two modalities, three classes, domains in turn, the last two samples of the target."""
    torch.manual_seed(seed)
    features = {name: torch.randn(size, width).double().requires_grad_() for name, width in WIDTHS.items()}
    is_target = torch.arange(size) >= size - 2
    labels = torch.randint(3, (size, )).where(~is_target, -1)
    domains = (torch.arange(size) % num_domains).where(~is_target, -1)
    step = given(features, labels, domains, is_target=is_target, **fields)
    step.fused = torch.cat(list(features.values()), 1)
    torch.manual_seed(1)
    classifier, heads = torch.nn.Linear(5, 3).double(), heads_of(WIDTHS)
    step.logits = classifier(step.fused)
    step.modality_logits = {name: heads[name](value) for name, value in features.items()}
    return step


def loss_of(out):
    return next(value for key, value in out.items() if key.startswith('loss_'))


def by_domain(step, values):
    return [values[(step.domain_labels == index) & (step.labels >= 0)] for index in range(2)]


# Known answers.


def test_irm_known_answer():
    objective = KINDS['irm'](loss_weight=3.)
    rows = objective.rows(known_step())[0].detach()
    assert rows[::2].tolist() == pytest.approx([-.268941, -.238406, .731059, .311230], abs=1e-6)
    assert float(objective.criterion([rows[::2]])) == pytest.approx(.008413, abs=1e-6)
    assert float(objective.criterion([rows[1::2]])) == pytest.approx(.018950, abs=1e-6)
    assert float(objective(known_step())['loss_irm'].detach()) == pytest.approx(3 * .013682, abs=3e-6)


def test_vrex_known_answer():
    assert float(KINDS['vrex']().criterion([torch.tensor([.5, .7]), torch.tensor([1.0])])) == pytest.approx(.04)
    risks = .681882, .341314
    out = KINDS['vrex'](loss_weight=2.)(known_step())
    assert float(out['loss_vrex']) == pytest.approx(2 * ((risks[0] - risks[1]) / 2)**2, abs=1e-6)
    assert float(out['vrex_weight']) == 2


def test_group_dro_known_answer():
    """Losses .6 and 1 at eta .5 of equal weights."""
    objective = own.GroupDRO(2, eta=.5)
    logits = torch.tensor([[math.log(1 / math.expm1(loss)), 0.] for loss in (.6, 1.)])
    step = given({}, torch.tensor([0, 0]), torch.tensor([0, 1]), logits=logits)
    out = objective(step)
    assert float(out['loss_dro']) == pytest.approx(.819934, abs=1e-6)
    torch.testing.assert_close(objective.weights, torch.tensor([.450166, .549834]), atol=1e-6, rtol=0)
    assert [float(out[f'dro_weight_{index}']) for index in range(2)] == objective.weights.tolist()
    objective(step)
    expected = torch.tensor([.6, 1]).softmax(0)
    torch.testing.assert_close(objective.weights, expected, msg='weights remember')


def test_mmd_and_coral_known_answers():
    assert float(KINDS['mmd']().criterion([X, Y])) == pytest.approx(3.701182, abs=1e-6)
    assert float(KINDS['coral']().criterion([X, Y])) == pytest.approx(.902778 + .048611, abs=1e-6)
    third = torch.tensor([[0., 3], [1, 5]]).double()
    # Without a row's pair with itself: each mean over n rows loses 7 / n and is scaled by n / (n - 1).
    kernel = lambda u, v: sum((-g * (u[:, None] - v).square().sum(2)).exp() for g in own.SourceMMD(2).gammas)  # noqa: E731
    unbiased = (kernel(X, X).sum() - 21) / 6 + (kernel(Y, Y).sum() - 14) / 2 - 2 * kernel(X, Y).mean()
    assert float(own.SourceMMD(2, estimator='unbiased').criterion([X, Y])) == pytest.approx(float(unbiased))
    for kind in ('mmd', 'coral'):
        criterion = KINDS[kind]().criterion
        pairs = [criterion(pair) for pair in ([X, Y], [X, third], [Y, third])]
        torch.testing.assert_close(criterion([X, Y, third]), torch.stack(pairs).mean())
        torch.testing.assert_close(criterion([third, X, Y]), criterion([X, Y, third]))
        assert float(criterion([X, X.flip(0)])) == pytest.approx(0, abs=1e-12)


def test_spectral_decoupling_known_answer():
    step = given({}, torch.tensor([0, 1, -1]), torch.tensor([0, 1, -1]),
                 logits=torch.tensor([[1., 2], [3, 0], [9, 9]]))
    assert float(own.SpectralDecoupling(loss_weight=.5)(step)['loss_sd']) == pytest.approx(.5 * (1 + 4 + 9) / 4)


# Slow references.


@pytest.mark.parametrize('features', ['fused', 'modalities'])
def test_irm_is_the_derivative_for_a_factor_of_the_logits(features):
    step = random_step()
    logits = [step.logits] if features == 'fused' else list(step.modality_logits.values())
    terms = []
    for value in logits:
        for part, labels in zip(by_domain(step, value), by_domain(step, step.labels)):
            halves = []
            for half in (0, 1):
                scale = torch.ones((), dtype=torch.float64, requires_grad=True)
                loss = F.cross_entropy(scale * part[half::2], labels[half::2])
                halves.append(torch.autograd.grad(loss, scale, create_graph=True)[0])
            terms.append(halves[0] * halves[1])
    expected = 7. * torch.stack(terms).mean()
    got = KINDS['irm'](loss_weight=7., features=features)(step)['loss_irm']
    assert_same(step, got, expected, rtol=1e-12)


@pytest.mark.parametrize('features', ['fused', 'modalities'])
def test_vrex_is_the_variance_of_risks(features):
    step = random_step()
    logits = [step.logits] if features == 'fused' else list(step.modality_logits.values())
    terms = []
    for value in logits:
        one, two = (F.cross_entropy(part, labels)
                    for part, labels in zip(by_domain(step, value), by_domain(step, step.labels)))
        terms.append(((one - two) / 2).square())
    got = KINDS['vrex'](loss_weight=3., features=features)(step)['loss_vrex']
    assert_same(step, got, 3. * torch.stack(terms).mean(), rtol=1e-10)


@pytest.mark.parametrize('features', ['fused', 'modalities'])
@pytest.mark.parametrize('kind', ['mmd', 'coral'])
def test_distances_of_features(kind, features):
    step = random_step()
    terms = []
    for value in [step.fused] if features == 'fused' else step.features.values():
        x, y = by_domain(step, value)
        if kind == 'coral':
            gap = torch.cov(x.T) - torch.cov(y.T)
            terms.append((x.mean(0) - y.mean(0)).square().mean() + gap.square().mean())
        else:
            kernel = lambda u, v: sum(  # noqa: E731
                (-g * (u[:, None] - v).square().sum(2)).exp() for g in own.SourceMMD(2).gammas).mean()
            terms.append(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))
    got = loss_of(KINDS[kind](loss_weight=2., features=features)(step))
    assert_same(step, got, 2. * torch.stack(terms).mean(), rtol=1e-9)


def assert_same(step, got, expected, rtol):
    """Value and gradients."""
    torch.testing.assert_close(got, expected, rtol=rtol, atol=0)
    wanted = list(step.features.values())
    for one, other in zip(*(torch.autograd.grad(value, wanted, retain_graph=True) for value in (got, expected))):
        assert one.any()
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)


def test_group_dro_without_differences_is_the_mean_cross_entropy():
    one, step = own.GroupDRO(1), random_step(num_domains=1)
    known = step.labels >= 0
    torch.testing.assert_close(one(step)['loss_dro'], F.cross_entropy(step.logits[known], step.labels[known]))


def test_group_dro_moves_in_training_alone_and_comes_back_from_a_checkpoint():
    objective, step = own.GroupDRO(2, eta=.5), random_step()
    start = objective.weights.clone()
    objective.eval()(step)
    assert torch.equal(objective.weights, start)
    objective.train()(step)
    assert not torch.equal(objective.weights, start)
    other = own.GroupDRO(2)
    other.load_state_dict(objective.state_dict())
    assert torch.equal(other.weights, objective.weights)
    step.logits = step.logits * float('nan')
    assert objective(step)['loss_dro'].isnan()
    assert torch.equal(objective.weights, other.weights), 'a step that is not finite moves nothing'


def test_group_dro_goes_on_without_a_domain():
    objective, step = own.GroupDRO(3, eta=.5), random_step()
    one, two = (F.cross_entropy(part, labels).detach()
                for part, labels in zip(by_domain(step, step.logits), by_domain(step, step.labels)))
    out = objective(step)
    expected = (.5 * torch.stack([one, two, torch.zeros_like(one)])).softmax(0)
    torch.testing.assert_close(objective.weights.double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(out['loss_dro'].detach(), expected[0] * one + expected[1] * two, atol=1e-6, rtol=0)
    assert float(out['dro_incomplete']) == 1


# Which rows count.


@pytest.mark.parametrize('kind', KINDS)
def test_rows_without_a_label_have_no_part(kind):
    step = random_step()
    loss = loss_of(KINDS[kind]()(step))
    wanted = list(step.features.values())
    for gradient in torch.autograd.grad(loss, wanted, allow_unused=True):
        assert gradient is None or not gradient[-2:].any()
        assert gradient is None or gradient[:-2].any()


@pytest.mark.parametrize('kind', BETWEEN)
def test_a_batch_with_too_few_of_a_domain_is_skipped_and_counted(kind):
    step = random_step()
    objective = KINDS[kind]()
    full = objective(step)
    assert float(loss_of(full)) != 0
    assert float(full[f'{kind}_skipped']) == 0
    step.domain_labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, -1, -1])
    out = objective(step)
    assert float(loss_of(out)) == 0
    assert float(out[f'{kind}_skipped']) == 1
    assert not any(grad.any() for grad in torch.autograd.grad(loss_of(out), list(step.features.values())))
    step.domain_labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, -1, -1])
    assert float(loss_of(objective(step))) != 0


@pytest.mark.parametrize('kind', ['irm', 'vrex', 'dro'])
def test_mixed_samples_have_both_labels(kind):
    """The loss of a row is linear in its target: that of the mixture is the mixture."""
    partner = torch.tensor([1, 2, 3, 4, 5, 6, 0, 7, 8])
    step = random_step(mix=Mix(.75, partner))
    objective = KINDS[kind]()
    rows = own_rows(objective, step)
    plain, other = random_step(), random_step()
    other.labels = other.labels[partner]
    torch.testing.assert_close(rows, .75 * own_rows(objective, plain) + .25 * own_rows(objective, other))


def own_rows(objective, step):
    if isinstance(objective, own.GroupDRO):
        objective.weights.fill_(.5)
        return objective.eval()(step)['loss_dro']
    return objective.rows(step)[0]


@pytest.mark.parametrize('kind', BETWEEN)
def test_one_source_domain_has_nothing_to_compare(kind, caplog):
    with caplog.at_level('WARNING'):
        objective = type(KINDS[kind]())(1)
    assert objective(random_step(num_domains=1)) == {}


@pytest.mark.parametrize('kind', KINDS)
def test_half_precision_is_widened(kind):
    step = random_step()
    step.features = {name: value.detach().bfloat16().requires_grad_() for name, value in step.features.items()}
    step.fused, step.logits = (value.detach().bfloat16() for value in (step.fused, step.logits))
    with torch.autocast('cpu', torch.bfloat16):
        loss = loss_of(KINDS[kind]()(step))
    assert loss.dtype == torch.float32
    exact = random_step()
    exact.features = {name: value.detach().double() for name, value in step.features.items()}
    exact.fused, exact.logits = step.fused.double(), step.logits.double()
    torch.testing.assert_close(loss.double(), loss_of(KINDS[kind]()(exact)), rtol=1e-5, atol=1e-7, check_dtype=False)


# When the weight holds.


@pytest.fixture
def hub(monkeypatch):
    one = MessageHub('test')
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: one)
    return one


@pytest.mark.parametrize(('iteration', 'expected'), [(0, 1), (249, 1), (250, 30), (999, 30)])
def test_the_weight_jumps_after_a_share_of_the_training(hub, iteration, expected):
    objective = own.VREx(2, loss_weight=30., begin=.25)
    hub.update_info_dict(dict(iter=iteration, max_iters=1000))
    assert objective.jump() == expected
    out = objective(random_step())
    assert float(out['vrex_weight']) == expected
    whole = own.VREx(2, loss_weight=1., begin=0)(random_step())['loss_vrex']
    torch.testing.assert_close(out['loss_vrex'], expected * whole)
    assert own.VREx(2, loss_weight=.3, begin=.25).jump() == .3, 'a small weight holds from the start'


def test_without_a_runner_the_weight_has_jumped_and_says_so_once(hub, monkeypatch):
    said = []
    monkeypatch.setattr(annealing, 'print_log', lambda message, **_: said.append(message))
    jump = own.IRM(2, loss_weight=7.).jump
    assert [jump(), jump(), own.IRM(2, begin=0).jump()] == [7, 7, 100]
    assert len(said) == 1
    assert 'IRM cannot see the progress of the training, so its weight is 7.0 throughout' in said[0]


@pytest.mark.parametrize(('config', 'message'), [
    (dict(type='IRM', features='all'), "features='all' is unknown"),
    (dict(type='VREx', loss_weight=-1.), r'VREx: loss_weight=-1.0 must be a number >= 0'),
    (dict(type='IRM', begin=1.), r'IRM: begin=1.0 must be a share of the training'),
    (dict(type='SourceMMD', estimator='none'), "estimator='none' is unknown"),
    (dict(type='SourceMMD', gammas=[0.]), 'SourceMMD: gammas=.* must be positive'),
    (dict(type='GroupDRO', eta=0.), 'GroupDRO: eta=0.0 must be a number > 0'),
    (dict(type='SpectralDecoupling', loss_weight=float('inf')), 'loss_weight=inf must be a number >= 0'),
])
def test_options_that_are_out_of_range(config, message):
    domains = {} if config['type'] == 'SpectralDecoupling' else dict(num_domains=2)
    with pytest.raises(ValueError, match=message):
        MODELS.build({**config, **domains, 'type': f'mmda_ext.{config["type"]}'})


def test_group_dro_does_not_count_the_classification_twice():
    with pytest.raises(ValueError, match='GroupDRO contains the cross-entropy .* set it to 0'):
        model_of(objectives=[dict(type='mmda_ext.GroupDRO', num_domains=2)])


def test_heads_are_asked_for_in_one_sentence():
    step = random_step()
    step.modality_logits = {}
    with pytest.raises(ValueError, match='VREx needs a class head for every modality: add'):
        KINDS['vrex'](features='modalities')(step)


def test_a_balancer_weights_them_as_tasks():
    """Beside the adversary, under GMP that balances all losses."""
    model = model_of(objectives=[
        dict(type='mmda_ext.IRM', num_domains=2, begin=0, features='modalities'),
        dict(type='mmda_ext.SourceMMD', num_domains=2), dict(type='mmda_ext.SourceMMD', num_domains=2, features='fused',
                                                             task='mmd_fused'),
        dict(type='mmda_ext.LocalClassification', task='heads')])
    wrapper = wrapper_of(model, balancer=dict(type='CAGrad', tasks=('cls', 'irm', 'mmd', 'mmd_fused')))
    out = model.train_step(batch_of(size=12), wrapper)
    assert {'loss_irm', 'loss_mmd', 'loss_mmd_fused', 'loss_heads'} < out.keys()
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in out.values())
