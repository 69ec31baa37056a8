"""Small numbers and choices among words have one place each."""

import ast
import re
from pathlib import Path

import pytest

import mmda_ext
from mmda_ext import epsilons
from mmda_ext.choices import choose

PACKAGE = Path(mmda_ext.__file__).parent
ROOMS = [path for room in ('balancing', 'gradients', 'models') for path in (PACKAGE / room).rglob('*.py')]


def small_numbers(tree):
    """Line and value of every literal in (0, 0.002) that is no default of an option."""
    options = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            options |= set(map(id, [*node.defaults, *node.kw_defaults]))
        elif isinstance(node, ast.AnnAssign):
            options.add(id(node.value))
    return [(node.lineno, node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)
            and type(node.value) is float and 0 < node.value < 2e-3 and id(node) not in options]


@pytest.mark.parametrize('path', ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_method_has_an_epsilon_of_its_own(path):
    assert not small_numbers(ast.parse(path.read_text()))


def test_an_epsilon_is_found():
    assert small_numbers(ast.parse('EPS = 1e-6\ndef f(x, lr=1e-3):\n    return x + 1e-8\n')) == [(1, 1e-6), (3, 1e-8)]


def test_every_epsilon_has_a_reason_and_a_reader():
    text = Path(epsilons.__file__).read_text()
    names = re.findall(r'^([A-Z_]+) = ', text, flags=re.M)
    assert len(names) == len(re.findall(r'^#: (?:[^\n]*\n#: )*[^\n]*\n[A-Z_]+ = ', text, flags=re.M))
    sources = '\n'.join(path.read_text() for path in PACKAGE.rglob('*.py'))
    assert [name for name in names if not re.search(rf'\bepsilons\.{name}\b', sources)] == []


def test_a_word_that_is_not_known():
    assert choose('form', 'a', ('a', 'b')) == 'a'
    with pytest.raises(ValueError, match=r"^X: form='c' is unknown: choose one of 'a', 'b'$"):
        choose('form', 'c', ('a', 'b'), 'X')
    with pytest.raises(ValueError, match=r"^form='c' is unknown: choose one of 'a'$"):
        choose('form', 'c', ['a'])


def test_nobody_else_words_the_refusal():
    for path in PACKAGE.rglob('*.py'):
        assert path.name == 'choices.py' or 'is unknown: choose one of' not in path.read_text(), path
