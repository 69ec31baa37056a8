"""MK-MMD, JAN, Deep CORAL and JDDA: known answers by hand, slow references, degenerate batches."""

import math

import pytest
import torch

from mmda_ext.models.kernels import ALPHAS, discrepancy, gaussian_kernels, linear_kernel, squared_distances
from mmda_ext.models.objectives import JAN, JDDA, MKMMD, CorrelationAlignment
from tests.steps import given
from tests.test_models.test_objectives_alignment import adapting, features_of, objective_of, record_of
from tests.tiny import parameters_of, wrapper_of

BOTTLENECK = dict(type='mmda_ext.InformationBottleneck')
CHANNELS = dict(in_channels=dict(m0=4, m1=3))


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def labelled(features, is_target, labels, **options):
    features = {name: value.clone().requires_grad_() for name, value in features.items()}
    labels = torch.as_tensor(labels)
    return given(features, labels, labels, is_target=torch.as_tensor(is_target), **options)


def with_logits(record, seed=0):
    """Fused logits and those of each modality from fixed linear heads."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda width: torch.randn(width, 3, generator=generator, dtype=torch.float64)  # noqa: E731
    record.modality_logits = {name: value @ draw(value.shape[1]) for name, value in record.features.items()}
    record.logits = torch.stack(list(record.modality_logits.values())).sum(0)
    return record


# MK-MMD (DAN Eq. 1).


def slow_discrepancy(source, target, unbiased, alphas=ALPHAS):
    """Sums over pairs, one at a time."""
    rows = [*source, *target]
    base = sum(float((a - b).square().sum()) for a in rows for b in rows) / len(rows)**2
    kernel = lambda a, b: sum(math.exp(-float((a - b).square().sum()) / (2 * u * base)) for u in alphas)  # noqa: E731
    total = 0.0
    for part in (source, target):
        pairs = [kernel(a, b) for i, a in enumerate(part) for j, b in enumerate(part) if i != j or not unbiased]
        total += sum(pairs) / len(pairs)
    return total - 2 * sum(kernel(a, b) for a in source for b in target) / (len(source) * len(target))


@pytest.mark.parametrize(('estimator', 'expected'), [('unbiased', 2.903732), ('biased', 4.858618)])
def test_known_discrepancy(estimator, expected):
    """Source {0, 1}, target {2, 3}, five kernels."""
    record = labelled(dict(m0=column(0, 1, 2, 3)), [False, False, True, True], [-1] * 4)
    out = MKMMD(dict(in_channels=dict(m0=1)), estimator=estimator)(record)
    assert out['loss_align'].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('unbiased', [True, False])
def test_discrepancy_equals_the_slow_reference_for_unequal_batches(unbiased):
    features, is_target = features_of(7, 4)
    rows = torch.cat(list(features.values()), dim=1)
    got = MKMMD(CHANNELS, estimator='unbiased' if unbiased else 'biased')(record_of(features, is_target))['loss_align']
    assert got.item() == pytest.approx(slow_discrepancy(rows[~is_target], rows[is_target], unbiased), rel=1e-10)


def test_linear_kernel_is_the_distance_of_the_means():
    """DDC: ||mean_s - mean_t||^2, here 2^2 + 1^2; a shift of both batches changes nothing."""
    rows = torch.tensor([[0., 0], [2, 0], [3, -1], [3, -1], [3, -1]], dtype=torch.float64)
    for shift in (0.0, 1e4):
        record = labelled(dict(m0=rows + shift), [False] * 2 + [True] * 3, [-1] * 5)
        out = MKMMD(dict(in_channels=dict(m0=2)), kernel='linear', estimator='biased')(record)
        assert out['loss_align'].item() == pytest.approx(5.0)
        grad, = torch.autograd.grad(out['loss_align'], record.features['m0'])
        torch.testing.assert_close(grad, torch.tensor([[-2., 1]] * 2 + [[4 / 3, -2 / 3]] * 3).double())


def test_gradcheck_of_the_discrepancy():
    torch.manual_seed(0)
    rows = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    variance = squared_distances(rows.detach()).mean()
    for unbiased in (True, False):
        fixed = lambda x, u=unbiased: discrepancy(gaussian_kernels(x, variance=variance), 4, u)  # noqa: E731
        assert torch.autograd.gradcheck(fixed, rows)
        assert torch.autograd.gradcheck(lambda x, u=unbiased: discrepancy(linear_kernel(x), 4, u), rows)
    # The bandwidth of the batch is a constant.
    free = discrepancy(gaussian_kernels(rows), 4, False)
    torch.testing.assert_close(*(torch.autograd.grad(value, rows)[0] for value in (free, fixed(rows))))


def test_equal_batches_are_at_distance_zero():
    features, _ = features_of(5, 5)
    twice = {name: torch.cat([value[:5], value[:5]]) for name, value in features.items()}
    out = MKMMD(CHANNELS, estimator='biased')(record_of(twice, torch.arange(10) >= 5))
    assert out['loss_align'].item() == pytest.approx(0, abs=1e-12)
    unbiased = MKMMD(CHANNELS)(record_of(twice, torch.arange(10) >= 5))
    assert unbiased['loss_align'].item() < 0, 'no constant is added'


# JAN (Long et al., ICML 2017).


def test_joint_discrepancy_multiplies_the_layers():
    features, is_target = features_of(6, 4)
    record = with_logits(record_of(features, is_target))
    kernel = 1.0
    for value in features.values():
        kernel = kernel * gaussian_kernels(value)
    p = record.logits.detach().softmax(1)
    kernel = kernel * (-squared_distances(p) / (2 * .92**2)).exp()
    for unbiased in (True, False):
        got = JAN(CHANNELS, unbiased=unbiased)(record)['loss_align']
        assert got.item() == pytest.approx(float(discrepancy(kernel, 6, unbiased)), rel=1e-10)
    single = JAN(CHANNELS, placement='per_modality')(record)['loss_align']
    expected = [discrepancy(gaussian_kernels(features[m]) * gaussian_kernels(
        record.modality_logits[m].detach().softmax(1), (1., ), .92**2), 6) for m in features]
    assert single.item() == pytest.approx(float(sum(expected) / 2), rel=1e-10)


def test_predictions_take_part():
    """JAN's gradient reaches the logits."""
    features, is_target = features_of(6, 4)
    record = record_of(features, is_target)
    record.logits = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    grad, = torch.autograd.grad(JAN(CHANNELS)(record)['loss_align'], record.logits)
    assert grad[is_target].any()
    assert grad[~is_target].any()


# Deep CORAL (Sun and Saenko, ECCVW 2016): the four slips of public code.


def deep_coral(source, target):
    features = dict(m0=torch.cat([source, target]))
    record = record_of(features, torch.arange(len(features['m0'])) >= len(source))
    width = features['m0'].shape[1]
    out = CorrelationAlignment(dict(in_channels=dict(m0=width)), alpha2=1.0, normalize='deep_coral',
                               objectives='fused')(record)
    assert [key for key in out if 'loss' in key] == ['loss_align/fused']
    return out['loss_align/fused'].item()


def test_four_slips_of_deep_coral():
    torch.manual_seed(0)
    source, target = torch.randn(6, 3).double() + 2, 2 * torch.randn(5, 3).double() - 1
    D = torch.cov(source.T) - torch.cov(target.T)
    got = deep_coral(source, target)
    assert got == pytest.approx(float(D.square().sum() / (4 * 3**2)), rel=1e-10)

    def uncentred(rows):
        return (rows.T @ rows - rows.mean(0)[:, None] * rows.mean(0)) / (len(rows) - 1)

    slips = dict(
        missing_n=(uncentred(source) - uncentred(target)).square().sum() / 36,
        four_d_four=D.square().sum() / (4 * 3 * 4),
        root=D.square().sum().sqrt() / 36,
        wrong_axis=(torch.cov((source - source.mean(1, keepdim=True)).T, correction=1) - torch.cov(
            (target - target.mean(1, keepdim=True)).T, correction=1)).square().sum() / 36)
    for name, value in slips.items():
        assert abs(float(value) / got - 1) > 1e-2, name


def test_deep_coral_of_modalities_and_of_the_concatenation():
    features, is_target = features_of()
    values = {kind: objective_of(features, normalize='deep_coral', objectives=kind)(record_of(features, is_target))
              for kind in ('modalities+fused', 'modalities', 'fused')}
    tasks = {kind: {key for key in out if 'loss' in key} for kind, out in values.items()}
    assert tasks['modalities'] | tasks['fused'] == tasks['modalities+fused']
    assert not tasks['modalities'] & tasks['fused']
    for kind, keys in tasks.items():
        for key in keys:
            torch.testing.assert_close(values[kind][key], values['modalities+fused'][key])


# JDDA (Chen et al., AAAI 2019).


def test_known_instance_loss():
    """By hand: h = 0, 3, 12, labels 0, 0, 1, mean over all pairs: intra 18, inter 80.222222."""
    record = labelled(dict(m0=column(0, 3, 12, 7)), [False] * 3 + [True], [0, 0, 1, -1])
    out = JDDA(2, dict(in_channels=dict(m0=1)), loss_weight=1.0)(record)
    assert out['discriminative/fused_intra'].item() == pytest.approx(18.0)
    assert out['discriminative/fused_inter'].item() == pytest.approx(80.222222, abs=1e-6)
    assert out['loss_discriminative'].item() == pytest.approx(98.222222, abs=1e-6)


def test_instance_loss_of_distances():
    """The paper's reading of the same example: 2 * 3^2 / 9, and 2 * (max(0, 10 - 12)^2 + (10 - 9)^2) / 9."""
    record = labelled(dict(m0=column(0, 3, 12)), [False] * 3, [0, 0, 1])
    out = JDDA(2, dict(in_channels=dict(m0=1)), squared=False, margins=(0.0, 10.0))(record)
    assert out['discriminative/fused_intra'].item() == pytest.approx(2.0, rel=1e-5)
    assert out['discriminative/fused_inter'].item() == pytest.approx(2 / 9, rel=1e-5)


def test_instance_gradient_equals_the_formula():
    record = labelled(dict(m0=column(0, 3, 12)), [False] * 3, [0, 0, 1])
    grad, = torch.autograd.grad(JDDA(2, dict(in_channels=dict(m0=1)), loss_weight=1.0)(record)['loss_discriminative'],
                                record.features['m0'])
    # Ordered pairs: d/dh of D^2 is 4 D (h_i - h_j), of (100 - D)^2 it is -4 (100 - D)(h_i - h_j).
    expected = [2 * 4 * 9 * -3 / 9, (2 * 4 * 9 * 3 + 2 * -4 * 19 * -9) / 9, 2 * -4 * 19 * 9 / 9]
    assert grad[:, 0].tolist() == pytest.approx(expected)


def test_centre_loss_and_the_move_of_its_centres():
    """Two steps by hand: C = 3, of which 2 are in the batch; b = 0.5, margins 1 and 30, rate 0.5."""
    objective = JDDA(3, dict(in_channels=dict(m0=1)), form='centre', margins=(1.0, 30.0), loss_weight=1.0).double()
    rows, centres, scale = [0., 4, 6], [0., 0, 0], 3 * 3 + 9
    for _ in range(2):
        record = labelled(dict(m0=column(*rows, 99)), [False] * 3 + [True], [0, 0, 1, -1])
        out = objective(record)
        intra = .5 * sum(max(0, (h - centres[y])**2 - 1) for h, y in zip(rows, (0, 0, 1))) / scale
        inter = 2 * (30 - (2. - 6.)**2) / scale
        assert out['discriminative/fused_intra'].item() == pytest.approx(intra)
        assert out['discriminative/fused_inter'].item() == pytest.approx(inter)
        out['loss_discriminative'].backward()
        # d intra / dh_3 and, through the mean of its class, d inter / dh_3.
        assert float(record.features['m0'].grad[2]) == pytest.approx((6 - centres[1] - 2 * 2 * (6 - 2)) / scale)
        assert not record.features['m0'].grad[3].any()
        centres[0] -= .5 * ((centres[0] - 0) + (centres[0] - 4)) / 3
        centres[1] -= .5 * (centres[1] - 6) / 2
        assert objective.centres_fused[:, 0].tolist() == pytest.approx(centres)
    assert not objective.centres_fused.requires_grad


def test_centres_rest_in_evaluation_and_resume():
    objective = JDDA(3, CHANNELS, form='centre', placement='both').double()
    features, is_target = features_of()
    objective(labelled(features, is_target, [0, 1, 2, 0, 1, 2, -1] + [-1] * 5))
    state = {name: value.clone() for name, value in objective.state_dict().items()}
    assert set(state) == {'centres_m0', 'centres_m1', 'centres_fused'}
    assert all(value.any() for value in state.values())
    fresh = JDDA(3, CHANNELS, form='centre', placement='both').double()
    fresh.load_state_dict(state)
    fresh.eval()(labelled(features, is_target, [0, 1, 2, 0, 1, 2, -1] + [-1] * 5))
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, state[name])
    outs = [own.train()(labelled(features, is_target, [0] * 7 + [-1] * 5))['loss_discriminative']
            for own in (objective, fresh)]
    assert torch.equal(*outs)


@pytest.mark.parametrize('form', ['instance', 'centre'])
def test_unlabelled_source_samples_take_no_part(form):
    features, is_target = features_of(7, 5)
    some = labelled(features, is_target, [0, 1, 2, 0, 1, -1, -1] + [-1] * 5)
    without = torch.cat([torch.arange(5), torch.arange(7, 12)])
    few = labelled({name: value[without] for name, value in features.items()}, is_target[without], [0, 1, 2, 0, 1] +
                   [-1] * 5)
    values = [JDDA(3, CHANNELS, form=form).double()(record)['loss_discriminative'] for record in (some, few)]
    torch.testing.assert_close(*values)


# All of them.

METHODS = {
    'mk_mmd': lambda **k: MKMMD(CHANNELS, **k), 'ddc': lambda **k: MKMMD(
        CHANNELS, kernel='linear', estimator='biased', **k), 'jan': lambda **k: JAN(CHANNELS, **k),
    'instance': lambda **k: JDDA(3, CHANNELS, **k), 'centre': lambda **k: JDDA(3, CHANNELS, form='centre', **k)}


@pytest.mark.parametrize('name', METHODS)
def test_placements_are_means(name):
    features, is_target = features_of()
    record = with_logits(labelled(features, is_target, [0, 1, 2, 0, 1, 2, 0] + [-1] * 5))
    values = {}
    for placement in ('fused', 'per_modality', 'both'):
        objective = METHODS[name](placement=placement).double()
        values[placement] = float(objective(record)[f'loss_{objective.loss_name}'].detach())
    assert values['both'] == pytest.approx((2 * values['per_modality'] + values['fused']) / 3)
    objective = METHODS[name](placement='both', balanced=True).double()
    out = objective(record)
    own = [float(out[f'loss_{objective.loss_name}/{part}'].detach()) for part in ('m0', 'm1', 'fused')]
    assert sum(own) / 3 == pytest.approx(values['both'])


@pytest.mark.parametrize('name', METHODS)
@pytest.mark.parametrize(('n_source', 'n_target'), [(1, 6), (6, 1), (0, 6), (6, 0)])
def test_too_few_samples_are_zero_in_the_graph_and_counted(name, n_source, n_target):
    """Two samples."""
    features, is_target = features_of(n_source, n_target)
    record = with_logits(labelled(features, is_target, [index % 3 for index in range(n_source)] + [-1] * n_target))
    objective = METHODS[name]().double()
    out = objective(record)
    few = n_source < 2 if isinstance(objective, JDDA) else min(n_source, n_target) < 2
    assert float(out[f'{objective.loss_name}_skipped']) == few
    loss = out[f'loss_{objective.loss_name}']
    grads = torch.autograd.grad(loss, list(record.features.values()))
    assert bool(loss) != few
    assert any(grad.any() for grad in grads) != few


@pytest.mark.parametrize('name', METHODS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_constant_features_are_finite(name, dtype):
    features = dict(m0=torch.ones(6, 4, dtype=dtype), m1=torch.zeros(6, 3, dtype=dtype))
    record = labelled(features, torch.arange(6) > 2, [0, 1, 2, -1, -1, -1])
    record.logits = (record.features['m0'] @ torch.ones(4, 3, dtype=dtype))
    objective = METHODS[name]()
    loss = objective(record)[f'loss_{objective.loss_name}']
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(loss, list(record.features.values())))


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: MKMMD(CHANNELS, kernel='x'), "kernel='x' is unknown"),
    (lambda: MKMMD(CHANNELS, estimator='x'), 'estimator'),
    (lambda: MKMMD(CHANNELS, alphas=(1, 0)), 'alphas'), (lambda: MKMMD(CHANNELS, placement='x'), 'placement'),
    (lambda: JAN(CHANNELS, sigma=0), 'sigma'), (lambda: JDDA(3, CHANNELS, form='x'), "form='x' is unknown"),
    (lambda: JDDA(3, CHANNELS, margins=(-1, 2)), 'margins'), (lambda: JDDA(3, CHANNELS, rate=2), 'rate'),
    (lambda: JDDA(3, CHANNELS, form='centre', squared=False), 'squared')])
def test_options_are_checked(build, match):
    with pytest.raises(ValueError, match=match):
        build()


CONFIGS = {
    'none': [], 'mk_mmd': [dict(type='mmda_ext.MKMMD')],
    'ddc': [dict(type='mmda_ext.MKMMD', kernel='linear', estimator='biased')], 'jan': [dict(type='mmda_ext.JAN')],
    'deep_coral': [dict(type='mmda_ext.CorrelationAlignment', normalize='deep_coral', objectives='fused')],
    'jdda': [dict(type='mmda_ext.CorrelationAlignment', alpha2=8.0, normalize='mean', objectives='fused'),
             dict(type='mmda_ext.JDDA', num_classes=3)],
    'amanda': [dict(type='mmda_ext.Amanda')]}


def encoder_gradients(objectives, shift):
    model, batch = adapting(objectives=[BOTTLENECK, *objectives])
    for inputs in batch['inputs'][5:]:
        inputs.update({name: value + shift for name, value in inputs.items()})
    model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))[0].backward()
    return {name: value.grad for name, value in model.backbones.named_parameters() if value.grad is not None}


@pytest.mark.parametrize('name', CONFIGS)
def test_the_target_batch_changes_the_gradients_of_the_encoders(name):
    one, two = (encoder_gradients(CONFIGS[name], shift) for shift in (0.0, 0.5))
    # Biases of the last layer move all rows alike, which no discrepancy sees.
    for parameter, grad in ((parameter, grad) for parameter, grad in one.items() if 'weight' in parameter):
        same = torch.allclose(grad, two[parameter], rtol=1e-6, atol=1e-12)
        assert same == (name == 'none'), parameter


def test_balanced_criteria_train_under_mgda():
    model, batch = adapting(objectives=[dict(type='mmda_ext.MKMMD', placement='both', balanced=True)])
    before = parameters_of(model)
    wrapper = wrapper_of(model, balancer=dict(type='MGDA'))
    model.train_step(batch, wrapper)
    assert {'gamma_video', 'gamma_audio', 'gamma_flow', 'gamma_fused'} <= wrapper.balancer.diagnostics.keys()
    assert all(not torch.equal(value, before[name]) for name, value in parameters_of(model).items())
