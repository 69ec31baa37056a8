"""Correlation alignment: known answers, closed form against autograd, and what the wrapper does with it."""

import itertools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmda_ext.balancing import MGDA, BalanceInputs
from mmda_ext.models.alignment import SecondMoments
from mmda_ext.models.objectives import CorrelationAlignment
from mmda_ext.models.step import StepRecord, Terms
from tests.steps import given
from tests.test_engine.test_balanced_wrapper import NoNorm, without_dropout, written_gradients
from tests.tiny import batch_of, model_of, wrapper_of

SOURCE, TARGET = torch.tensor([[0., 0], [2, 0]]).double(), torch.tensor([[0., 0], [0, 2]]).double()


def coral(source, target, statistic='covariance', mean_term=False, factor=1.0, low_rank=None):
    """One distance, with its gradient at both batches."""
    value, gradients = SecondMoments({'': source}, {'': target}, statistic).distance([''], mean_term, factor, low_rank)
    return value, *gradients[''].split([len(source), len(target)])



def reference(source, target, statistic='covariance', factor=1.0, mean_term=False):
    """Plain formula, for autograd."""
    moments = []
    for rows in (source, target):
        centred = rows - rows.mean(0)
        if statistic == 'covariance':
            moments.append(centred.T @ centred / (len(rows) - 1))
        else:
            w = centred / (centred.square().mean(0) + 1e-6).sqrt()
            moments.append(w.T @ w / len(rows))
    value = factor * (moments[0] - moments[1]).square().sum()
    return value + (source.mean(0) - target.mean(0)).square().mean() if mean_term else value


def features_of(n_source=7, n_target=5, widths=(4, 3), seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    rows = n_source + n_target
    features = {f'm{i}': torch.randn(rows, width, generator=generator, dtype=dtype) * (1 + i)
                for i, width in enumerate(widths)}
    is_target = torch.arange(rows) >= n_source
    return {name: value + is_target[:, None] * value**2 for name, value in features.items()}, is_target


def record_of(features, is_target, grad=True):
    features = {name: value.clone().requires_grad_(grad) for name, value in features.items()}
    labels = torch.full((len(is_target), ), -1)
    return given(features, labels, labels, is_target=is_target)


def objective_of(features, **options):
    widths = {name: value.shape[1] for name, value in features.items()}
    return CorrelationAlignment(dict(in_channels=widths), **{'alpha2': 1.0, **options})


def gamma_of(record, out):
    """Q and gamma from the gradients that the objective filed."""
    names = list(record.features)
    tasks = tuple(out.gradients)
    rows = [torch.stack([out.gradients[t].get(m, torch.zeros_like(record.features[m])).reshape(-1)
                         for t in tasks]) for m in names]
    gramian = torch.stack([row @ row.T for row in rows])
    balancer = MGDA()
    return gramian.sum(0), balancer(BalanceInputs(tasks, tuple(names), gramian))[0], balancer


@pytest.mark.parametrize('low_rank', [False, True])
def test_known_answers(low_rank):
    for factor, expected in ((1.0, 8.0), (1 / 16, .5)):
        value, on_source, on_target = coral(SOURCE, TARGET, factor=factor, low_rank=low_rank)
        assert float(value) == pytest.approx(expected)
        assert on_source.tolist() == [[-8 * factor, 0], [8 * factor, 0]]
        assert on_target.tolist() == [[0, -8 * factor], [0, 8 * factor]]
        assert float(on_source.square().sum() + on_target.square().sum()) == pytest.approx(256 * factor**2)
    moved = coral(SOURCE + torch.tensor([3., -7]), TARGET - 5, low_rank=low_rank)
    for one, two in zip(moved, coral(SOURCE, TARGET, low_rank=low_rank)):
        torch.testing.assert_close(one, two)
    value, *gradients = coral(SOURCE, SOURCE, low_rank=low_rank)
    assert value == 0
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize(('statistic', 'mean_term', 'low_rank'),
                         itertools.product(['covariance', 'correlation'], [False, True], [False, True]))
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_closed_form_equals_autograd(statistic, mean_term, low_rank, dtype, tolerance):
    # Correlations of two rows are +-1 whatever the features: a gradient of pure cancellation.
    for sizes in ((7, 5), (4, 9), (3, 3) if statistic == 'correlation' else (2, 2)):
        features, is_target = features_of(*sizes, widths=(6, ), dtype=dtype)
        source, target = features['m0'][~is_target], features['m0'][is_target]
        leaves = [part.double().requires_grad_() for part in (source, target)]
        expected = reference(*leaves, statistic, .3, mean_term)
        got = coral(source, target, statistic, mean_term, .3, low_rank)
        for own, value in zip(got, (expected, *torch.autograd.grad(expected, leaves))):
            assert own.dtype == dtype
            assert float((own - value).abs().max()) <= tolerance * float(value.detach().abs().max() + 1e-3)


@pytest.mark.parametrize('low_rank', [False, True])
def test_gradient_equals_finite_differences(low_rank):
    features, is_target = features_of(4, 3, widths=(3, ))
    parts, eps = [features['m0'][~is_target], features['m0'][is_target]], 1e-6
    gradients = coral(*parts, factor=.7, low_rank=low_rank)[1:]
    for which, gradient in enumerate(gradients):
        for place in itertools.product(*map(range, gradient.shape)):
            ends = []
            for sign in (1, -1):
                moved = [part.clone() for part in parts]
                moved[which][place] += sign * eps
                ends.append(float(coral(*moved, factor=.7, low_rank=low_rank)[0]))
            assert (ends[0] - ends[1]) / (2 * eps) == pytest.approx(float(gradient[place]), rel=1e-6, abs=1e-6)


def test_half_precision_is_widened():
    value, on_source, _ = coral(SOURCE.bfloat16(), TARGET.bfloat16())
    assert value.dtype == on_source.dtype == torch.float32


@pytest.mark.parametrize(('normalize', 'losses', 'Q', 'gamma', 'r'), [
    ('none', (4, 16, 22), [[128, 0, 160], [0, 1280, 1216], [160, 1216, 1456]], (.841813, .084181, .074006), 9.5),
    ('deep_coral', (1, 4, 1.375), [[8, 0, 2.5], [0, 80, 19], [2.5, 19, 5.6875]], (.398948, .039895, .561157), 3.340659),
    ('mean', (4, 16, 5.5), [[128, 0, 40], [0, 1280, 304], [40, 304, 91]], None, None)])
def test_known_gramian_and_gamma(normalize, losses, Q, gamma, r):
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    features = dict(m1=column(0, 2, 0, 0), m2=column(0, 1, 0, 3))
    record = record_of(features, torch.tensor([False, False, True, True]))
    out = objective_of(features, normalize=normalize)(record)
    assert [float(out[f'loss_align/{name}']) for name in ('m1', 'm2', 'fused')] == pytest.approx(losses)
    got, weights, balancer = gamma_of(record, out)
    torch.testing.assert_close(got, torch.tensor(Q, dtype=torch.float64))
    assert got[0, 1] == 0, 'modalities do not overlap'
    if gamma is not None:
        assert weights.tolist() == pytest.approx(gamma, abs=1e-6)
        assert float(balancer.diagnostics['r']) == pytest.approx(r, abs=1e-6)


def test_second_known_gramian():
    """By hand: three samples of each domain."""
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    features = dict(m1=column(0, 1, 5, 1, 2, 3), m2=column(1, 0, 2, 0, 4, 2))
    record = record_of(features, torch.arange(6) > 2)
    out = objective_of(features)(record)
    assert [float(out[f'loss_align/{name}']) for name in ('m1', 'm2', 'fused')] == pytest.approx([36, 9, 47])
    got, weights, _ = gamma_of(record, out)
    expected = [[2304, 0, 2448], [0, 360, 288], [2448, 288, 2912]]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    assert weights.tolist() == pytest.approx([.122082, .781325, .096592], abs=1e-6)


def covariance_gramian(features, is_target, factors, k_fused):
    """Third way: from the covariances of the concatenation alone."""
    joined = torch.cat(list(features.values()), dim=1)
    parts = [joined[~is_target], joined[is_target]]
    C = [torch.cov(rows.T) for rows in parts]
    D = C[0] - C[1]
    widths = [value.shape[1] for value in features.values()]
    blocks = [slice(end - width, end) for width, end in zip(widths, itertools.accumulate(widths))]
    count = len(widths) + 1
    Q = torch.zeros(count, count, dtype=joined.dtype)
    for rows, cov in zip(parts, C):
        share = 16 / (len(rows) - 1)
        for m, (b, k) in enumerate(zip(blocks, factors)):
            Q[m, m] += share * k**2 * torch.trace(D[b, b] @ cov[b, b] @ D[b, b])
            Q[m, -1] += share * k * k_fused * torch.trace(D[b, b] @ cov[b, :] @ D[:, b])
            Q[-1, m] = Q[m, -1]
        Q[-1, -1] += share * k_fused**2 * torch.trace(D @ cov @ D)
    return Q


@pytest.mark.parametrize('normalize', ['none', 'deep_coral'])
@pytest.mark.parametrize('form', ['direct', 'low_rank'])
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_three_ways_to_the_gramian(normalize, form, dtype, tolerance):
    features, is_target = features_of(12, 9, widths=(5, 4, 6))
    factors = [1.0 if normalize == 'none' else 1 / (4 * w**2) for w in (5, 4, 6, 15)]
    leaves = {name: value.clone().requires_grad_() for name, value in features.items()}
    split = lambda value: (value[~is_target], value[is_target])  # noqa: E731
    losses = [reference(*split(value), factor=k) for value, k in zip(leaves.values(), factors)]
    losses.append(reference(*split(torch.cat(list(leaves.values()), dim=1)), factor=factors[-1]))
    rows = torch.stack([torch.cat([torch.zeros_like(leaf).reshape(-1) if grad is None else grad.reshape(-1)
                                   for leaf, grad in zip(leaves.values(), torch.autograd.grad(
                                       loss, list(leaves.values()), retain_graph=True, allow_unused=True))])
                        for loss in losses])
    by_autograd = rows @ rows.T
    by_covariances = covariance_gramian(features, is_target, factors[:-1], factors[-1])
    record = record_of({name: value.to(dtype) for name, value in features.items()}, is_target)
    out = objective_of(features, normalize=normalize, form=form)(record)
    analytic = gamma_of(record, out)[0].double()
    for other, bound in ((by_covariances, 1e-10), (analytic, tolerance)):
        assert not (other[:-1, :-1] - torch.diag(torch.diagonal(other[:-1, :-1]))).any(), 'exact zeros'
        assert float(((other - by_autograd).abs() / by_autograd.abs().clamp_min(by_autograd.abs().amax() * 1e-6)
                      ).max()) < bound


@pytest.mark.parametrize('statistic', ['covariance', 'correlation'])
@pytest.mark.parametrize('objectives', ['modalities+fused', 'modalities', 'fused'])
def test_sums_over_modalities_equal_the_concatenation(objectives, statistic):
    """The low-rank form makes no product for the fused loss; the direct one and autograd know no such thing."""
    for (count, other), normalize, mean_term, grad_on in itertools.product(
        [(3, 4), (12, 9)], ['none', 'deep_coral', 'mean'], [False, True], ['both', 'source', 'target']):
        features, is_target = features_of(count, other, widths=(5, 4, 6))
        # Source and target in no order.
        order = torch.randperm(len(is_target), generator=torch.Generator().manual_seed(1))
        features, is_target = {name: value[order] for name, value in features.items()}, is_target[order]
        options = dict(objectives=objectives, statistic=statistic, normalize=normalize, mean_term=mean_term)
        results = []
        for form in ('low_rank', 'direct'):
            record = record_of(features, is_target)
            results.append(objective_of(features, form=form, grad_on=grad_on, **options)(record))
        for task, filed in results[0].gradients.items():
            leaves = {name: features[name].clone().requires_grad_() for name in filed}
            joined = torch.cat(list(leaves.values()), dim=1)
            factor = {'none': 1, 'deep_coral': .25 / joined.shape[1]**2, 'mean': 1 / joined.shape[1]**2}[normalize]
            value = reference(joined[~is_target], joined[is_target], statistic, factor, mean_term)
            silent = {'both': is_target & False, 'source': is_target, 'target': ~is_target}[grad_on]
            grads = torch.autograd.grad(value, list(leaves.values()))
            expected = [grad.masked_fill(silent[:, None], 0) for grad in grads]
            for out in results:
                torch.testing.assert_close(out[f'loss_{task}'], value, rtol=1e-10, atol=1e-12)
                for name, grad in zip(leaves, expected):
                    torch.testing.assert_close(out.gradients[task][name], grad, rtol=1e-9,
                                               atol=1e-12 * float(grad.abs().max()) + 1e-15)


class Products(TorchDispatchMode):
    """Counts products of matrices."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten.mm.default
        return func(*args, **(kwargs or {}))


def test_fused_loss_makes_no_product_of_its_own():
    features, is_target = features_of(3, 4, widths=(5, 4, 6))
    with Products() as products:
        objective_of(features, form='low_rank')(record_of(features, is_target))
    assert products.count == 3 * (3 + 2), 'each modality: three, and one for its gradient in each of its two losses'


@pytest.mark.parametrize('grad_on', ['both', 'source', 'target'])
def test_loss_alone_has_the_gradient_that_is_filed(grad_on):
    """A stock wrapper trains on the loss; a balanced one on what is filed."""
    features, is_target = features_of()
    record = record_of(features, is_target)
    out = objective_of(features, alpha2=.1, grad_on=grad_on, statistic='correlation')(record)
    for task, gradients in out.gradients.items():
        grads = torch.autograd.grad(out[f'loss_{task}'], list(record.features.values()), retain_graph=True,
                                    allow_unused=True)
        for name, grad in zip(record.features, grads):
            assert (grad is None) == (name not in gradients)
            if grad is not None:
                torch.testing.assert_close(grad, gradients[name], rtol=1e-12, atol=1e-14)
                assert bool(grad[~is_target].any()) == (grad_on != 'target')
                assert bool(grad[is_target].any()) == (grad_on != 'source')


def test_one_modality_has_no_fused_loss():
    features, is_target = features_of(widths=(4, ))
    assert [key for key in objective_of(features)(record_of(features, is_target)) if 'loss' in key] == ['loss_align/m0']
    features, is_target = features_of()
    out = objective_of(features, objectives='modalities')(record_of(features, is_target))
    assert 'loss_align/fused' not in out


@pytest.mark.parametrize(('n_source', 'n_target'), [(1, 6), (6, 1), (0, 6), (6, 0), (1, 1)])
def test_degenerate_batches_are_zero_attached_and_counted(n_source, n_target):
    features, is_target = features_of(n_source, n_target)
    objective = objective_of(features)
    record = record_of(features, is_target)
    out = objective(record)
    total = sum(value for key, value in out.items() if 'loss' in key)
    assert float(total) == 0
    for grad in torch.autograd.grad(total, list(record.features.values())):
        assert not grad.any()
    assert float(out['align_skipped']) == 1
    _, gamma, _ = gamma_of(record, out)
    assert gamma.tolist() == pytest.approx([1 / 3] * 3)


def test_constant_features_are_finite():
    features = dict(m0=torch.ones(6, 3).double(), m1=torch.zeros(6, 2).double())
    for statistic in ('covariance', 'correlation'):
        record = record_of(features, torch.arange(6) > 2)
        out = objective_of(features, statistic=statistic)(record)
        assert all(torch.isfinite(value) for value in out.values())
        assert all(torch.isfinite(g).all() for own in out.gradients.values() for g in own.values())


def test_alpha2_auto_needs_a_loss_to_compare_with():
    features, is_target = features_of()
    with pytest.raises(ValueError, match="compares with the gradient of task 'cls', which has no loss: set class_task"):
        objective_of(features, alpha2='auto')(record_of(features, is_target), dict(other=torch.ones(())))


def test_alpha2_auto_reaches_its_fraction_and_then_stays():
    features, is_target = features_of()
    objective = objective_of(features, alpha2='auto', auto_fraction=.1, auto_batches=2)
    chosen = []
    for seed in range(4):
        features, is_target = features_of(seed=seed)
        record = record_of(features, is_target)
        out = objective(record, dict(cls=sum(value.square().sum() for value in record.features.values())))
        chosen.append(float(objective.alpha2))
        if seed == 0:
            mean = [sum(own[name] for own in out.gradients.values() if name in own) / 3 for name in features]
            length = torch.cat([g.reshape(-1) for g in mean]).norm()
            classifier = 2 * torch.cat([value.reshape(-1) for value in features.values()]).norm()
            assert float(length / classifier) == pytest.approx(.1, rel=1e-5)
    assert chosen[0] != chosen[1] == chosen[2] == chosen[3]
    fresh = objective_of(features, alpha2='auto', auto_batches=2)
    fresh.load_state_dict(objective.state_dict())
    assert float(fresh.alpha2) == chosen[-1]
    assert fresh._lengths[0] == 2


def test_options_are_checked():
    features, _ = features_of()
    for option in (dict(statistic='x'), dict(normalize='x'), dict(grad_on='x'), dict(form='x'), dict(objectives='x')):
        with pytest.raises(ValueError, match=f"{next(iter(option))}='x' is unknown: choose one of"):
            objective_of(features, **option)
    with pytest.raises(ValueError, match="must be a number or 'auto'"):
        objective_of(features, alpha2='off')


# In a model, under the wrapper.

ALIGN = dict(type='mmda_ext.CorrelationAlignment', alpha2=.1)


def adapting(modalities=('video', 'audio', 'flow'), objectives=(ALIGN, ), size=10, **options):
    model = without_dropout(model_of(modalities, objectives=list(objectives), backbone=NoNorm, **options))
    batch = batch_of(modalities, size=size)
    for index, sample in enumerate(batch['data_samples']):
        if index >= size // 2:
            sample.set_metainfo(dict(is_target=True, domain_label=-1))
            del sample.gt_label
    return model, batch


def plain(model, batch, weights):
    """Encoder gradients by autograd through the reference formula, with the weights given."""
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    features = model.take_step_record().step.features
    is_target = torch.arange(len(batch['inputs'])) >= len(batch['inputs']) // 2
    groups = dict(features)
    groups['fused'] = torch.cat(list(features.values()), dim=1)
    aligned = {name: .1 * reference(value[~is_target], value[is_target]) for name, value in groups.items()}
    for name, value in aligned.items():
        torch.testing.assert_close(value, losses[f'loss_align/{name}'])
    total = losses['loss_cls'] + sum(weights[name] * value for name, value in aligned.items())
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {name: grad for name, grad in zip(named, grads) if grad is not None}


@pytest.mark.parametrize('space', ['feature', 'parameter'])
@pytest.mark.parametrize('solver', ['closed_form', 'exact', 'uniform'])
def test_written_gradients_equal_plain_autograd_with_gamma(space, solver):
    model, batch = adapting()
    got, wrapper = written_gradients(model, batch, balancer=dict(type='MGDA', solver=solver, space=space))
    gamma = {name: float(wrapper.balancer.diagnostics[f'gamma_{name}']) for name in ('video', 'audio', 'flow', 'fused')}
    assert sum(gamma.values()) == pytest.approx(1)
    expected = plain(model, batch, gamma)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-10, atol=1e-12)
    logged = wrapper.message_hub.log_scalars
    assert logged['train/balance/gamma_fused'].current() == pytest.approx(gamma['fused'])
    assert logged['train/balance/weight_align/fused_audio'].current() == pytest.approx(gamma['fused'])
    if solver != 'uniform':
        assert {'train/balance/r', 'train/balance/cosine_audio', 'train/balance/squared_norm_flow'} <= logged.keys()


def test_stock_wrapper_and_sum_agree():
    model, batch = adapting()
    ones = dict.fromkeys(('video', 'audio', 'flow', 'fused'), 1.0)
    for options in (dict(kind='OptimWrapper'), dict(balancer=dict(type='Sum'))):
        got, _ = written_gradients(model, batch, **options)
        for name, value in plain(model, batch, ones).items():
            torch.testing.assert_close(got[name], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('accumulative_counts', [1, 2])
def test_a_known_gradient_is_scaled_like_its_loss(accumulative_counts):
    """With and without the known gradients, whatever scales the loss."""
    options = dict(balancer=dict(type='MGDA'), accumulative_counts=accumulative_counts)
    results = []
    for forget in (False, True):
        model, batch = adapting()
        if forget:
            take = model.take_step_record
            model.take_step_record = lambda take=take: forgetful(take())
        wrapper = wrapper_of(model, **options)
        for _ in range(2):
            model.train_step(batch, wrapper)
        results.append({name: value.detach().clone() for name, value in model.named_parameters()})
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name], rtol=1e-12, atol=1e-14)


def forgetful(record):
    assert record.gradients
    record.gradients = {}
    return record


@pytest.mark.filterwarnings('ignore:a balanced loss')
@pytest.mark.parametrize('bad', [float('inf'), float('nan')])
def test_a_gradient_that_is_not_finite_stays_out_of_the_encoders(bad):
    model, batch = adapting()
    take = model.take_step_record

    def spoiled():
        record = take()
        record.gradients['align/flow']['flow'][0, 0] = bad
        return record

    model.take_step_record = spoiled
    got, wrapper = written_gradients(model, batch, balancer=dict(type='MGDA'))
    assert all(torch.isfinite(value).all() for value in got.values())
    assert wrapper.balancer.non_finite_steps == 1
    assert float(wrapper.balancer.diagnostics['gamma_flow']) == 0


def test_known_gradients_spend_no_autograd_pass(monkeypatch):
    model, batch = adapting()
    calls = []
    backward = torch.autograd.backward
    monkeypatch.setattr(torch.autograd, 'backward', lambda *a, **k: calls.append(1) or backward(*a, **k))
    written_gradients(model, batch, balancer=dict(type='MGDA'))
    assert len(calls) == 1 + 3, 'one for the classifier, one through each encoder'


def test_a_gradient_known_for_a_part_of_a_task_is_forgotten():
    record = StepRecord(record_of(*features_of()))
    record.add(Terms(dict(loss_x=torch.ones(())), gradients=dict(x={})))
    assert record.gradients == dict(x={})
    record.add(dict(loss_y=torch.ones(())), 'x')
    assert record.gradients == {}
    assert float(record.losses['x']) == 2
    with pytest.raises(ValueError, match=r"two parts of the model return \['loss_y'\]"):
        record.add(dict(loss_y=torch.ones(())))


def test_loss_scale_of_mixed_precision():
    """Known gradients carry the scale like all others, and the balancer sees none of it; stands in for a GPU."""
    results = []
    for scale in (1.0, 64.0):
        model, batch = adapting()
        wrapper, seen = wrapper_of(model, balancer=dict(type='MGDA')), {}
        plain_scaled = wrapper._scaled
        wrapper._scaled = lambda loss, scale=scale, plain_scaled=plain_scaled: scale * plain_scaled(loss)
        wrapper._finish = lambda update, like, epoch, scale=scale: update.finish(scale, epoch)
        wrapper.step = lambda model=model, seen=seen, scale=scale, **_: seen.update(
            {name: p.grad / scale for name, p in model.named_parameters()})
        model.train_step(batch, wrapper)
        results.append((seen, wrapper.balancer.diagnostics))
    (one, first), (two, second) = results
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-12, atol=1e-14)
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=1e-12, atol=1e-14)


def test_bfloat16_on_the_cpu():
    model, batch = adapting(dtype=torch.float32)
    for inputs in batch['inputs']:
        inputs.update({name: value.float() for name, value in inputs.items()})
    got, wrapper = written_gradients(model, batch, kind='mmda_ext.AmpBalancedOptimWrapper', dtype='bfloat16',
                                     balancer=dict(type='MGDA'))
    assert all(torch.isfinite(value).all() for value in got.values())
    assert float(wrapper.balancer.diagnostics['non_finite']) == 0
