"""Source and target through the encoders: separately (the default) or in one pass."""

import copy

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmda_ext.models.data_preprocessors.padding import pad
from mmda_ext.models.passes import domain_groups, encode_groups
from tests.test_engine.test_balanced_wrapper import without_dropout
from tests.test_models.test_objectives_alignment import ALIGN
from tests.test_models.test_padding import variable_batch, variable_model
from tests.tiny import Encoder, batch_of, model_of, wrapper_of

#: Rows of the target, not in a block.
MIXED = (False, True, True, False, True, False, False)


def mixed_batch(flags=MIXED, modalities=('video', 'audio')):
    batch = batch_of(modalities, size=len(flags))
    for sample, flag in zip(batch['data_samples'], flags):
        if flag:
            sample.set_metainfo(dict(is_target=True, domain_label=-1))
            del sample.gt_label
    return batch


def features_after_a_step(model, batch):
    model.train()
    model(**model.data_preprocessor(batch, True), mode='loss')
    return model.take_step_record().step.features


def by_hand(model, batch, groups):
    """One pass for each group by the encoders themselves, in the order of the groups."""
    model.train()
    inputs = model.data_preprocessor(batch, True)['inputs']
    out = {}
    for name in model.modalities:
        out[name] = torch.zeros(len(batch['inputs']), model.backbones[name].layers[-1].out_features).double()
        for rows in groups:
            out[name][rows] = model.necks[name](model.backbones[name](inputs[name][rows]), len(rows))
    return out


@pytest.mark.parametrize(('joint', 'groups'), [
    (False, ([0, 3, 5, 6], [1, 2, 4])), (True, ([0, 1, 2, 3, 4, 5, 6], ))])
def test_passes_equal_those_by_hand(joint, groups):
    """Features, running statistics of the batch normalisation and gradients."""
    model = without_dropout(model_of(objectives=[ALIGN], joint_forward=joint))
    twin, batch = copy.deepcopy(model), mixed_batch()
    got, expected = features_after_a_step(model, batch), by_hand(twin, batch, groups)
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-12, atol=1e-14)
    for name, buffer in twin.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], buffer, rtol=1e-12, atol=1e-14)
    one, two = (torch.autograd.grad(sum(value.pow(3).sum() for value in features.values()),
                                    list(of.backbones['video'].layers.parameters()))
                for of, features in ((model, got), (twin, expected)))
    torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


def test_separate_passes_normalise_each_domain():
    """Shifting the target does not move the features of the source; in a joint pass it does."""
    for joint, moved in ((False, False), (True, True)):
        results = []
        for shift in (0., 5.):
            model = without_dropout(model_of(objectives=[ALIGN], joint_forward=joint))
            batch = mixed_batch()
            for one, flag in zip(batch['inputs'], MIXED):
                one['video'] = one['video'] + shift * flag
            results.append(features_after_a_step(model, batch)['video'][[0, 3, 5, 6]])
        assert torch.equal(*results) != moved


@pytest.mark.parametrize('flags', [(False, ) * 6, (True, ) * 6, (True, False, False, False), (False, True, True)])
def test_one_kind_or_a_single_sample_of_one_takes_one_pass(flags):
    """A domain of one sample has no batch statistics: batch normalisation would refuse it."""
    results = []
    for joint in (False, True):
        model, batch = without_dropout(model_of(objectives=[ALIGN], joint_forward=joint)), mixed_batch(flags)
        results.append(features_after_a_step(model, batch)['audio'])
    assert torch.equal(*results)
    assert len(domain_groups(torch.tensor(flags))) == 1


def test_prediction_is_one_pass():
    """Testing source and target together gives what each alone gives, and calls each encoder once."""
    calls = []

    class Counted(Encoder):

        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)

    model, batch = model_of(backbone=Counted).eval(), mixed_batch()
    model(**model.data_preprocessor(batch), mode='predict')
    assert calls == [7, 7]
    calls.clear()
    model.train()(**model.data_preprocessor(batch), mode='loss')
    assert calls == [4, 3, 4, 3]


def test_views_of_a_sample_stay_together():
    """Three rows for each of five samples; the neck averages those of one."""
    inputs, flags = torch.arange(15.).reshape(15, 1), torch.tensor([True, False, True, False, False])
    seen = []

    def encode(rows, count):
        seen.append(rows[:, 0].tolist())
        return rows.reshape(count, 3, 1).mean(1)

    got = encode_groups(encode, inputs, domain_groups(flags), 5)
    assert got[:, 0].tolist() == [1, 4, 7, 10, 13]
    assert seen == [[3, 4, 5, 9, 10, 11, 12, 13, 14], [0, 1, 2, 6, 7, 8]]


def test_padded_sequences_keep_length_and_key():
    batch = pad([torch.full((length, 2), float(length)) for length in (3, 1, 4, 2)], list('abcd'))
    groups, seen = domain_groups(torch.tensor([False, True, True, False])), []

    def encode(part, count):
        seen.append((part.keys, part.lengths.tolist(), count))
        return torch.stack([sequence.mean(0) for sequence in part.sequences()])

    assert encode_groups(encode, batch, groups, 4)[:, 0].tolist() == [3, 1, 4, 2]
    assert seen == [(('a', 'd'), [3, 2], 2), (('b', 'c'), [1, 4], 2)]


def test_sequences_of_different_length_in_a_model():
    """Without batch normalisation the passes make no difference."""
    results = []
    for joint in (False, True):
        torch.manual_seed(1)
        model, batch = variable_model(), variable_batch()
        model.joint_forward = joint
        for index in (0, 2):
            batch['data_samples'][index].set_metainfo(dict(is_target=True))
        results.append(features_after_a_step(model, batch)['video'])
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-14)


def test_rows_that_do_not_divide_are_refused_by_the_neck():
    model, batch = model_of(), mixed_batch()
    data = model.data_preprocessor(batch)
    data['inputs']['video'] = data['inputs']['video'][:6]
    with pytest.raises(ValueError, match='do not divide into 7 samples'):
        model(**data, mode='loss')


@pytest.mark.parametrize('space', ['feature', 'parameter'])
def test_both_train_under_a_balancer(space):
    for joint in (False, True):
        model = model_of(objectives=[ALIGN], joint_forward=joint)
        wrapper = wrapper_of(model, balancer=dict(type='MGDA', space=space))
        log = model.train_step(mixed_batch(), wrapper)
        assert torch.isfinite(log['loss'])


def test_samples_that_say_nothing_are_sources():
    model, batch = model_of(), batch_of()
    batch['data_samples'] = [ActionDataSample().set_gt_label(0) for _ in batch['data_samples']]
    assert model(**model.data_preprocessor(batch), mode='loss')['loss_cls'] > 0
