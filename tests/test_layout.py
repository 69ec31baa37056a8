"""One method, one name, every place; and the walls of the house (docs/architecture.md)."""

import ast
import re
from pathlib import Path

import pytest

import mmda_ext
from tests.conftest import ROOT

PACKAGE = Path(mmda_ext.__file__).parent
SOURCES = sorted(PACKAGE.rglob('*.py'))
BALANCERS = [path.stem for path in sorted((PACKAGE / 'balancing').glob('*.py'))
             if path.stem not in ('__init__', 'base')]
MODELS = [path for room in ('objectives', 'fusions') for path in sorted((PACKAGE / 'models' / room).glob('*.py'))
          if '@MODELS.register_module()' in path.read_text()]  # bases are not registered
OBJECTIVES = [path.stem for path in MODELS if path.parent.name == 'objectives']


def class_of(path):
    return next(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))


@pytest.mark.parametrize('name', BALANCERS)
def test_a_balancer_has_its_test_and_its_recipe(name):
    assert (ROOT / 'tests' / 'test_balancing' / f'test_{name}.py').exists()
    if name == 'sum':  # the plain sum is what the stock wrapper does: no method
        return
    kind = class_of(PACKAGE / 'balancing' / f'{name}.py')
    assert any(f'mmda_ext.{kind}' in path.read_text() for path in (ROOT / 'configs').rglob('*.py'))


@pytest.mark.parametrize('path', MODELS, ids=lambda path: path.stem)
def test_an_objective_or_a_fusion_has_a_recipe_and_a_test(path):
    kind = class_of(path)
    for folder in ('configs', 'tests'):
        assert any(kind in path.read_text() for path in (ROOT / folder).rglob('*.py')), f'{kind} is not in {folder}/'


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(('room', 'forbidden'), [
    ('balancing', ('mmengine', 'mmcv', 'mmaction', 'mmda_ext.models', 'mmda_ext.engine', 'mmda_ext.datasets')),
    ('gradients', ('mmengine', 'mmcv', 'mmaction', 'mmda_ext.models', 'mmda_ext.engine', 'mmda_ext.datasets')),
    ('models', ('mmda_ext.engine', 'mmda_ext.datasets', 'mmda_ext.balancing')),
    ('datasets', ('mmda_ext.engine', 'mmda_ext.models', 'mmda_ext.balancing')),
])
def test_imports_point_one_way(room, forbidden):
    for path in (PACKAGE / room).rglob('*.py'):
        bad = [name for name in imports_of(path) if name.startswith(forbidden)]
        assert not bad, f'{path.relative_to(ROOT)} imports {bad}'


def test_no_method_is_named_in_recognizer_or_wrappers():
    names = [name for name in (*BALANCERS, *OBJECTIVES) if name != 'sum']
    for room in ('models/recognizers', 'engine/optim_wrappers', 'gradients'):
        for path in (PACKAGE / room).rglob('*.py'):
            found = re.findall(rf'\b({"|".join(names)})\b', path.read_text(), flags=re.I)
            assert not found, f'{path.relative_to(ROOT)} names {found}'


def test_one_place_asks_the_runner_where_the_training_stands():
    asking = [path.relative_to(PACKAGE).as_posix() for path in SOURCES
              if re.search(r"import .*MessageHub|get_info\('(epoch|iter|max_iters)'", path.read_text())]
    assert asking == ['models/progress.py']


def test_references_lead_to_a_paper_or_to_a_page_of_the_repository():
    rooms = ('mmda_ext', 'tests', 'tools', 'docs', 'configs')
    files = [path for room in rooms for kind in ('*.py', '*.md') for path in (ROOT / room).rglob(kind)]
    for path in (path for path in files if path != Path(__file__)):
        text = path.read_text()
        sections = re.findall(r'\b(?:[Ss]pec|mmd[ag]|[Ss]ections?) [A-H]\.\d|^(?:# |\s*""")[A-H]\.\d', text, flags=re.M)
        assert not sections, f'{path.relative_to(ROOT)} names {sections}'
        named = set(re.findall(r'\b(?:docs/[\w/]+\.md|mmd[ag]\.md|beyond\.md)\b', text))
        assert not [name for name in named if not (ROOT / name).exists()], path.relative_to(ROOT)


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300
