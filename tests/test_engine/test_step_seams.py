"""What an objective or a balancer may ask of a step beyond losses and weights: further passes, hits, single tensors."""

import gc
import weakref

import pytest
import torch

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.models.objectives import Objective
from tests.examples import OBJECTIVE_NAMES, balancer_example
from tests.steps import given
from tests.test_compatibility import mixed_batch
from tests.test_compatibility import model_of as any_model
from tests.test_models.test_objectives_alignment import adapting
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of


class SecondView(Objective):
    """Distance of the features from those of doubled inputs, and the class scores of blanked ones."""

    def forward(self, record):
        inputs = {name: 2 * value for name, value in record.inputs.items()}
        second = record.encode(inputs, record.num_samples)
        blank = record.encode({name: torch.zeros_like(value[:1]) for name, value in inputs.items()}, 1, evaluation=True)
        terms = [(second[name] - record.features[name].detach()).square().mean() for name in second]
        scores = record.predictions.classifier({name: value.expand_as(second[name]) for name, value in blank.items()})
        return {'loss_view': torch.stack(terms).sum(), 'loss_blank': scores.square().mean()}


class Halves(Balancer):
    """Half of the class gradient; ``needs`` decides the road that the wrapper takes."""

    def __init__(self, needs=(), space='parameter'):
        super().__init__(space)
        self.needs = frozenset(needs)
        self.seen = []

    def balances(self, task):
        return task in ('cls', 'view')

    def weights(self, inputs):
        self.seen.append(inputs)
        return inputs.ones() / 2


class Rounded(Halves):
    """Only tensors of rank two are halved."""

    def combine(self, gradients, weights):
        present = [gradient for gradient in gradients if gradient is not None]
        if not present:
            return None
        return torch.stack(present).sum(0) * (0.5 if present[0].dim() == 2 else 1.0)


def model_with_view():
    return model_of(objectives=[dict(type=SecondView)])


def stepped(model, wrapper, seed=0):
    torch.manual_seed(5)
    model.train_step(batch_of(seed=seed), wrapper)
    return parameters_of(model)


@pytest.mark.parametrize('balancer', [
    dict(type='Sum'), Halves(['gramian']), Halves(['gramian'], 'feature'), Halves(), Halves(['tensors'])], ids=repr)
def test_gradients_through_a_further_pass_are_those_of_autograd(balancer):
    model, reference = model_with_view(), model_with_view()
    factor = 1.0 if isinstance(balancer, dict) else 0.5
    got = stepped(model, wrapper_of(model, balancer=balancer, lr=1.0))
    torch.manual_seed(5)
    data = reference.data_preprocessor(batch_of(), True)
    losses = reference(**data, mode='loss')
    encoder = [p for own in reference.encoder_parameters().values() for p in own]
    weighted = factor * (losses['loss_cls'] + losses['loss_view']) + losses['loss_blank']
    grads = torch.autograd.grad(weighted, encoder, retain_graph=True, allow_unused=True)
    names = {id(p): name for name, p in reference.named_parameters()}
    for parameter, grad in zip(encoder, grads):
        expected = parameter if grad is None else parameter - grad
        torch.testing.assert_close(got[names[id(parameter)]], expected.detach(), rtol=1e-9, atol=1e-12)


def test_a_further_pass_in_evaluation_mode_leaves_the_modes_and_the_statistics():
    model = model_with_view()
    layer = model.backbones['video'].layers
    seen = []
    layer[3].register_forward_hook(lambda module, *_: seen.append(module.training))
    torch.manual_seed(0)
    model.loss(**model.data_preprocessor(batch_of(), True))
    assert seen == [True, True, False]
    assert layer[3].training
    assert layer[1].num_batches_tracked == 2


def test_without_encoders_there_is_no_further_pass():
    record = given({}, torch.zeros(1), torch.zeros(1))
    with pytest.raises(RuntimeError, match='no encoders'):
        record.encode({}, 1)


def test_single_tensors_are_combined_by_the_balancer():
    plain, rounded = model_of(objectives=[]), model_of(objectives=[])
    start = parameters_of(plain)
    all_of_it = stepped(plain, wrapper_of(plain, balancer=dict(type='Sum'), lr=1.0))
    part = stepped(rounded, wrapper_of(rounded, balancer=Rounded(['tensors']), lr=1.0))
    for name, value in start.items():
        factor = 0.5 if name.startswith('backbones') and value.dim() == 2 else 1.0
        torch.testing.assert_close(part[name] - value, factor * (all_of_it[name] - value), rtol=1e-9, atol=1e-12)


def test_hits_count_the_samples_that_a_modality_classifies_right():
    model, balancer = model_of(), Halves(['hits'])
    data = model.data_preprocessor(batch_of(size=6), True)
    wrapper = wrapper_of(model, balancer=balancer, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 10)
    expected = torch.zeros(2)
    for _ in range(2):
        with wrapper.optim_context(model):
            losses = model(**data, mode='loss')
            record = model.step_record
            own = model.cls_head.modality_logits(record.step.features)
            expected += torch.stack([(value.argmax(1) == record.step.labels).sum() for value in own.values()])
            wrapper.update_params(sum(losses[key] for key in losses if 'loss' in key))
    assert torch.equal(balancer.seen[0].hits['cls'], expected)
    assert expected.max() <= 12


def test_a_balancer_that_needs_hits_says_so():

    with pytest.raises(ValueError, match='needs hits'):
        Halves(['hits'])(BalanceInputs(('cls', ), ('a', )))


def test_a_balancer_without_a_loss_to_balance_is_refused():
    model = model_of()
    with pytest.raises(ValueError, match=r"MGDA balances none of the losses of this model, \['cls', 'domain'\]"):
        stepped(model, wrapper_of(model, balancer=dict(type='MGDA')))


# A split by modality belongs to its pass, and a record to its step.


@pytest.mark.parametrize('second', ['DALN', 'DADA2020', 'PCL'])
def test_a_second_classification_leaves_the_split_of_the_first(second):
    """Each pass has a dropout mask of its own; the linearised split needs that of the logits that trained."""
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, modality_logits='linearised')
    model, batch = adapting(('video', 'audio'), (dict(type=f'mmda_ext.{second}'), ), cls_head=head)
    fusion = model.cls_head.fusion
    fusion.dropout.p = .5
    model(**model.data_preprocessor(batch, True), mode='loss')
    record = model.take_step_record()
    step, split = record.step, model.cls_head.modality_logits(record.step.features, record.step.predictions.fused)
    for got, own in zip(record.probes['cls']._logits(), split.values()):
        torch.testing.assert_close(got, own, rtol=0, atol=0)
    whole = torch.stack(list(split.values())).sum(0)
    gate = (step.predictions.fused != 0) / .5
    remainder = (fusion.hidden.bias * gate) @ fusion.output.weight.T + fusion.output.bias
    torch.testing.assert_close(whole + remainder, step.predictions.logits)


@pytest.mark.parametrize('objective', OBJECTIVE_NAMES)
def test_a_record_ends_with_its_step(objective):
    """Nothing in it holds it: inputs and graph would stay until Python looks for cycles, batch upon batch."""
    balancer, _ = balancer_example('MGDA')
    for options, kept in ((dict(kind='OptimWrapper'), 1), (dict(balancer=balancer), 0)):
        model, records = any_model(objective, 'ConcatFusion', 'MGDA'), []
        head = model.cls_head.loss
        model.cls_head.loss = lambda record, head=head, records=records: (
            records.append(weakref.ref(record)), head(record))[1]
        wrapper = wrapper_of(model, **options)
        gc.disable()
        try:
            for step in range(2):
                model.train_step(mixed_batch(step), wrapper)
            alive = [record() is not None for record in records]
        finally:
            gc.enable()
        assert alive == [False] * (2 - kept) + [True] * kept, options


def test_the_record_before_is_gone_when_the_encoders_run():
    model, seen = model_of(objectives=[]), []
    model.backbones['video'].register_forward_pre_hook(lambda *_: seen.append(model.step_record))
    for _ in range(2):
        model(**model.data_preprocessor(batch_of(), True), mode='loss')
    assert seen == [None, None]
    assert model.step_record is not None
