"""CGGM: known answers (Guo et al., NeurIPS 2024), its numerical trap, its memory, and plain autograd."""

import pytest
import torch

from mmda_ext.balancing import CGGM, BalanceInputs
from tests.gradients import assert_written, by_task, written
from tests.test_engine.test_balanced_wrapper import NoNorm, without_dropout
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
NAMES = ('video', 'audio', 'flow')


def inputs_of(accuracies, extra=()):
    """Hits of 100 samples."""
    hits = 100 * torch.tensor(accuracies, dtype=torch.float64)
    losses = torch.zeros(2 + len(extra), dtype=torch.float64)
    return BalanceInputs(('cls', 'guidance', *extra), NAMES[:len(accuracies)], hits=dict(guidance=hits),
                         counts=dict(guidance=100), losses=losses)


def after(before, now, **options):
    balancer = CGGM(**options)
    balancer(inputs_of(before))
    return balancer, balancer(inputs_of(now))


def test_known_answer():
    """A (.2, .5) -> (.4, .6): B (1/3, 2/3), scales (.433333, .866667)."""
    balancer, weights = after((.2, .5), (.4, .6))
    assert balancer.diagnostics['B'].tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-6)
    assert weights[:, 0].tolist() == pytest.approx([.433333, .866667], abs=1e-6)
    assert weights[:, 1].tolist() == [1, 1]


def test_direction_known_answer():
    """Cosines (.5, .8) with that B: L_gm = .15; encoders get the direction of j times B_j."""
    extra = ('direction/video', 'direction/audio')
    balancer = CGGM()
    balancer(inputs_of((.2, .5)))
    values = [0., 0., (1 - .5) / 2, (1 - .8) / 2]
    inputs = inputs_of((.4, .6), extra=extra)
    inputs.losses.copy_(torch.tensor(values))
    weights = balancer(inputs)
    assert float(balancer.diagnostics['direction']) == pytest.approx(.15, abs=1e-6)
    assert weights[:, 2:].tolist() == [pytest.approx([1 / 3, 2 / 3], abs=1e-6)] * 2


def test_first_batch_starts_from_zero():
    """A(0) = 0: B_m is the share of the others in the accuracy."""
    balancer = CGGM()
    balancer(inputs_of((.2, .5, .3)))
    assert balancer.diagnostics['B'].tolist() == pytest.approx([.8, .5, .7], abs=1e-6)


def test_a_modality_alone_is_left_alone():
    """Nothing of the gain belongs to others: B would be 0 and stop it."""
    assert after((.2, ), (.6, ), rho=1.)[1].tolist() == [[1, 1]]


@pytest.mark.parametrize(('before', 'now', 'clamped', 'literal'), [
    ((.5, .5), (.5, .5), (1, 1), (1, 1)),
    ((.5, .5), (.7, .3001), (1, 1), None),
    ((.5, .5), (.8, .4), (0, 1.5), (-.5, 1.5)),
    ((.5, .5), (.8, .25), (0, 2), (-5, 6)),
    ((.5, .5), (.4, .4), (.5, .5), (.5, .5))])
def test_trap_of_a_summed_gain_near_zero(before, now, clamped, literal):
    assert after(before, now)[0].diagnostics['B'].tolist() == pytest.approx(clamped, abs=1e-5)
    balancer, _ = after(before, now, clamp=None)
    if literal is not None:
        assert balancer.diagnostics['B'].tolist() == pytest.approx(literal, abs=1e-5)
    else:
        assert balancer.diagnostics['B'].abs().max() > 1000


def test_without_any_gain_the_literal_form_trains_on():
    """The public code adds its epsilon to the sum before it is divided: factor 1.3, and not 0."""
    assert after((.5, .5), (.5, .5), clamp=None)[1][:, 0].tolist() == pytest.approx([1.3, 1.3])


def test_memory_is_saved_restored_and_its_own():
    balancer, _ = after((.2, .5), (.4, .6))
    resumed = CGGM()
    resumed.load_state_dict(balancer.state_dict())
    assert torch.equal(resumed(inputs_of((.5, .5))), balancer(inputs_of((.5, .5))))
    resumed.load_state_dict({})
    assert torch.equal(resumed(inputs_of((.5, .5))), CGGM()(inputs_of((.5, .5))))
    with pytest.raises(ValueError, match='CGGM has no memory of'):
        CGGM().load_state_dict(dict(steps=1))


def test_never_looks_at_a_value():
    from torch._subclasses.fake_tensor import FakeTensorMode
    with FakeTensorMode():
        inputs = BalanceInputs(('cls', 'guidance'), ('a', 'b'), hits=dict(guidance=torch.empty(2)),
                               counts=dict(guidance=torch.empty(())), losses=torch.empty(2))
        assert CGGM()(inputs).shape == (2, 2)


def test_refusals():
    for options, match in ((dict(rho=0), 'rho=0'), (dict(clamp=(1.5, 2)), r'clamp=\(1.5, 2\)'),
                           (dict(tasks='cls'), "tasks='cls' must be a sequence of task names")):
        with pytest.raises(ValueError, match=match):
            CGGM(**options)
    with pytest.raises(ValueError, match="hits of task 'guidance'.*ClassifierGuidance"):
        CGGM()(BalanceInputs(('cls', ), ('a', ), hits=dict(cls=torch.ones(1)), losses=torch.ones(1)))
    assert not CGGM().balances('domain')


def test_accuracy_is_that_of_the_labelled_samples():
    """A batch without any is passed over: equal shares, and the next one is compared with the batch before it."""
    guide = dict(type='mmda_ext.ClassifierGuidance', num_classes=3)
    model = model_of(objectives=[guide])
    wrapper = wrapper_of(model, balancer=dict(type='CGGM'), lr=0.)
    whole, part, none = (batch_of(size=8) for _ in range(3))
    for batch, unlabelled in ((part, range(4, 8)), (none, range(8))):
        for index in unlabelled:
            del batch['data_samples'][index].gt_label
    labelled = {key: value[:4] for key, value in part.items()}
    seen = []
    for batch in (labelled, part, none, whole):
        torch.manual_seed(0)
        model.eval()
        data = model.data_preprocessor(batch, True)
        with wrapper.optim_context(model):
            losses, _ = model.parse_losses(model(**data, mode='loss'))
        wrapper.update_params(losses)
        seen.append({key: value.clone() for key, value in wrapper.balancer.diagnostics.items()})
    assert seen[0]['accuracy'].any()
    for later in seen[1:3]:
        assert torch.equal(later['accuracy'], seen[0]['accuracy'])
        assert later['B'].tolist() == [1, 1]
    gains = seen[3]['accuracy'] - seen[0]['accuracy']
    torch.testing.assert_close(seen[3]['B'], ((gains.sum() - gains) / gains.sum()).clamp(0, 2)
                               if abs(gains.sum()) > 1e-3 else torch.ones_like(gains))


@pytest.mark.parametrize('adversary', [True, False], ids=['adversary', 'plain'])
@pytest.mark.parametrize('direction', ['off', 'constant', 'live'])
@pytest.mark.parametrize('count', [2, 3])
def test_written_gradients_are_those_of_autograd(count, direction, adversary):
    """Encoders: rho B_m times classification, B_j times direction j, plain adversary; heads the plain sum."""
    names = NAMES[:count]
    guide = dict(type='mmda_ext.ClassifierGuidance', num_classes=3, direction=direction)
    model = model_of(names, objectives=[ADVERSARY] * adversary + [guide])
    wrapper = wrapper_of(model, balancer=dict(type='CGGM'))
    seen = set()
    for seed in range(4):
        batch = batch_of(names, seed=seed)
        tasks, _ = by_task(model, batch)
        got = written(model, batch, wrapper)
        wrapper.optimizer.zero_grad()
        B = dict(zip(names, wrapper.balancer.diagnostics['B'].double()))
        seen |= {round(float(value), 3) for value in B.values()}
        expected = {}
        for name in tasks['cls']:
            own = dict.fromkeys(tasks, 1.0)
            if name.startswith('backbones'):
                own['cls'] = 1.3 * B[name.split('.')[1]]
                own |= {t: B[t.split('/')[1]] for t in tasks if t.startswith('direction/')}
            expected[name] = sum(own[t] * tasks[t][name] for t in tasks)
        assert_written(got, expected)
    assert len(seen) > 1


def test_two_accumulated_halves_equal_one_batch():
    """Accuracies are those of both halves together, and so are those of the step before."""
    guide = dict(type='mmda_ext.ClassifierGuidance', num_classes=3)
    one, two = (without_dropout(model_of(backbone=NoNorm, objectives=[guide])) for _ in range(2))
    one_wrapper = wrapper_of(one, balancer=dict(type='CGGM'))
    two_wrapper = wrapper_of(two, balancer=dict(type='CGGM'), accumulative_counts=2)
    for step in range(4):
        whole = batch_of(size=8, seed=step)
        one.train_step(whole, one_wrapper)
        for i in (0, 4):
            two.train_step({key: value[i:i + 4] for key, value in whole.items()}, two_wrapper)
        assert torch.equal(one_wrapper.balancer.diagnostics['B'], two_wrapper.balancer.diagnostics['B'])
    for name, value in parameters_of(one).items():
        torch.testing.assert_close(parameters_of(two)[name], value, rtol=1e-10, atol=1e-12)
