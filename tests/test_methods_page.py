"""docs/methods.md says what the configs say, names nothing that is not there, and the cost that is counted here.

A method that has no row yet is no fault: `python tools/methods_page.py` writes it.
"""

import re
import sys
import warnings
from types import SimpleNamespace

import pytest

from mmda_ext.apis.recipe_files import methods
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.heads import MultimodalHead
from mmda_ext.models.objectives import Objective
from mmda_ext.registry import BALANCERS
from tests.conftest import ROOT
from tests.examples import names_of

PAGE = (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8')
COMMAND = 'python tools/methods_page.py'
CODE = re.compile(r'`([^`]+)`')
PLACEHOLDER = '<recipe>'


def rows() -> list[dict[str, str]]:
    """Cells of every row by column."""
    out = []
    for section in re.split(r'^## ', PAGE, flags=re.M)[1:]:
        lines = [line for line in section.splitlines() if line.startswith('|')]
        head, *body = [[cell.strip() for cell in re.split(r'\s\|\s', line.strip('| '))] for line in pad(lines)]
        out += [dict(zip(head, cells)) for cells in body[1:]]
    return out


def pad(lines: list[str]) -> list[str]:
    return [line.replace('| |', '|  |').replace('| |', '|  |') for line in lines]


ROWS = rows()


def recipes_of(cells: dict[str, str]) -> list[str]:
    """Names in the recipe cell."""
    return CODE.findall(cells['recipe'])


NAMES = list(dict.fromkeys(name for cells in ROWS for name in recipes_of(cells)))


def test_the_tables_are_read():
    assert len(ROWS) > 60
    assert all({'recipe', 'cost'} <= cells.keys() and recipes_of(cells) for cells in ROWS)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import methods_page
    return methods_page


def cost_on_the_page(name: str) -> tuple[float, float]:
    return tuple(map(float, COSTS.get(name, (0, 0))))


def test_every_row_is_what_its_config_says(tool):
    made = tool.render(PAGE, cost_on_the_page)
    stale = sorted(set(PAGE.splitlines()) - set(made.splitlines()))
    assert not stale, f'not what the heads of the configs say, {COMMAND} rewrites them: {stale}'
    kept = [line for line in made.splitlines() if line in PAGE.splitlines()]
    assert kept == PAGE.splitlines(), f'{COMMAND} gives another order'


def test_a_new_method_is_written_where_its_head_says(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, 'METHODS', tmp_path)
    page = '## Here\n\n| method | recipe | code | cost | table |\n|---|---|---|---|---|\n' \
           '| old | `old` | | 1 + 1 | |\n| gone | `gone` | | 1 + 1 | |\n\nText | with a bar.\n'
    (tmp_path / 'old.py').write_text('# Not a key: text.\n#\n# section: Here\n# method: long\n#     line\nx = 1\n')
    new = tmp_path / 'new.py'
    new.write_text("# section: Here\n# method: New\n# cost: and more\n\nbalancer = dict(type='mmda_ext.GMP')\n")
    made = tool.render(page, lambda name: (1., 1.5)).splitlines()
    assert made[4:6] == ['| long line | `old` | | 1 + 1.5 | |',
                         '| New | `new` | `GMP`: `balancing/gmp.py` | 1 + 1.5, and more | |']
    assert made[6:] == ['', 'Text | with a bar.']
    new.write_text('# section: Nowhere\n# method: New\n')
    with pytest.raises(ValueError, match="new.py: .* no table under the heading 'Nowhere': choose one of Here"):
        tool.render(page, cost_on_the_page)
    new.write_text('# section: Here\n# methods: New\n')
    with pytest.raises(ValueError, match="new.py: the head must say 'method' and may say code, cost, table"):
        tool.render(page, cost_on_the_page)


def test_the_command_checks_and_writes(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'encoder_passes', SimpleNamespace(passes_of=cost_on_the_page))
    assert tool.main(['--check']) == 0
    page = tmp_path / 'methods.md'
    monkeypatch.setattr(tool, 'PAGE', page)
    lines = PAGE.splitlines(keepends=True)
    page.write_text(''.join(line for line in lines if '| `gmp` |' not in line))
    assert tool.main(['--check']) == 0  # a row that is not there yet
    assert '+ | [GMP]' in capsys.readouterr().out
    page.write_text(PAGE.replace('two source domains', 'one'))
    assert tool.main(['--check']) == 1
    assert tool.main([]) == 0
    assert page.read_text() == tool.render(PAGE, cost_on_the_page)


@pytest.mark.parametrize('kind', ['balancer', 'objective', 'head', 'fusion'])
def test_everything_registered_is_named(kind, tool):
    names = dict(balancer=list(BALANCERS.module_dict), objective=names_of(Objective), head=names_of(MultimodalHead),
                 fusion=names_of(Fusion))[kind]
    assert names
    page = tool.render(PAGE, cost_on_the_page)
    missing = [name for name in names if f'`{name}`' not in page]
    assert not missing, f'no method of configs/methods names {missing}'


def test_every_page_of_a_method_is_linked():
    missing = [path.name for path in (ROOT / 'docs' / 'methods').glob('*.md') if f'](methods/{path.name})' not in PAGE]
    assert not missing


def test_the_rows_are_the_methods(tool):
    assert set(NAMES) <= set(methods()), f'docs/methods.md names a method that is not there: {COMMAND}'
    made = tool.render(PAGE, cost_on_the_page)
    unsaid = [name for name in methods() if f'`{name}`' not in made]
    assert not unsaid, f'configs/methods/{unsaid[0]}.py has no `# section:` in its head (docs/add_a_method.md)'
    if missing := sorted(set(methods()) - set(NAMES)):
        warnings.warn(f'docs/methods.md has no row of {", ".join(missing)} yet: {COMMAND}', stacklevel=1)


def test_every_file_named_exists():
    named = [word for word in CODE.findall(PAGE) if re.fullmatch(r'\S+/\S+\.py', word) and PLACEHOLDER not in word]
    assert len(named) > 40
    for word in named:
        assert (ROOT / word).exists() or (ROOT / 'mmda_ext' / word).exists(), word


#: Once for each recipe, however many tables it is in.
COSTS = {name: numbers.groups() for cells in ROWS for name in recipes_of(cells)
         if (numbers := re.match(r'([\d.]+) \+ ([\d.]+)', cells['cost']))}


def test_most_rows_are_counted():
    assert len(COSTS) > 60


@pytest.mark.parametrize('name', COSTS)
def test_a_step_costs_what_the_page_says(name, tool):
    import encoder_passes
    cfg = encoder_passes.recipe_of(name)
    if cfg.optim_wrapper.get('balancer', {}).get('type') == 'mmda_ext.TorchJDWeighting':
        pytest.importorskip('torchjd')
    # AGM's single zero sample is a sixteenth of this batch.
    counted = encoder_passes.count(cfg)
    assert counted == pytest.approx([float(number) for number in COSTS[name]], abs=1 / encoder_passes.SIZE), COMMAND
    assert encoder_passes.passes_of(name) == cost_on_the_page(name)
