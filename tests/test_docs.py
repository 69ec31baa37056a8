"""The worked example of docs/add_a_balancer.md runs as written; links of the docs lead somewhere."""

import importlib.util
import re
import sys

import pytest
import torch
from mmengine.registry import init_default_scope

import mmda_ext.balancing
from mmda_ext.apis.compose import load_recipe
from mmda_ext.balancing.parts.draws import Draws
from mmda_ext.registry import BALANCERS, MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT
from tests.recipes import METHODS
from tests.tiny import batch_of, model_of, parameters_of, sample_of, wrapper_of

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]


def blocks():
    """File name -> text of each block of the page that names one."""
    page = (ROOT / 'docs' / 'add_a_balancer.md').read_text()
    found = re.findall(r'```python\n# file: (\S+)\n(.*?)```', page, flags=re.S)
    assert len(found) == 3
    return dict(found)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The balancer of the page, placed as one more file of the package for the time of a test."""
    from mmda_ext.engine.balancers import register_balancers
    files = blocks()
    source = next(text for name, text in files.items() if name.startswith('mmda_ext/'))
    (tmp_path / 'equal_pull.py').write_text(source)
    monkeypatch.setattr(mmda_ext.balancing, '__path__', [*mmda_ext.balancing.__path__, str(tmp_path)])
    register_balancers()
    yield files
    BALANCERS._module_dict.pop('EqualPull', None)
    sys.modules.pop('mmda_ext.balancing.equal_pull', None)


def test_one_file_is_found_and_its_test_passes(example, tmp_path):
    assert 'EqualPull' in BALANCERS
    path = tmp_path / 'test_equal_pull.py'
    path.write_text(next(text for name, text in example.items() if name.startswith('tests/')))
    spec = importlib.util.spec_from_file_location('test_equal_pull', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [getattr(module, name) for name in dir(module) if name.startswith('test_')]
    assert len(tests) == 2
    for test in tests:
        test()


def test_its_config_trains_a_step(example, tmp_path):
    init_default_scope('mmaction')
    text = next(text for name, text in example.items() if name.startswith('configs/'))
    (tmp_path / 'equal-pull.py').write_text(text.replace("'./", f"'{METHODS}/"))
    cfg = load_recipe(tmp_path / 'equal-pull.py', dataset='ravdess')
    model = MODELS.build(cfg.model)
    wrapper = OPTIM_WRAPPERS.build(
        {**cfg.optim_wrapper, 'optimizer': torch.optim.Adam(model.parameters(), lr=cfg.optim_wrapper.optimizer.lr)})
    batch = dict(inputs=dict(face=list(torch.randn(6, 35)), audio=list(torch.randn(6, 116))),
                 data_samples=[sample_of(index % 8, index % 3) for index in range(6)])
    assert torch.isfinite(model.train_step(batch, wrapper)['loss'])
    assert 'train/balance/longest_face' in wrapper.message_hub.log_scalars


def test_the_example_of_single_tensors_adds_its_noise():
    page = (ROOT / 'docs' / 'add_a_balancer.md').read_text()
    text = re.search(r'```python\n(class NoisySum.*?)```', page, flags=re.S).group(1)
    names = {'Balancer': mmda_ext.balancing.Balancer, 'Draws': Draws, 'torch': torch}
    exec(text, names)
    steps = []
    for balancer in (names['NoisySum'](sigma=0.), names['NoisySum'](), names['NoisySum']()):
        model = model_of(dtype=torch.float32)
        before = parameters_of(model)
        wrapper = wrapper_of(model, balancer=balancer)
        torch.manual_seed(0)
        model.train_step(batch_of(dtype=torch.float32), wrapper)
        steps.append({name: value - before[name] for name, value in parameters_of(model).items()})
        assert wrapper.state_dict()['balancer'] == dict(steps=1)
    plain, noisy, again = steps
    for name, value in plain.items():
        assert torch.equal(noisy[name], again[name])
        assert torch.equal(noisy[name], value) == (not name.startswith('backbones') or 'unused' in name), name


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = re.sub(r'```.*?```|`[^`]*`', '', page.read_text(), flags=re.S)
    for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', text):
        if not target.startswith(('http://', 'https://', 'mailto:')):
            assert (page.parent / target).exists(), f'{page.name} links to {target}'


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_commands_name_files_that_exist(page):
    """Every script and recipe that a page tells to run is there."""
    made_by_the_reader = blocks().keys()
    for name in re.findall(r'(?<!\w)(?:(?:configs|tools)/[\w./-]+\.(?:py|sh))', page.read_text()):
        assert (ROOT / name).exists() or name in made_by_the_reader, f'{page.name} names {name}'
