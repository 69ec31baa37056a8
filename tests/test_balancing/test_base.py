"""The contract of a balancer and the rule that the mathematics imports torch only."""

import ast
from pathlib import Path

import mmda_ext.balancing as balancing
from mmda_ext.registry import BALANCERS


def test_balancing_imports_torch_only():
    allowed = {'torch', 'abc', 'collections', 'dataclasses', 'typing', 'math', 'itertools', 'warnings', 'mmda_ext'}
    for path in Path(balancing.__path__[0]).rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split('.')[0] in allowed, f'{path.name} imports {name}'
                assert not name.startswith('mmda_ext') or name.startswith('mmda_ext.balancing')


def test_every_file_registers_its_balancer():
    for name in ('Sum', 'GMP'):
        assert type(BALANCERS.build(dict(type=name))).__name__ == name
    assert 'Balancer' not in BALANCERS
