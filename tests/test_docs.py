"""The worked examples of docs/add_a_method.md run as written; links of the docs lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest
import torch

import mmda_ext.balancing
from mmda_ext.balancing.parts.draws import Draws
from tests.conftest import ROOT
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]


COPIED = ('mmda_ext', 'configs', 'tests', 'tools', 'docs')
#: The tests that are the same for all classes, where they concern the new ones.
SHARED = (
    'tests/test_layout.py', 'tests/test_discovery.py', 'tests/test_methods_page.py', 'tests/test_compatibility.py',
    'tests/test_configs.py::test_methods_are_told_apart', 'tests/test_configs.py::test_every_method_on_every_dataset',
    'tests/test_configs.py::test_no_file_repeats_another', 'tests/test_configs.py::test_base_names_are_unique',
    'tests/test_configs.py::test_configs_are_short', 'tests/test_models/test_fusions.py',
    'tests/test_engine/test_mixed_precision.py', 'tests/test_engine/test_memory_of_balancers.py',
    'tests/test_engine/test_distributed.py', 'tests/test_engine/test_distributed_adaptation.py',
    'tests/test_tools/test_benchmark.py::test_a_family_stands_for_every_method')
CONCERNED = ('EqualPull or HardFeatureNorm or ProductFusion or test_layout or test_discovery or told_apart '
             'or repeats or unique or short or stands_for_every or (test_every_method and mine) '
             'or (test_methods_page and not costs)')


def blocks():
    """File name -> text of each block of the page that names one."""
    page = (ROOT / 'docs' / 'add_a_method.md').read_text()
    return dict(re.findall(r'```python\n# file: (\S+)\n(.*?)```', page, flags=re.S))


def test_a_method_is_one_file_one_test_one_config():
    """Three methods, nine files, none of which is there already."""
    kinds = Counter(next(kind for kind in ('mmda_ext', 'tests', 'configs') if name.startswith(f'{kind}/'))
                    for name in blocks())
    assert kinds == dict(mmda_ext=3, tests=3, configs=3)
    assert not [name for name in blocks() if (ROOT / name).exists()]


def run(place, *command):
    done = subprocess.run([sys.executable, *command], cwd=place, env={**os.environ, 'PYTHONPATH': str(place)},
                          capture_output=True, text=True)
    assert not done.returncode, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_three_methods_added_by_the_page_pass_every_shared_test(tmp_path):
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    for name in ('pyproject.toml', 'README.md', 'CONTRIBUTING.md', 'model-index.yml'):
        shutil.copy(ROOT / name, tmp_path / name)
    for name, text in blocks().items():
        (tmp_path / name).write_text(text)
    own = [name for name in blocks() if name.startswith('tests/')]
    said = run(tmp_path, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *own)
    assert '4 passed' in said
    said = run(tmp_path, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *SHARED, '-k', CONCERNED)
    assert 'has no row of base-product, equal-pull, hard-feature-norm yet: python tools/methods_page.py' in said
    run(tmp_path, 'tools/methods_page.py')
    page = (tmp_path / 'docs' / 'methods.md').read_text()
    assert '| Equal pull | `equal-pull` | `EqualPull`: `balancing/equal_pull.py` | two losses | 1 + 2 | | | |' in page
    assert '`HardFeatureNorm`: `models/objectives/hard_feature_norm.py` | | 1 + 1 |' in page
    assert '`ProductFusion`: `models/fusions/product.py` | | 1 + 1 |' in page
    assert set((ROOT / 'docs' / 'methods.md').read_text().splitlines()) <= set(page.splitlines())


def test_the_example_of_single_tensors_adds_its_noise():
    page = (ROOT / 'docs' / 'add_a_method.md').read_text()
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
