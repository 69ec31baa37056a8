"""Information bottleneck and voting: known answers, empty sets, and what reaches which parameter."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.objectives import InformationBottleneck, VotingPseudoLabel
from mmda_ext.models.objectives import voting_pseudo_label as voting
from mmda_ext.models.objectives.information_bottleneck import log_determinant
from mmda_ext.models.objectives.voting_pseudo_label import vote
from mmda_ext.models.step import labels_of
from tests.steps import given, heads_of
from tests.test_models.test_objectives_alignment import ALIGN, adapting
from tests.tiny import parameters_of, sample_of, wrapper_of

BOTTLENECK = dict(type='mmda_ext.InformationBottleneck')
VOTING = dict(type='mmda_ext.VotingPseudoLabel')
EPS = 1e-6


def record_of(features, labels, is_target, logits=None, modality_logits=None):
    labels = torch.as_tensor(labels)
    if modality_logits is None:
        modality_logits = {name: value @ torch.ones(value.shape[1], 3).to(value) for name, value in features.items()}
    return given(features, labels, torch.zeros_like(labels), is_target=torch.as_tensor(is_target), logits=logits,
                 modality_logits=modality_logits)


# Information bottleneck.


def test_log_determinant_known_answer():
    features = torch.tensor([[1., 0], [-1, 2]]).double()
    assert float(log_determinant(features)) == pytest.approx(2 * math.log(1 + EPS))
    assert float(log_determinant(features, 'log1p')) == pytest.approx(2 * math.log(2))
    assert float(log_determinant(3 * features) - log_determinant(features)) == pytest.approx(4 * math.log(3), abs=1e-5)


def test_fused_entropy_is_the_sum_of_the_others():
    torch.manual_seed(0)
    features = dict(a=torch.randn(6, 3).double(), b=torch.randn(6, 4).double())
    objective = InformationBottleneck(dict(in_channels=dict(a=3, b=4)), beta=.25).double()
    out = objective(record_of(features, [0, 1] * 3, [False] * 6))
    joined = torch.cat(list(features.values()), dim=1)
    terms = [log_determinant(value) for value in (*features.values(), joined)]
    assert float(out['loss_entropy']) == pytest.approx(float(.25 / 2 * sum(terms)))


def test_only_source_rows_count():
    """Target rows change neither loss, even where the data set leaves their labels in."""
    torch.manual_seed(0)
    objective, head = InformationBottleneck(dict(in_channels=dict(a=4))).double(), heads_of(dict(a=4))['a']
    source = torch.randn(5, 4).double()
    alone = record_of(dict(a=source), [0, 1, 2, 0, 1], [False] * 5, modality_logits=dict(a=head(source)))
    expected = objective(alone)
    mixed = torch.cat([source[:3], 100 * torch.randn(4, 4).double(), source[3:]])
    record = record_of(dict(a=mixed), [0, 1, 2, 1, 1, 1, 1, 0, 1], [False] * 3 + [True] * 4 + [False] * 2,
                       modality_logits=dict(a=head(mixed)))
    got = objective(record)
    for key in ('loss_heads', 'loss_entropy'):
        torch.testing.assert_close(got[key], expected[key])
    assert float(expected['loss_heads']) == pytest.approx(float(F.cross_entropy(
        head(source), torch.tensor([0, 1, 2, 0, 1]))))
    torch.testing.assert_close(got.probes['heads'].confidences(), expected.probes['heads'].confidences())


@pytest.mark.parametrize('entropy', ['log_eps', 'log1p'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_dead_features_are_finite(entropy, dtype):
    features = torch.zeros(4, 5, dtype=dtype, requires_grad=True)
    value = log_determinant(features, entropy)
    grad, = torch.autograd.grad(value, features)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize('rows', [0, 1])
def test_one_source_sample_has_no_entropy(rows):
    features = torch.ones(3, 2, requires_grad=True)
    objective = InformationBottleneck(dict(in_channels=dict(a=2)))
    out = objective(record_of(dict(a=features), [0] * 3, [index >= rows for index in range(3)]))
    assert float(out['loss_entropy']) == 0
    assert not torch.autograd.grad(out['loss_entropy'], features, retain_graph=True)[0].any()
    torch.autograd.grad(out['loss_heads'], features)


def moving(momentum=.9, width=4, **options):
    return InformationBottleneck(dict(in_channels=dict(a=width)), beta=1., estimator='ema', momentum=momentum,
                                 **options).double()


def entropy_of(objective, features):
    count = len(features)
    return objective(record_of(dict(a=features), [0, 1] * (count // 2) + [0] * (count % 2), [False] * count))[
        'loss_entropy']


@pytest.mark.parametrize('entropy', ['log_eps', 'log1p'])
def test_moving_variance(entropy):
    """Value of the average (estimator "ema"), gradient of the current batch; against plain loops."""
    torch.manual_seed(0)
    objective = moving(entropy=entropy)
    average = None
    for step in range(4):
        features = ((1 + step) * torch.randn(6, 4).double()).requires_grad_()
        own = features.detach().var(0, correction=0)
        average = own if average is None else .9 * average + .1 * own
        value = entropy_of(objective, features)
        grad, = torch.autograd.grad(value, features)
        shift = EPS if entropy == 'log_eps' else 1.
        torch.testing.assert_close(value, (average + shift).log().sum())
        centred = features.detach() - features.detach().mean(0)
        torch.testing.assert_close(grad, 2 * centred / 6 / (average + shift))
    state = {key: value for key, value in objective.state_dict().items() if 'variance' in key}
    torch.testing.assert_close(list(state.values()), [average])


def test_without_memory_the_average_is_the_batch():
    torch.manual_seed(0)
    objective, batch = moving(momentum=0.), InformationBottleneck(dict(in_channels=dict(a=4)), beta=1.).double()
    for _ in range(3):
        features = torch.randn(5, 4).double().requires_grad_()
        values = [entropy_of(one, features) for one in (objective, batch)]
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*(torch.autograd.grad(value, features)[0] for value in values))


def test_moving_variance_is_saved_and_stands_still_where_it_must():
    torch.manual_seed(0)
    objective, batches = moving(), [torch.randn(5, 4).double() for _ in range(4)]
    for features in batches[:2]:
        entropy_of(objective, features)
    fresh = moving()
    fresh.load_state_dict(objective.state_dict())
    before = objective.averages['a'].variance.clone()
    assert torch.equal(entropy_of(fresh, batches[2]), entropy_of(objective, batches[2])), 'resumed exactly'
    assert not torch.equal(objective.averages['a'].variance, before)
    before = objective.averages['a'].variance.clone()
    entropy_of(objective, batches[3][:1])
    entropy_of(objective, torch.full((4, 4), math.inf).double())
    entropy_of(objective.eval(), batches[3])
    assert torch.equal(objective.averages['a'].variance, before), 'one sample, not finite, evaluation'
    assert not [key for key in InformationBottleneck(dict(in_channels=dict(a=4))).state_dict() if 'averages' in key]


def test_options_of_the_bottleneck():
    assert 'loss_entropy' not in InformationBottleneck(dict(in_channels=dict(a=2)), entropy='off')(
        record_of(dict(a=torch.ones(3, 2)), [0] * 3, [False] * 3))
    for option, match in ((dict(entropy='log'), "entropy='log' is unknown: choose one of"),
                          (dict(estimator='all'), "estimator='all' is unknown: choose one of"),
                          (dict(momentum=1.), r'momentum=1.0 must be in \[0, 1\)')):
        with pytest.raises(ValueError, match=match):
            InformationBottleneck(dict(in_channels=dict(a=2)), **option)


# Voting.


def votes_of(rows, classes=3, margin=5.0):
    """Logits of each voter whose argmax over classes is as given, one row for each sample."""
    return [margin * F.one_hot(torch.tensor(column), classes).double() for column in zip(*rows)]


def outcome(rows, min_votes=3, logits=None, **options):
    """Run on target samples only; returns the labels kept (None where dropped) and the output."""
    logits = logits or votes_of(rows)
    heads = {f'm{index}': value.requires_grad_() for index, value in enumerate(logits[:-1])}
    objective = VotingPseudoLabel(dict(in_channels=dict.fromkeys(heads, 1)), min_votes, **options)
    record = record_of({}, [-1] * len(rows), [True] * len(rows), logits[-1].requires_grad_(), heads)
    out = objective(record)
    labels, count = vote([value.detach() for value in logits])
    return [int(c) if n >= objective.min_votes else None for c, n in zip(labels, count)], out, record


def test_known_votes():
    rows = [(0, 0, 0, 0), (0, 1, 0, 0), (0, 1, 0, 1), (2, 2, 1, 2), (0, 1, 2, 0)]
    labels, out, _ = outcome(rows)
    assert labels == [0, 0, None, 2, None]
    assert float(out['pseudo_kept']) == 3
    assert float(out['pseudo_kept_fraction']) == pytest.approx(3 / 5)
    fused = votes_of(rows)[-1]
    expected = .5 * F.cross_entropy(fused[[0, 1, 3]], torch.tensor([0, 0, 2]))
    assert float(out['loss_pseudo']) == pytest.approx(float(expected))
    assert outcome([(1, 1, 1), (1, 1, 0)])[0] == [1, None]


def test_who_learns():
    rows = [(0, 0, 0, 1), (2, 2, 2, 2)]
    for option, learners in (('fused', 1), ('all', 4)):
        _, out, record = outcome(rows, pl_heads=option)
        leaves = [*record.modality_logits.values(), record.logits]
        grads = torch.autograd.grad(out['loss_pseudo'], leaves, allow_unused=True)
        assert sum(grad is not None and bool(grad.any()) for grad in grads) == learners
        assert grads[-1][0, 0] < 0 < grads[-1][0, 1], 'the fused head is drawn to the label of the majority'


def test_empty_set_keeps_the_graph():
    for rows, targets in (([(0, 1, 2, 0)], True), ([(0, 0, 0, 0)], False)):
        _, _, record = outcome(rows)
        record.is_target = torch.tensor([targets])
        out = VotingPseudoLabel(dict(in_channels=dict(a=1, b=1, c=1)))(record)
        assert float(out['loss_pseudo']) == 0
        grad, = torch.autograd.grad(out['loss_pseudo'], record.logits)
        assert not grad.any()
        assert torch.isfinite(grad).all()


def test_ties_go_to_probability_then_to_the_lower_class():
    tie = votes_of([(0, 1, 0, 1), (2, 1, 1, 2)])
    assert vote(tie)[0].tolist() == [0, 1]
    tie[1] = tie[1] * 2
    assert vote(tie)[0].tolist() == [1, 1]
    tie[0][1] *= 4
    assert vote(tie)[0].tolist() == [1, 2], 'class 2 has a surer voter now'
    assert outcome([(0, 1, 0, 1)], min_votes=2)[0] == [0]


@pytest.mark.parametrize(('min_votes', 'modalities', 'expected'), [
    (3, 3, 3), (.75, 3, 3), (.6, 3, 3), (.5, 3, 2), (1.0, 2, 3), (.01, 3, 1), (1, 3, 1)])
def test_number_or_fraction(min_votes, modalities, expected):
    objective = VotingPseudoLabel(dict(in_channels=dict.fromkeys('abc'[:modalities], 1)), min_votes)
    assert objective.min_votes == expected


def test_more_votes_than_voters_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(voting, 'print_log', lambda message, **_: said.append(message))
    VotingPseudoLabel(dict(in_channels=dict(a=1)), 3)
    assert len(said) == 1
    assert 'can never be reached by 2 voters' in said[0]
    assert outcome([(1, 1), (0, 0)], min_votes=3)[0] == [None, None]


@pytest.mark.parametrize(('options', 'match'), [
    (dict(min_votes=0), 'min_votes=0 must be'), (dict(min_votes=1.5), 'must be in'), (dict(min_votes=True), 'True'),
    (dict(pl_heads='none'), "pl_heads='none'")])
def test_options_of_the_voting(options, match):
    with pytest.raises(ValueError, match=match):
        VotingPseudoLabel(dict(in_channels=dict(a=1)), **options)


def test_voters_must_be_there():
    with pytest.raises(ValueError, match='InformationBottleneck'):
        VotingPseudoLabel(dict(in_channels=dict(a=1)))(record_of({}, [0], [True], torch.zeros(1, 2)))


def monitored(batch, order=None):
    """The batch with labels to monitor on its target samples, in the order given."""
    batch = copy.deepcopy(batch)
    targets = [sample for sample in batch['data_samples'] if sample.get('is_target')]
    for sample, label in zip(targets, order or [0, 1, 2, 0, 1]):
        sample.set_metainfo(dict(monitor_label=label))
    return batch


def test_accuracy_of_the_labels_kept():
    rows = [(0, 0, 0, 0), (0, 1, 0, 0), (0, 1, 0, 1), (2, 2, 1, 2), (0, 1, 2, 0)]
    for truth, expected in (([0, 1, 2, 2, 2], 200 / 3), ([-1, 0, 0, 1, 0], 50.), ([-1, -1, 0, -1, 0], 0.)):
        _, out, record = outcome(rows)
        assert 'pseudo_accuracy' not in out
        record.data_samples = [sample_of(0, 0) for _ in rows]
        for sample, label in zip(record.data_samples, truth):
            if label >= 0:
                sample.set_metainfo(dict(monitor_label=label))
        out = VotingPseudoLabel(dict(in_channels=dict(a=1, b=1, c=1)))(record)
        assert float(out['pseudo_accuracy']) == pytest.approx(expected)
    record.is_target = torch.zeros(5, dtype=torch.bool)
    assert 'pseudo_accuracy' not in VotingPseudoLabel(dict(in_channels=dict(a=1, b=1, c=1)))(record), 'sources'


def test_labels_to_monitor_change_nothing_that_trains():
    """Bit for bit the same with them, without them, and with them permuted."""
    results = []
    for order in (None, [0, 1, 2, 0, 1], [2, 2, 0, 1, 0]):
        model, batch = adapting(objectives=(BOTTLENECK, dict(VOTING, min_votes=.25), ALIGN))
        batch = batch if order is None else monitored(batch, order)
        wrapper = wrapper_of(model, balancer=dict(type='MGDA'))
        log = [model.train_step(batch, wrapper) for _ in range(3)]
        assert ('pseudo_accuracy' in log[-1]) == (order is not None)
        results.append((model.state_dict(), [entry['loss'] for entry in log]))
    for state, losses in results[1:]:
        assert all(torch.equal(value, results[0][0][name]) for name, value in state.items())
        assert losses == results[0][1]


def test_labels_to_monitor_are_no_labels():
    _, batch = adapting()
    samples = monitored(batch)['data_samples']
    labels, _ = labels_of(samples, torch.device('cpu'))
    assert labels[5:].tolist() == [-1] * 5
    assert not any('gt_label' in sample for sample in samples[5:])


# All three in a model.


@pytest.mark.parametrize('count', [1, 2, 3])
def test_all_together_for_one_to_three_modalities(count):
    names = ('video', 'audio', 'flow')[:count]
    model, batch = adapting(names, (BOTTLENECK, {**VOTING, 'min_votes': .5, 'pl_heads': 'all'}, ALIGN))
    before = parameters_of(model)
    wrapper = wrapper_of(model, balancer=dict(type='MGDA'))
    for _ in range(3):
        log = model.train_step(batch, wrapper)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in log.values())
    for name, value in parameters_of(model).items():
        assert not torch.equal(value, before[name]), name


def test_switched_off_terms_equal_direct_transfer():
    """alpha1 = alpha2 = 0 is direct transfer: bit for bit as a sum, up to the order of additions when balanced."""
    off = (dict(VOTING, loss_weight=0.), dict(ALIGN, alpha2=0.))
    results = []
    stock, balanced = dict(kind='OptimWrapper'), dict(balancer=dict(type='MGDA'))
    for objectives, options in (((BOTTLENECK, ), stock), ((BOTTLENECK, *off), stock), ((BOTTLENECK, *off), balanced)):
        model, batch = adapting(objectives=objectives)
        wrapper = wrapper_of(model, **options)
        for _ in range(3):
            model.train_step(batch, wrapper)
        results.append(parameters_of(model))
    for name, value in results[0].items():
        assert torch.equal(results[1][name], value)
        torch.testing.assert_close(results[2][name], value, rtol=1e-9, atol=1e-12)


def test_uniform_equals_fixed_quarters():
    results = []
    quarters = dict.fromkeys(('video', 'audio', 'flow', 'fused'), .25)
    for options in (dict(solver='uniform'), dict(solver='fixed', fixed=quarters)):
        model, batch = adapting(objectives=(BOTTLENECK, VOTING, ALIGN))
        model.train_step(batch, wrapper_of(model, balancer=dict(type='MGDA', **options)))
        results.append(parameters_of(model))
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())
