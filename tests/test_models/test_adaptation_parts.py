"""Parts of the objectives that compare source and target: known answers of the formulas, and the ramp in a run."""

import math

import pytest
import torch
from mmengine.logging import MessageHub

from mmda_ext.models.adaptation import (
    Comparison,
    DomainDiscriminator,
    MultilinearMap,
    Ramp,
    domain_cross_entropy,
    nuclear_wasserstein,
)
from mmda_ext.models.adaptation import ramp as ramp_file
from mmda_ext.models.adaptation.nuclear import _SkipNonFinite
from mmda_ext.models.freezing import held
from mmda_ext.models.fusions.base import fused_width
from mmda_ext.registry import MODELS
from tests.steps import given
from tests.test_engine.test_hooks import run
from tests.toy_run import ToyModel, toy_config


@pytest.fixture
def hub(monkeypatch):
    """An empty message hub that is the current one."""
    own = MessageHub('test')
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: own)
    return own


# The ramp (Ganin et al., JMLR 2016).


@pytest.mark.parametrize(('progress', 'expected'), [
    (0, 0), (.1, .462117), (.25, .848284), (.5, .986614), (.75, .998894), (1, .999909)])
def test_ramp_known_answers(progress, expected):
    assert Ramp().at(progress) == pytest.approx(expected, abs=1e-6)
    assert Ramp(hi=.5, lo=.2).at(progress) == pytest.approx(.2 + .3 * expected, abs=1e-6)


@pytest.mark.parametrize(('step', 'expected'), [(1000, .4621), (5000, .9866)])
def test_ramp_of_a_fixed_number_of_steps(hub, step, expected):
    hub.update_info('iter', step)
    assert Ramp(a=1, steps=1000)() == pytest.approx(expected, abs=1e-4)


def test_ramp_follows_the_runner_not_the_calls(hub):
    hub.update_info_dict(dict(iter=250, max_iters=1000))
    ramp = Ramp()
    assert [ramp() for _ in range(3)] == pytest.approx([.848284] * 3, abs=1e-6)
    hub.update_info('iter', 100)
    assert ramp() == pytest.approx(.462117, abs=1e-6)


@pytest.mark.parametrize(('done', 'expected', 'started'), [(0, .1, False), (499, .1, False), (500, .1, True),
                                                            (750, .1 + .9 * .986614, True)])
def test_ramp_that_starts_later(hub, done, expected, started):
    hub.update_info_dict(dict(iter=done, max_iters=1000))
    ramp = Ramp(lo=.1, start=.5)
    assert ramp() == pytest.approx(expected, abs=1e-6)
    assert ramp.started == started
    assert Ramp().started


def test_without_a_runner_the_ramp_is_at_its_end_and_says_so_once(hub, monkeypatch):
    said = []
    monkeypatch.setattr(ramp_file, 'print_log', lambda message, **_: said.append(message))
    ramp = Ramp(hi=.7)
    assert [ramp(), ramp()] == [.7, .7]
    assert len(said) == 1
    assert 'weight is hi=0.7 throughout' in said[0]
    assert Ramp(lo=1.0)() == 1.0
    assert len(said) == 1, 'a constant needs no progress'


@pytest.mark.parametrize('options', [dict(a=0), dict(a=-1), dict(steps=0), dict(a=math.inf), dict(a=math.nan)])
def test_ramp_options(options):
    with pytest.raises(ValueError, match=f'ramp: {next(iter(options))}=.* must be a positive number'):
        Ramp(**options)


@pytest.mark.parametrize('start', [-.1, 1])
def test_ramp_start_is_checked(start):
    with pytest.raises(ValueError, match=f'ramp: start={start} must be in'):
        Ramp(start=start)


@MODELS.register_module()
class RampRecorder(ToyModel):
    """Keeps what the ramp says in training and in evaluation."""

    seen: dict = dict(loss=[], predict=[])

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.seen[mode].append(Ramp()())
        return super().forward(inputs, data_samples, mode)


def test_a_resumed_run_goes_on_and_an_evaluation_moves_nothing(tmp_path):
    def recorded(**changes):
        RampRecorder.seen = dict(loss=[], predict=[])
        cfg = toy_config(tmp_path, epochs=2, model=dict(type='mmda_ext.RampRecorder'), **changes)
        cfg.custom_hooks = []
        run(cfg)
        return RampRecorder.seen

    whole = recorded()
    steps = len(whole['loss'])
    assert whole['loss'] == pytest.approx([Ramp().at(index / steps) for index in range(steps)])
    assert set(whole['predict']) == {whole['loss'][steps // 2 - 1], whole['loss'][-1]}
    resumed = recorded(resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    assert resumed['loss'] == whole['loss'][steps // 2:]


# The discriminator's loss.


def test_confusion_is_ln_2():
    value, seen = domain_cross_entropy(torch.zeros(5), torch.arange(2), torch.arange(2, 5))
    assert float(value) == pytest.approx(.6931, abs=1e-4)
    assert float(seen['bce']) == float(value)
    half, _ = domain_cross_entropy(torch.zeros(5, dtype=torch.bfloat16), torch.arange(2), torch.arange(2, 5))
    assert half.dtype == torch.float32


def test_domains_of_unequal_size_weigh_the_same():
    source, target = torch.tensor([0, 3]), torch.tensor([1, 2, 4])
    logits = torch.tensor([2., -1, .5, -.3, -2]).double()
    value, seen = domain_cross_entropy(logits, source, target)
    sigmoid = torch.sigmoid(logits)
    expected = .5 * (-sigmoid[source].log().mean() - (1 - sigmoid[target]).log().mean())
    assert float(value) == pytest.approx(float(expected))
    assert float(seen['acc']) == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    weights = torch.tensor([1., 2, 4, 3, 2]).double()
    value, _ = domain_cross_entropy(logits, source, target, weights)
    w = [weights[rows] / weights[rows].mean() for rows in (source, target)]
    expected = -.5 * ((w[0] * sigmoid[source].log()).mean() + (w[1] * (1 - sigmoid[target]).log()).mean())
    assert float(value) == pytest.approx(float(expected))


@pytest.mark.parametrize('missing', ['source', 'target'])
def test_a_domain_without_samples_adds_nothing(missing):
    logits = torch.tensor([1., -2], requires_grad=True)
    rows = dict(source=torch.arange(2), target=torch.arange(2))
    rows[missing] = torch.arange(0)
    value, _ = domain_cross_entropy(logits, **rows)
    assert torch.isfinite(torch.autograd.grad(value, logits)[0]).all()


def test_discriminator():
    kinds = [type(layer).__name__ for layer in DomainDiscriminator(4, 8, norm=True).layers]
    assert kinds == ['Linear', 'BatchNorm1d', 'ReLU', 'Dropout'] * 2 + ['Linear']
    plain = DomainDiscriminator(4)
    assert not any('BatchNorm' in type(layer).__name__ for layer in plain.layers)
    assert [layer.p for layer in plain.layers if isinstance(layer, torch.nn.Dropout)] == [.5, .5]
    assert plain.layers[0].out_features == 256
    assert plain(torch.randn(3, 4)).shape == (3, )


# Nuclear norms (DALN; Chen et al., CVPR 2022).


@pytest.mark.parametrize(('target', 'expected'), [([[.5, .5], [.5, .5]], .5), ([[.9, .1], [.2, .8]], .148531)])
def test_nuclear_known_answers(target, expected):
    target = torch.tensor(target)
    assert float(nuclear_wasserstein(torch.eye(2), target)) == pytest.approx(expected, abs=1e-6)
    assert float(nuclear_wasserstein(torch.eye(2), target.repeat(2, 1))) == pytest.approx(
        1 - float(torch.linalg.matrix_norm(target.repeat(2, 1), 'nuc')) / 4, abs=1e-6), 'each by its own size'
    assert nuclear_wasserstein(torch.eye(2).bfloat16(), target.bfloat16()).dtype == torch.float32


def test_nuclear_gradient_of_equal_rows_is_finite():
    """Singular values that repeat at zero."""
    source, target = (torch.full((n, 5), .2, requires_grad=True) for n in (6, 4))
    for grad in torch.autograd.grad(nuclear_wasserstein(source, target), (source, target)):
        assert torch.isfinite(grad).all()


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_skipped(bad):
    x = torch.ones(3, 2, requires_grad=True)
    factor = torch.ones(3, 2)
    kept, = torch.autograd.grad((_SkipNonFinite.apply(x) * factor).sum(), x)
    assert torch.equal(kept, factor)
    factor[1, 1] = bad
    skipped, = torch.autograd.grad((_SkipNonFinite.apply(x) * factor).sum(), x)
    assert not skipped.any()


# Multilinear map (CDAN Eq. 4-6).


def test_multilinear_known_answer():
    product = MultilinearMap(2, 2)(torch.tensor([[1., 2]]), torch.tensor([[.3, .7]]))
    torch.testing.assert_close(product, torch.tensor([[.3, .6, .7, 1.4]]))


def test_random_map_keeps_inner_products():
    torch.manual_seed(0)
    exact, random = MultilinearMap(8, 4), MultilinearMap(8, 4, max_width=31, random_channels=40000)
    assert (exact.out_channels, random.out_channels) == (32, 40000)
    assert set(random.state_dict()) == {'of_features', 'of_classes'}
    f, g = torch.randn(3, 8), torch.rand(3, 4).softmax(1)
    products = [m(f, g) for m in (exact, random)]
    torch.testing.assert_close(products[1] @ products[1].T, products[0] @ products[0].T, rtol=.1, atol=.1)


# Other parts.


@pytest.mark.parametrize(('kind', 'options', 'width'), [
    ('ConcatFusion', dict(hidden_channels=16), 16), ('ConcatFusion', dict(hidden_channels=None), 7),
    ('SumFusion', dict(hidden_channels=8), 16), ('FiLMFusion', dict(hidden_channels=None), 512),
    ('GatedFusion', dict(hidden_channels=9), 9)])
def test_fused_width(kind, options, width):
    state = torch.get_rng_state()
    fusion = dict(type=f'mmda_ext.{kind}', in_channels=dict(a=4, b=3), **options)
    assert fused_width(fusion) == width
    assert torch.equal(torch.get_rng_state(), state), 'weights drawn after it would change'


def test_held_parameters_get_no_gradient():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    layer.bias.requires_grad_(False)
    with held(layer):
        out = layer(x).sum()
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad, 'what was frozen stays so'
    out.backward()
    assert x.grad is not None
    assert layer.weight.grad is None


def test_what_is_missing_is_named():
    labels = torch.zeros(2, dtype=torch.long)
    record = given(dict(a=torch.ones(2, 3)), labels, labels)
    comparison = Comparison('a', ('a', ), record, record.source_index, record.target_index)
    with pytest.raises(ValueError, match="no class head of 'a': add an objective that trains one"):
        comparison.logits()
    with pytest.raises(ValueError, match='this step has no classifier'):
        comparison.logits('fused')
    with pytest.raises(ValueError, match="no class head of 'a'"):
        comparison.classify(record.features)
