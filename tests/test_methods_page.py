"""docs/methods.md names all there is, nothing that is not there, and the cost of a step as it is counted here."""

import itertools
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope, init_default_scope

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.heads import MultimodalHead
from mmda_ext.models.objectives import Objective
from mmda_ext.registry import BALANCERS, MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT
from tests.test_compatibility import names_of
from tests.tiny import sample_of

PAGE = (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8')
CONFIGS = ROOT / 'configs'
CODE = re.compile(r'`([^`]+)`')
PLACEHOLDER = '<recipe>'


def expand(pattern: str) -> list[str]:
    """``a{b,c}`` -> ``ab``, ``ac``."""
    parts = [part.strip('{}').split(',') for part in re.split(r'(\{[^}]*\})', pattern)]
    return [''.join(choice) for choice in itertools.product(*parts)]


def rows() -> list[tuple[dict[str, str], list[str]]]:
    """Cells of every row by column, with the file names above its table."""
    out = []
    for section in re.split(r'^## ', PAGE, flags=re.M)[1:]:
        lines = [line for line in section.splitlines() if line.startswith('|')]
        head, *body = [[cell.strip() for cell in re.split(r'\s\|\s', line.strip('| '))] for line in pad(lines)]
        patterns = [word for word in CODE.findall(section.split('\n|')[0]) if PLACEHOLDER in word and '/' in word]
        out += [(dict(zip(head, cells)), patterns) for cells in body[1:]]
    return out


def pad(lines: list[str]) -> list[str]:
    return [line.replace('| |', '|  |').replace('| |', '|  |') for line in lines]


ROWS = rows()


def recipes_of(cells: dict[str, str]) -> list[str]:
    """Names in the recipe cell, or those at the beginning of its file names."""
    return [Path(word).name.split('_')[0] for word in CODE.findall(cells['recipe'])]


NAMES = list(dict.fromkeys(name for cells, _ in ROWS for name in recipes_of(cells)))


def test_the_tables_are_read():
    assert len(ROWS) > 60
    assert all({'recipe', 'cost'} <= cells.keys() for cells, _ in ROWS)


@pytest.mark.parametrize('kind', ['balancer', 'objective', 'head', 'fusion'])
def test_everything_registered_is_named(kind):
    names = dict(balancer=list(BALANCERS.module_dict), objective=names_of(Objective), head=names_of(MultimodalHead),
                 fusion=names_of(Fusion))[kind]
    assert names
    missing = [name for name in names if f'`{name}`' not in PAGE]
    assert not missing, f'docs/methods.md does not name {missing}'


def test_every_page_of_a_method_is_linked():
    missing = [path.name for path in (ROOT / 'docs' / 'methods').glob('*.md') if f'](methods/{path.name})' not in PAGE]
    assert not missing


def test_every_method_of_a_recipe_has_a_row():
    found = {path.stem.split('_')[0] for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts}
    assert not found - set(NAMES), 'without a row in docs/methods.md'


def test_every_file_named_exists():
    named = [word for word in CODE.findall(PAGE) if re.fullmatch(r'\S+/\S+\.py', word) and PLACEHOLDER not in word]
    assert len(named) > 40
    for word in itertools.chain.from_iterable(map(expand, named)):
        assert (ROOT / word).exists() or (ROOT / 'mmda_ext' / word).exists(), word


def test_every_row_has_all_the_recipes_of_its_table():
    checked = 0
    for cells, patterns in ROWS:
        assert patterns, cells
        for name, pattern in itertools.product(CODE.findall(cells['recipe']), patterns):
            if '/' not in name:
                for path in expand(pattern.replace(PLACEHOLDER, name)):
                    assert (ROOT / path).exists(), path
                    checked += 1
    assert checked > 400


def test_the_gallery_keeps_the_order_of_the_page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import gallery
    for family, order in gallery.ORDER.items():
        assert [name for name in NAMES if name in order] == list(order), family


SHAPES = dict(face=35, audio=116)
SIZE = 16


def batch(adaptation: bool) -> dict:
    """Labelled samples of all source domains; for adaptation the second half is of the target, without label."""
    samples = [sample_of(index % 8, index % (2 if adaptation else 3)) for index in range(SIZE)]
    for sample in samples[SIZE // 2:] if adaptation else ():
        sample.set_metainfo(dict(is_target=True, domain_label=-1))
        del sample.gt_label
    inputs = {name: list(torch.randn(SIZE, width)) for name, width in SHAPES.items()}
    return dict(inputs=inputs, data_samples=samples)


def file_of(name: str) -> Path | None:
    """A recipe that can be counted: on RAVDESS features, or an ablation of GMP; None for the others."""
    found = [*sorted(CONFIGS.glob(f'*/{name}_mlp_ravdess_*.py')), *CONFIGS.glob(f'ablation/{name}_slowfast_epic.py')]
    return found[0] if found else None


def recipe(path: Path) -> Config:
    """The recipe; of an ablation its balancer in GMP's recipe on features."""
    cfg = Config.fromfile(path)
    if path.parent.name == 'ablation':
        balancer = cfg.optim_wrapper.balancer
        cfg = Config.fromfile(CONFIGS / 'features' / 'gmp_mlp_ravdess_to-actors01-06.py')
        cfg.optim_wrapper.balancer = balancer
    return cfg


def passes(cfg: Config) -> tuple[float, float]:
    """Forward and backward passes of a whole batch through an encoder in one step."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    options = {key: value for key, value in cfg.optim_wrapper.items() if key != 'paramwise_cfg'}
    wrapper = OPTIM_WRAPPERS.build({**options, 'optimizer': torch.optim.Adam(model.parameters(), lr=1e-3)})
    forward, backward = [], []

    def count(layer, args, out):
        forward.append(len(out))
        if out.requires_grad:
            out.register_hook(lambda gradient: backward.append(len(out)))

    model.backbones['audio'].layers[0].register_forward_hook(count)
    objectives = {own.type for own in cfg.model.get('objectives', ())}
    model.train_step(batch('mmda_ext.InformationBottleneck' in objectives), wrapper)
    # The teacher's pass: AveragedTeacherHook makes the teacher, and a recipe without a runner has no hooks.
    teachers = int('mmda_ext.CrossModalDistillation' in objectives)
    return sum(forward) / SIZE + teachers, sum(backward) / SIZE


@pytest.fixture
def training_under_way():
    """What depends on progress is in action: the end of the ramps, the transport of A3D2."""
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    hub = MessageHub.get_instance('methods page')
    for key, value in dict(iter=250, max_iters=300, epoch=10, max_epochs=12).items():
        hub.update_info(key, value)
    yield
    MessageHub._instance_dict.pop('methods page')
    if before is None:
        DefaultScope._instance_dict.clear()


#: Once for each recipe, however many tables it is in.
COSTS = {name: numbers.groups() for cells, _ in ROWS for name in recipes_of(cells)
         if (numbers := re.match(r'([\d.]+) \+ ([\d.]+)', cells['cost'])) and file_of(name)}


def test_most_rows_are_counted():
    assert len(COSTS) > 60


@pytest.mark.parametrize('name', COSTS)
def test_a_step_costs_what_the_page_says(name, training_under_way):
    cfg = recipe(file_of(name))
    if cfg.optim_wrapper.get('balancer', {}).get('type') == 'mmda_ext.TorchJDWeighting':
        pytest.importorskip('torchjd')
    # AGM's single zero sample is a sixteenth of this batch.
    assert passes(cfg) == pytest.approx([float(number) for number in COSTS[name]], abs=1 / SIZE)
