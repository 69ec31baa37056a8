"""Mixup of inputs: known answer, one coefficient for all modalities, soft labels wherever labels are read."""

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.engine import random_state
from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.models.data_preprocessors.padding import pad
from mmda_ext.models.heads.base import masked_cross_entropy
from mmda_ext.models.mixing import Mixup
from mmda_ext.models.step import Mix
from tests.tiny import Linear, batch_of, model_of, parameters_of, sample_of, wrapper_of

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))
HEADS = dict(type='mmda_ext.LocalClassification', task='heads')
LOCAL_ADVERSARY = dict(type='mmda_ext.LocalDomainAdversarial', num_domains=2, dropout=0., task='local')
MIXUP = dict(type='mmda_ext.Mixup')


def mixing_model(level='input', objectives=(ADVERSARY, HEADS, LOCAL_ADVERSARY), **options):
    """Without dropout and batch normalisation, so that a pass of one's own gives the same."""
    model = model_of(backbone=lambda width, out: Linear(torch.eye(out, width).tolist()), objectives=list(objectives),
                     mixing=dict(MIXUP, level=level), **options)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.
    return model.train()


def loss_of(model, batch, seed=3):
    data = model.data_preprocessor(batch, True)
    torch.manual_seed(seed)
    return model(**data, mode='loss'), model.take_step_record(), data


def test_known_answer_in_both_forms():
    logits, labels, partner = torch.tensor([[1., 0, -1], [0, 2, 0]]), torch.tensor([0, 1]), torch.tensor([1, 0])
    loss = masked_cross_entropy(logits, labels, Mix(.3, partner))
    soft = .3 * F.one_hot(labels, 3) + .7 * F.one_hot(labels[partner], 3)
    assert float(loss) == pytest.approx(1.373575, abs=1e-6)
    assert float(F.cross_entropy(logits, soft)) == pytest.approx(1.373575, abs=1e-6)


def test_samples_without_a_label_are_not_mixed():
    samples = [sample_of(0, 0), sample_of(1, 0), sample_of(2, 1), sample_of(0, 1)]
    for index in (0, 2):
        del samples[index].gt_label
    mixup, swaps = Mixup(), set()
    for _ in range(20):
        mix = mixup(samples)
        assert .5 <= mix.weight <= 1
        assert mix.partner[[0, 2]].tolist() == [0, 2]
        swaps.add(tuple(mix.partner[[1, 3]].tolist()))
    assert swaps == {(1, 3), (3, 1)}


@pytest.mark.parametrize(('alpha', 'smaller'), [(1., 1 / 4), (2., 5 / 16)])
def test_coefficients_are_of_the_beta_distribution(alpha, smaller):
    """E min(w, 1 - w) is 2 * integral from 0 to 1/2 of w p(w), with p(w) = 1 and 6 w (1 - w)."""
    with preserved_random_state():
        torch.manual_seed(0)
        drawn = [1 - Mixup(alpha)([]).weight for _ in range(2000)]
    assert sum(drawn) / len(drawn) == pytest.approx(smaller, abs=.015)


def test_without_a_coefficient_nothing_is_drawn_or_mixed():
    plain, off = mixing_model(), mixing_model()
    plain.mixing, off.mixing.alpha = None, 0
    off.load_state_dict(plain.state_dict())
    (expected, _, _), state = loss_of(plain, batch_of()), torch.get_rng_state()
    found, _, _ = loss_of(off, batch_of())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)
    assert torch.equal(torch.get_rng_state(), state)


def test_processes_draw_their_own_and_a_resumed_epoch_the_same(monkeypatch):
    def weights(epoch, rank):
        monkeypatch.setattr(random_state, 'get_rank', lambda: rank)
        random_state.seed_epoch(0, epoch)
        return [(mix.weight, mix.partner.tolist()) for mix in (Mixup()([sample_of(0, 0)] * 9) for _ in range(3))]

    with preserved_random_state():
        assert weights(1, 0) == weights(1, 0)
        assert weights(1, 0) != weights(1, 1)
        assert weights(1, 0) != weights(2, 0)


def test_views_of_a_sample_stay_together():
    mix = Mix(.75, torch.tensor([1, 0]))
    assert mix.rows(torch.tensor([0., 1., 10., 11.])).tolist() == [2.5, 3.5, 7.5, 8.5]


def test_sequences_are_as_long_as_the_longer_one():
    padded = pad([torch.ones(1, 2), 3 * torch.ones(3, 2)], keys=['a', 'b'])
    padded.values[0, 1:] = float('nan')  # has no meaning
    mixed = Mixup().mix_inputs(dict(audio=padded), Mix(.75, torch.tensor([1, 0])))['audio']
    assert mixed.keys is None, 'a cache would file a mixture under the name of a sample'
    assert mixed.lengths.tolist() == [3, 3]
    assert mixed.values[..., 0].tolist() == [[1.5, .75, .75], [2.5, 2.25, 2.25]]


def test_token_ids_have_no_mixture():
    with pytest.raises(ValueError, match="modality 'text' holds whole numbers.*model.mixing.level='feature'"):
        Mixup().mix_inputs(dict(text=pad([torch.tensor([1, 2])])), Mix(.5, torch.tensor([0])))


def test_all_modalities_and_all_labels_are_mixed_alike():
    """Every loss against its own soft form; the hard labels that confidences read are those of the larger part."""
    model, batch = mixing_model(), batch_of()
    out, record, data = loss_of(model, batch)
    torch.manual_seed(3)
    weight, partner = model.mixing(data['data_samples'])
    assert .5 < weight < 1
    assert partner.tolist() != sorted(partner.tolist())
    step = record.step
    inputs = {name: weight * x + (1 - weight) * x[partner] for name, x in data['inputs'].items()}
    labels = torch.tensor([int(sample.gt_label) for sample in data['data_samples']])
    domains = torch.tensor([sample.domain_label for sample in data['data_samples']])
    assert torch.equal(step.labels, labels)
    assert torch.equal(step.domain_labels, domains)
    assert torch.equal(record.probes['heads'].targets, labels)
    for name, value in model.extract_feat(inputs, 6).items():
        torch.testing.assert_close(step.features[name], value)

    def soft(logits, hard):
        mixture = weight * F.one_hot(hard, logits.shape[1]) + (1 - weight) * F.one_hot(hard[partner], logits.shape[1])
        return F.cross_entropy(logits, mixture)

    heads = sum(soft(value, labels) for value in step.predictions.modality_logits.values())
    adversary = soft(model.objectives[0].head.fusion(step.features), domains)
    local = sum(soft(value, domains) for value in record.probes['local'].logits.values())
    expected = dict(cls=soft(step.predictions.logits, labels), domain=adversary, heads=3 * heads, local=.5 * local)
    for name, value in expected.items():
        torch.testing.assert_close(out[f'loss_{name}'], value)
    assert not [name for name in out if name.endswith('_acc')], 'an accuracy of mixed samples says nothing'


def test_detached_heads_learn_from_soft_labels():
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, modality_logits='heads')
    model = mixing_model(objectives=[], cls_head=head)
    out, record, _ = loss_of(model, batch_of())
    step = record.step
    logits = [model.cls_head.heads[name](value) for name, value in step.features.items()]
    torch.testing.assert_close(out['loss_cls_heads'],
                               sum(masked_cross_entropy(value, step.labels, step.mix) for value in logits))


def test_nothing_is_mixed_in_evaluation():
    model = mixing_model().eval()
    _, record, data = loss_of(model, batch_of())
    assert record.step.mix is None
    for name, value in model.extract_feat(data['inputs'], 6).items():
        assert torch.equal(record.step.features[name], value)


@pytest.mark.parametrize('level', ['input', 'feature'])
@pytest.mark.parametrize('balancer', [dict(type='Sum'), dict(type='GMP'), dict(type='OGM', min_rank=2)],
                         ids=lambda own: own['type'])
def test_under_a_balancer(balancer, level):
    """The sum under the balancing wrapper is that of a stock one; the others take their step."""
    models = [mixing_model(level) for _ in range(2)]
    stock = dict(kind='OptimWrapper')
    for model, options in zip(models, (stock, dict(balancer={**balancer, 'type': f'mmda_ext.{balancer["type"]}'}))):
        torch.manual_seed(3)
        model.train_step(batch_of(), wrapper_of(model, **options))
    pairs = list(zip(*(parameters_of(model).values() for model in models)))
    same = all(torch.allclose(one, other) for one, other in pairs)
    assert same == (balancer['type'] == 'Sum')
    assert all(bool(other.isfinite().all()) for _, other in pairs)


@pytest.mark.parametrize('part', ['ClassifierGuidance', 'AGMClsHead'])
def test_what_needs_hard_labels_is_refused(part):
    options = dict(objectives=[dict(type='mmda_ext.ClassifierGuidance', num_classes=3)])
    if part == 'AGMClsHead':
        options = dict(objectives=[], cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3))
    with pytest.raises(ValueError, match=f'^{part} is not defined for mixed samples.*leave out model.mixing$'):
        mixing_model(**options)


@pytest.mark.parametrize('options', [
    dict(alpha=float('inf')), dict(alpha=float('nan')), dict(alpha=-1.), dict(level='text')])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='Mixup: (alpha|level)='):
        Mixup(**options)
