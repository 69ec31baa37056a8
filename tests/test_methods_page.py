"""docs/methods.md names all there is, nothing that is not there, and the cost of a step as it is counted here."""

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope, init_default_scope

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.apis.recipe_files import methods
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.heads import MultimodalHead
from mmda_ext.models.objectives import Objective
from mmda_ext.registry import BALANCERS, MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT
from tests.recipes import recipe
from tests.examples import names_of
from tests.tiny import sample_of

PAGE = (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8')
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


def test_the_rows_are_the_methods():
    assert sorted(NAMES) == methods(), 'docs/methods.md and configs/methods name other methods'


def test_every_file_named_exists():
    named = [word for word in CODE.findall(PAGE) if re.fullmatch(r'\S+/\S+\.py', word) and PLACEHOLDER not in word]
    assert len(named) > 40
    for word in named:
        assert (ROOT / word).exists() or (ROOT / 'mmda_ext' / word).exists(), word


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


def recipe_of(name: str) -> Config:
    """A method on RAVDESS features; with an unlabelled target where it is a method of adaptation, as in its table."""
    return recipe(name, 'ravdess-adaptation' if name in methods(reads_target=True) else 'ravdess')


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
COSTS = {name: numbers.groups() for cells in ROWS for name in recipes_of(cells)
         if (numbers := re.match(r'([\d.]+) \+ ([\d.]+)', cells['cost']))}


def test_most_rows_are_counted():
    assert len(COSTS) > 60


@pytest.mark.parametrize('name', COSTS)
def test_a_step_costs_what_the_page_says(name, training_under_way):
    cfg = recipe_of(name)
    if cfg.optim_wrapper.get('balancer', {}).get('type') == 'mmda_ext.TorchJDWeighting':
        pytest.importorskip('torchjd')
    # AGM's single zero sample is a sixteenth of this batch.
    assert passes(cfg) == pytest.approx([float(number) for number in COSTS[name]], abs=1 / SIZE)
