"""The contract of a balancer and the rule that the mathematics imports torch only."""

import ast
from pathlib import Path

import pytest
import torch

import mmda_ext.balancing as balancing
from mmda_ext.registry import BALANCERS

#: What a file may import inside its functions.
OPTIONAL = {'torchjd.py': {'torchjd'}}


def test_balancing_imports_torch_only():
    allowed = {'torch', 'abc', 'collections', 'dataclasses', 'typing', 'math', 'itertools', 'types', 'warnings',
               'importlib', 'inspect', 'pkgutil', 'mmda_ext'}
    room = Path(balancing.__path__[0])
    plain = ('mmda_ext.choices', 'mmda_ext.confidence', 'mmda_ext.discovery', 'mmda_ext.epsilons')
    for path in (*room.rglob('*.py'), *(room.parent / f'{name.split(".")[1]}.py' for name in plain)):
        tree = ast.parse(path.read_text())
        optional = OPTIONAL.get(path.name, set())
        assert not optional & {name for node in tree.body if isinstance(node, ast.ImportFrom) for name in [node.module]}
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names += [f'mmda_ext.{a.name}' for a in node.names] if node.module == 'mmda_ext' else [node.module]
            for name in names:
                assert name.split('.')[0] in allowed | optional, f'{path.name} imports {name}'
                assert not name.startswith('mmda_ext') or name in plain or name.startswith('mmda_ext.balancing')


def test_every_file_registers_its_balancer():
    for name in ('Sum', 'GMP'):
        assert type(BALANCERS.build(dict(type=name))).__name__ == name
    assert 'Balancer' not in BALANCERS


@pytest.mark.parametrize(('balancer', 'text'), [
    (balancing.Sum(), "Sum(space='parameter')"),
    (balancing.MGDA(), "MGDA(space='feature', task_prefix='align/', "),
    (balancing.OGM(seed=3), "draws=Draws(seed=3))"),
])
def test_repr_shows_the_options_alone(balancer, text):
    shown = repr(balancer)
    assert text in shown
    assert not {'needs', 'diagnostics', 'non_finite', '_steps'} & set(shown.replace('=', ' ').replace('(', ' ').split())


def test_a_table_names_its_columns_by_task():
    inputs = balancing.BalanceInputs(('b', 'a'), ('v', 'w'))
    assert [inputs.column(task) for task in 'abc'] == [1, 0, None]
    assert inputs.table(dict(a=torch.tensor([2., 3.]), c=torch.zeros(2))).tolist() == [[1, 2], [1, 3]]


def test_means_are_over_labelled_samples():
    inputs = balancing.BalanceInputs(('cls', ), ('v', ), confidences=dict(cls=torch.tensor([3.])), counts=dict(cls=4))
    assert inputs.mean('cls', inputs.confidence('cls', 'X')).tolist() == [.75]
    none = balancing.BalanceInputs((), (), counts=dict(cls=torch.tensor(0)))
    assert none.mean('cls', torch.zeros(2)).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"X needs the confidences of task 'domain', got only \['cls'\]: name a task"):
        inputs.confidence('domain', 'X')


def test_no_gradient_flows_through_a_balancer():
    class Learner(balancing.Balancer):
        scale = torch.ones(1, requires_grad=True)

        def weights(self, inputs):
            self.diagnostics['scale'] = 2 * self.scale
            return self.scale * inputs.ones()

    balancer = Learner()
    assert not balancer(balancing.BalanceInputs(('cls', ), ('v', ))).requires_grad
    assert not balancer.diagnostics['scale'].requires_grad
