"""The engine in a loop of one's own: what it writes, and what `sum(losses).backward()` would."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmda_ext.balancing import GMP, Balancer, Sum
from mmda_ext.gradients import BalancedStep, BalancedUpdate, Cut, Parameters, Probe
from tests.gradients import written
from tests.tiny import batch_of, model_of, wrapper_of


class Fixed(Balancer):
    """Given weights, over any road that the engine has."""

    def __init__(self, table, needs=(), space='parameter', tasks=('cls', 'domain')):
        super().__init__(space)
        self.table, self.needs, self.tasks = torch.tensor(table, dtype=torch.float64), frozenset(needs), tasks

    def balances(self, task):
        return task in self.tasks

    def weights(self, inputs):
        return self.table[:, [self.tasks.index(task) for task in inputs.tasks]]


ROADS = [dict(needs=()), dict(needs=['gramian']), dict(needs=['gramian'], space='feature'), dict(needs=['tensors'])]
TABLE = [[.5, 2.], [-1., .25]]


class World(nn.Module):
    """Two encoders, a classifier and a critic on their features."""

    def __init__(self, encoder=None):
        super().__init__()
        torch.manual_seed(0)
        make = encoder or (lambda width: nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, 4)))
        self.encoders = nn.ModuleDict(dict(video=make(6), audio=make(3)))
        self.classify, self.criticise = nn.Linear(8, 3), nn.Linear(8, 2)
        self.double()
        self.x = dict(video=torch.randn(7, 6).double(), audio=torch.randn(7, 3).double())
        self.y, self.d = torch.arange(7) % 3, torch.arange(7) % 2

    def features(self):
        return {name: encoder(self.x[name]) for name, encoder in self.encoders.items()}

    def losses(self, features):
        joined = torch.cat(list(features.values()), 1)
        return dict(cls=F.cross_entropy(self.classify(joined), self.y),
                    domain=-F.cross_entropy(self.criticise(joined), self.d))

    def gradients(self):
        return {name: None if p.grad is None else p.grad.clone() for name, p in self.named_parameters()}

    def step(self):
        return BalancedStep(self.features(), encoders=self.encoders)


def expected_gradients(world, losses, table, tasks=('cls', 'domain')):
    """The definition: a separate plain backward pass for each loss."""
    own = {task: torch.autograd.grad(loss, list(world.parameters()), retain_graph=True, allow_unused=True)
           for task, loss in losses.items()}
    out = {}
    for index, (name, parameter) in enumerate(world.named_parameters()):
        row = 0 if name.startswith('encoders.video') else 1 if name.startswith('encoders.audio') else None
        terms = [(1. if row is None or task not in tasks else table[row][tasks.index(task)]) * grads[index]
                 for task, grads in own.items() if grads[index] is not None]
        out[name] = sum(terms) if terms else torch.zeros_like(parameter)
    return out


def assert_gradients(world, expected):
    for name, value in world.gradients().items():
        found = torch.zeros_like(expected[name]) if value is None else value
        torch.testing.assert_close(found, expected[name], rtol=1e-10, atol=1e-13, msg=name)


@pytest.mark.parametrize('road', ROADS, ids=str)
def test_weights_reach_encoders_and_heads_get_the_plain_gradient(road):
    world = World()
    expected = expected_gradients(world, world.losses(world.features()), TABLE)
    step = world.step()
    weights = step.backward(world.losses(step.features), Fixed(TABLE, **road))
    assert weights.tolist() == TABLE
    assert_gradients(world, expected)


@pytest.mark.parametrize('road', ROADS, ids=str)
def test_it_adds_to_what_is_in_grad_as_backward_does(road):
    world = World()
    step = world.step()
    step.backward(world.losses(step.features), Fixed(TABLE, **road))
    once = world.gradients()
    step = world.step()
    step.backward(world.losses(step.features), Fixed(TABLE, **road))
    assert_gradients(world, {name: 2 * value for name, value in once.items()})


# Ways into an encoder besides its features: each is what the plain sum makes of it.


class Holder(World):
    """One loss outside the balance that reaches an encoder in the way ``kind`` names."""

    def __init__(self, kind, encoder=None):
        super().__init__(encoder)
        self.kind, self.inner = kind, None
        self.encoders['video'][1].register_forward_hook(lambda *args: setattr(self, 'inner', args[2]))

    def losses(self, features, step=None):
        losses = super().losses(features)
        if self.kind == 'penalty on weights':
            losses['extra'] = sum(p.square().sum() for p in self.encoders['video'].parameters())
        elif self.kind == 'balanced penalty':
            losses['cls'] = losses['cls'] + sum(p.square().sum() for p in self.encoders['video'].parameters())
        elif self.kind == 'inner activation':
            losses['extra'] = self.inner.square().mean()
        elif self.kind == 'holds the encoder':
            losses['extra'] = self.encoders['audio'](2 * self.x['audio']).square().mean()
        elif self.kind == 'second view':
            second = {name: encoder(2 * self.x[name]) for name, encoder in self.encoders.items()}
            second = second if step is None else step.further(second)
            losses['extra'] = sum(value.square().mean() for value in second.values())
        elif self.kind == 'second view without gradient':
            with torch.no_grad():
                second = {name: encoder(2 * self.x[name]) for name, encoder in self.encoders.items()}
                second = second if step is None else step.further(second)
            losses['extra'] = sum((value * features[name]).mean() for name, value in second.items())
        return losses


KINDS = ['penalty on weights', 'balanced penalty', 'inner activation', 'holds the encoder', 'second view',
         'second view without gradient']


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('road', ROADS, ids=str)
def test_other_ways_into_an_encoder_are_those_of_the_plain_sum(kind, road):
    world = Holder(kind)
    sum(world.losses(world.features()).values()).backward()
    expected = world.gradients()
    world.zero_grad()
    step = world.step()
    step.backward(world.losses(step.features, step), Fixed([[1., 1.], [1., 1.]], **road))
    assert_gradients(world, expected)
    assert expected['encoders.video.0.weight'].any()


@pytest.mark.parametrize('road', ROADS, ids=str)
def test_what_bypasses_the_features_has_weight_one(road):
    world = Holder('balanced penalty')
    plain = expected_gradients(world, World.losses(world, world.features()), TABLE)
    step = world.step()
    step.backward(world.losses(step.features, step), Fixed(TABLE, **road))
    for name, parameter in world.encoders['video'].named_parameters():
        plain[f'encoders.video.{name}'] = plain[f'encoders.video.{name}'] + 2 * parameter.detach()
    assert_gradients(world, plain)


@pytest.mark.parametrize('road', ROADS, ids=str)
@pytest.mark.parametrize('order', [('cls', 'domain'), ('domain', 'cls')])
def test_a_task_that_only_one_accumulated_part_has(road, order):
    """The first part has one task, the second both; equal to the plain sum under weights of 1, and to theirs else."""
    for table in ([[1., 1.], [1., 1.]], TABLE):
        world = World()
        first, second = world.losses(world.features()), world.losses(world.features())
        single = expected_gradients(world, {order[0]: first[order[0]]}, table)
        both = expected_gradients(world, second, table)
        expected = {name: (single[name] + both[name]) / 2 for name in both}
        update = BalancedUpdate(Fixed(table, **road), Parameters(world.encoders), parts=2)
        half = torch.tensor(.5)
        for part in (order[:1], order):
            cut = Cut(world.features())
            losses = world.losses(cut.features)
            update.add(cut, {task: losses[task] for task in part}, factor=half)
        inputs, _ = update.finish()
        assert inputs.tasks == order
        torch.testing.assert_close(inputs.losses, torch.stack(
            [(first[order[0]] + second[order[0]]) / 2, second[order[1]] / 2]).detach())
        if inputs.gramian is not None:
            assert inputs.gramian.shape == (2, 2, 2)
        assert_gradients(world, expected)


def test_gramians_in_feature_space_of_parts_with_other_tasks_are_added_in_their_places():
    world = World()
    update = BalancedUpdate(Fixed(TABLE, ['gramian'], 'feature'), Parameters(world.encoders), parts=2)
    total = torch.zeros(2, 2, 2, dtype=torch.float64)
    for part in (('domain', ), ('cls', 'domain')):
        cut = Cut(world.features())
        losses = world.losses(cut.features)
        for m, leaf in enumerate(cut.features.values()):
            rows = {task: torch.autograd.grad(losses[task], leaf, retain_graph=True)[0].flatten() for task in part}
            for s, first in enumerate(('domain', 'cls')):
                for t, second in enumerate(('domain', 'cls')):
                    if first in rows and second in rows:
                        total[m, s, t] += rows[first] @ rows[second]
        update.add(cut, {task: losses[task] for task in part})
    torch.testing.assert_close(update.finish()[0].gramian, total)


# Encoders of all sorts.


class Checkpointed(nn.Module):

    def __init__(self, width, reentrant):
        super().__init__()
        self.first, self.second = nn.Linear(width, 5), nn.Linear(5, 4)
        self.reentrant = reentrant

    def forward(self, x):
        inner = self.first(x)
        return torch.utils.checkpoint.checkpoint(lambda z: self.second(z.tanh()), inner, use_reentrant=self.reentrant)


@pytest.mark.parametrize('reentrant', [True, False])
@pytest.mark.parametrize('road', ROADS, ids=str)
def test_checkpointed_encoders(road, reentrant):
    """MMAction2's ``with_cp=True`` is the reentrant kind, with which ``autograd.grad`` does not work."""
    world = World(lambda width: Checkpointed(width, reentrant))
    plain = World(lambda width: Checkpointed(width, None))
    for encoder in plain.encoders.values():
        encoder.forward = lambda x, own=encoder: own.second(own.first(x).tanh())
    expected = expected_gradients(plain, plain.losses(plain.features()), TABLE)
    step = world.step()
    step.backward(world.losses(step.features), Fixed(TABLE, **road))
    assert_gradients(world, expected)


@pytest.mark.parametrize('road', [dict(), dict(needs=['gramian'])], ids=str)
def test_compiled_encoders(road):
    import torch._functorch.config as functorch
    expected, world = World(), World()
    step = expected.step()
    step.backward(expected.losses(step.features), Fixed(TABLE, **road))
    compiled = {name: torch.compile(own, backend='aot_eager') for name, own in world.encoders.items()}
    with functorch.patch(donated_buffer=not road):
        step = BalancedStep({name: own(world.x[name]) for name, own in compiled.items()}, encoders=world.encoders)
        step.backward(world.losses(step.features), Fixed(TABLE, **road))
    assert_gradients(world, expected.gradients())


class Donating(torch.autograd.Function):
    """Says what torch says of an encoder that inductor compiled, at a backward pass that another one follows."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        if torch._C._autograd._get_current_graph_task_keep_graph():
            raise RuntimeError('This backward function was compiled with non-empty donated buffers which requires '
                               'create_graph=False and retain_graph=False.')
        return grad


def test_compiled_encoders_that_donate_their_buffers():
    world = World()
    step = BalancedStep({name: Donating.apply(z) for name, z in world.features().items()}, encoders=world.encoders)
    step.backward(world.losses(step.features), Fixed(TABLE))
    step = BalancedStep({name: Donating.apply(z) for name, z in world.features().items()}, encoders=world.encoders)
    with pytest.raises(RuntimeError, match='set torch._functorch.config.donated_buffer = False before'):
        step.backward(world.losses(step.features), Fixed(TABLE, ['gramian']))


# What is refused.


def test_a_parameter_in_front_of_the_features_that_nobody_named():
    world = World()
    scale = nn.Parameter(torch.ones(4, dtype=torch.float64))
    features = {name: value * scale if name == 'audio' else value for name, value in world.features().items()}
    step = BalancedStep(features, encoders=world.encoders)
    losses = world.losses(step.features)
    with pytest.raises(ValueError, match=r"shape \(4,\) stands in front of the features of 'audio'"):
        step.backward(losses, Fixed(TABLE, ['gramian']))
    step.backward(losses, Fixed(TABLE))
    assert scale.grad is not None, 'where one pass does, nobody needs to be named'


def test_encoders_that_share_parameters():
    world = World()
    with pytest.raises(ValueError, match="'video' and 'audio' share encoder parameters"):
        BalancedStep(world.features(), dict(video=world.encoders['video'], audio=world.encoders['video']))
    video = world.encoders['video']
    features = dict(video=video(world.x['video']), audio=video(world.x['video']))
    step = BalancedStep(features, encoders=dict(video=video, audio=world.encoders['audio']))
    with pytest.raises(ValueError, match="'video' and 'audio' share encoder parameters"):
        step.backward(world.losses(step.features), Fixed(TABLE, ['gramian']))


def test_names_that_do_not_fit():
    world = World()
    with pytest.raises(ValueError, match=r"features of \['video', 'audio'\] but encoders of \['video'\]"):
        BalancedStep(world.features(), encoders=dict(video=world.encoders['video']))
    with pytest.raises(ValueError, match=r"features of \['text'\]: the modalities of this step are"):
        world.step().further(dict(text=torch.zeros(1)))
    with pytest.raises(ValueError, match=r"local parameters of \['text'\]"):
        Parameters(world.encoders, local=dict(text=()))
    step = world.step()
    with pytest.raises(ValueError, match=r"Fixed balances none of the losses of this model, \['cls', 'domain'\]"):
        step.backward(world.losses(step.features), Fixed(TABLE, tasks=()))


# Probes.


def test_probes_by_hand():
    logits = dict(a=torch.tensor([[0., 0.], [1., 3.], [9., 0.]]).log_softmax(1), b=torch.zeros(3, 2))
    probe = Probe(lambda: logits, torch.tensor([1, 1, -1]))
    torch.testing.assert_close(probe.confidences(), torch.tensor([.5 + 1 / (1 + 2.718281828**-2), 1.]))
    assert probe.hits().tolist() == [1, 0]
    assert not Probe(dict(a=torch.zeros(1, 2, requires_grad=True)), torch.tensor([0])).confidences().requires_grad
    assert int(probe.count()) == 2


def test_each_task_is_counted_by_its_own_labels():
    """Domain labels are those of the source only; class labels may be fewer. A mean probability stays below 1."""
    world, seen = World(), []

    class Reads(Balancer):
        needs = frozenset(['confidences'])

        def weights(self, inputs):
            seen.append(inputs)
            return inputs.ones()

    logits = dict(video=torch.zeros(7, 2), audio=torch.zeros(7, 2))
    step = world.step()
    step.backward(world.losses(step.features), Reads(), probes=dict(
        cls=Probe(logits, torch.tensor([0, -1, -1, -1, -1, -1, -1])), domain=Probe(logits, torch.zeros(7).long())))
    inputs, = seen
    assert {task: int(count) for task, count in inputs.counts.items()} == dict(cls=1, domain=7)
    for task in ('cls', 'domain'):
        assert inputs.mean(task, inputs.confidences[task]).tolist() == [.5, .5]


# Beside the optimizer wrapper.


@pytest.mark.parametrize('space', ['parameter', 'feature'])
def test_the_wrapper_writes_the_same_bits(space):
    model, batch = model_of(), batch_of()
    plain = copy.deepcopy(model)
    got = written(model, batch, wrapper_of(model, balancer=GMP(space=space)))
    torch.manual_seed(5)
    data = plain.data_preprocessor(batch, True)
    samples = data['data_samples']
    labels = torch.cat([sample.gt_label for sample in samples])
    domains = torch.tensor([sample.domain_label for sample in samples])
    encoders = {name: plain.backbones[name] for name in plain.modalities}
    features = plain.extract_feat(data['inputs'], len(samples))
    step = BalancedStep(features, encoders)
    head, critic = plain.cls_head, plain.objectives[0].head
    losses = dict(cls=head.cross_entropy(head(step.features), step.features, labels, 'cls')['loss_cls'],
                  domain=critic.loss(step.features, domains)['loss_domain'])
    step.backward(losses, GMP(space=space), dict(
        cls=head.probe(step.features, labels), domain=critic.probe(step.features, domains)))
    own = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    assert own.keys() == got.keys()
    for name, value in own.items():
        assert torch.equal(value, got[name]), name


def test_it_imports_torch_alone():
    code = ('import sys, mmda_ext.gradients, mmda_ext.balancing; '
            'found = {name.split(".")[0] for name, own in sys.modules.items() if getattr(own, "__file__", None)}; '
            'print(sorted(found & {"mmengine", "mmcv", "mmaction", "transformers", "librosa"}))')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == '[]'


def test_sum_is_the_plain_sum():
    world = World()
    sum(world.losses(world.features()).values()).backward()
    expected = world.gradients()
    world.zero_grad()
    step = world.step()
    step.backward(world.losses(step.features), Sum())
    assert_gradients(world, expected)


# Several processes, by their rules alone; tests/test_engine/test_distributed.py has real ones.


@pytest.fixture
def two(monkeypatch):
    """The engine believes in a second process that never has what this one has not."""
    monkeypatch.setattr('mmda_ext.gradients.update.world_size', lambda: 2)
    monkeypatch.setattr('mmda_ext.gradients.update.anywhere', lambda flag, device: flag)


def test_several_processes_need_the_names_of_all_parameters(two):
    world = World()
    step = world.step()
    with pytest.raises(ValueError, match='several processes average the gradients of all parameters here'):
        step.backward(world.losses(step.features), Fixed(TABLE))


@pytest.mark.parametrize('kinds', [(None, 'penalty on weights'), ('penalty on weights', None)])
def test_whether_losses_bypass_the_features_is_agreed_upon_once(two, kinds):
    world = Holder(None)
    parameters = Parameters(world.encoders, others=world)
    assert len(parameters.heads) == 4
    for index, kind in enumerate(kinds):
        world.kind = kind
        world.zero_grad()
        update, cut = BalancedUpdate(Fixed(TABLE, ['gramian']), parameters), Cut(world.features())
        update.add(cut, world.losses(cut.features))
        if index and kind:
            with pytest.raises(RuntimeError, match='reaches an encoder besides its features in this step, but did not'):
                update.finish()
        else:
            update.finish()
    assert parameters.bypassed == bool(kinds[0])


def test_what_another_process_has_counts(two, monkeypatch):
    monkeypatch.setattr('mmda_ext.gradients.update.anywhere', lambda flag, device: True)
    world = World()
    parameters = Parameters(world.encoders, others=world)
    update, cut = BalancedUpdate(Fixed(TABLE, ['gramian']), parameters), Cut(world.features())
    update.add(cut, world.losses(cut.features))
    update.finish()
    assert parameters.bypassed
