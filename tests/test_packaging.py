"""What an installation holds, and whether the files that describe it agree."""

import re
import runpy
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from mmda_ext.tested import PYTHON, TESTED
from mmda_ext.version import __version__

ROOT = Path(__file__).resolve().parents[1]
SETUP = runpy.run_path(str(ROOT / 'setup.py'))


def pins(name):
    """Pinned versions of a requirements file, without those for an older Python."""
    found = {}
    for line in (ROOT / 'requirements' / name).read_text().splitlines():
        requirement = line.split('#')[0].strip()
        if requirement and 'python_version <' not in requirement:
            match = re.fullmatch(r'([\w-]+)==([\w.]+)(;.*)?', requirement)
            assert match, f'{name}: {line!r} is no exact pin'
            found[match[1]] = match[2]
    return found


def test_table_of_tested_versions_is_the_pin_file():
    assert {name: tested.version for name, tested in TESTED.items()} == pins('tested.txt')


def test_pins_of_tools_are_exact():
    assert {'pytest', 'ruff', 'mypy'} <= set(pins('dev.txt'))


def test_ranges_admit_the_tested_versions_and_both_numpys():
    packaging = pytest.importorskip('packaging.requirements')
    requirements = [packaging.Requirement(text) for text in SETUP['INSTALL_REQUIRES']]
    ranges = {requirement.name: requirement.specifier for requirement in requirements}
    assert {'torch', 'mmengine', 'mmcv-lite', 'mmaction2', 'transformers', 'librosa', 'soundfile', 'scipy',
            'importlib_metadata', 'setuptools'} <= set(ranges)
    assert all(TESTED[name].version in specifier for name, specifier in ranges.items())
    assert '1.26.4' in ranges['numpy']
    assert '2.4.6' in ranges['numpy']
    assert '82.0.0' not in ranges['setuptools']
    assert '2.2.0' not in ranges['mmcv-lite']
    assert not {'torchvision', 'timm', 'mmcv'} & set(ranges)


def test_supported_pythons_agree():
    low, high = PYTHON
    script = (ROOT / 'tools' / 'make_venv.sh').read_text()
    assert f'{low} <= sys.version_info[:2] < {high}' in script
    assert f"python_requires='>={low[0]}.{low[1]}'" in (ROOT / 'setup.py').read_text()


def test_recipes_and_index_agree():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    names = []
    for metafile in index['Import']:
        listed = yaml.safe_load((ROOT / metafile).read_text())
        collections = {item['Name'] for item in listed['Collections']}
        for model in listed['Models']:
            names.append(model['Name'])
            assert (ROOT / model['Config']).is_file(), model['Config']
            assert Path(model['Config']).stem == model['Name']
            assert model['In Collection'] in collections
    assert len(names) == len(set(names))
    assert set(names) == {path.stem for path in (ROOT / 'configs').glob('*.py')}


def test_base_names_of_configs_are_unique():
    # mim finds a config by base name.
    names = [path.stem for path in (ROOT / 'configs').rglob('*.py')]
    assert len(names) == len(set(names))


def test_version_is_the_same_everywhere():
    assert yaml.safe_load((ROOT / 'CITATION.cff').read_text())['version'] == __version__


def build(*command):
    done = subprocess.run([sys.executable, '-m', 'pip', *command], capture_output=True, text=True, check=False,
                          cwd='/', env={'PATH': '/usr/bin:/bin', 'PIP_NO_INDEX': '1'})
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope='session')
def source(tmp_path_factory):
    """Copy of the source tree, so that nothing is built beside it."""
    import shutil
    target = tmp_path_factory.mktemp('source') / 'mmda_ext'
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(
        '.git', '.venv*', '.mim', 'work_dirs', 'data', 'build', '*.egg-info', '__pycache__', '.*_cache'))
    return target


@pytest.fixture(scope='session')
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    metadata.version('setuptools')
    build('wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', str(folder), str(source))
    return next(folder.glob('mmda_ext-*.whl'))


@pytest.mark.slow
def test_wheel_holds_package_and_assets(wheel, tmp_path):
    assert __version__ in wheel.name
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = ['py.typed', 'compat/__init__.py', 'engine/hooks/test_best_hook.py', '.mim/model-index.yml',
                '.mim/dataset-index.yml', '.mim/configs/metafile.yml', '.mim/configs/_base_/default_runtime.py',
                '.mim/tools/train.py', '.mim/tools/dist_train.sh']
    assert {f'mmda_ext/{name}' for name in expected} <= names
    packages = {f'{path.parent.relative_to(ROOT)}/__init__.py' for path in (ROOT / 'mmda_ext').rglob('__init__.py')}
    assert packages <= names
    assert not [name for name in names if name.startswith(('tests/', 'configs/')) or '__pycache__' in name]
    assert any(name.endswith('licenses/LICENSE') for name in names)
    # The installed package serves its configs from any folder.
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    code = ('import mmda_ext; from mmengine.config import Config; from pathlib import Path; '
            'Path("child.py").write_text("_base_ = \'mmda_ext::_base_/default_runtime.py\'"); '
            'cfg = Config.fromfile("child.py"); print(mmda_ext.__file__, cfg.default_scope)')
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env={'PYTHONPATH': str(tmp_path / 'site')},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / 'site' / 'mmda_ext' / '__init__.py'), 'mmaction']


@pytest.mark.slow
def test_editable_install_links_the_assets(source, tmp_path):
    build('install', '--no-deps', '--no-build-isolation', '--target', str(tmp_path / 'site'), '-e', str(source))
    mim = source / 'mmda_ext' / '.mim'
    assert sorted(path.name for path in mim.iterdir()) == sorted(SETUP['MIM_ASSETS'])
    assert all(path.is_symlink() and not Path(path.readlink()).is_absolute() for path in mim.iterdir())
    assert (mim / 'configs' / '_base_' / 'default_runtime.py').is_file()


@pytest.mark.slow
def test_the_wheel_trains_and_predicts_away_from_the_checkout(wheel, tmp_path):
    # What it requires is borrowed from here by a path file; path files found there, such as that of an editable
    # installation of this package, do not count.
    venv.create(tmp_path / 'env', symlinks=True)
    python = tmp_path / 'env/bin/python'
    site = next((tmp_path / 'env/lib').glob('python3*')) / 'site-packages'
    (site / 'borrowed.pth').write_text(sysconfig.get_path('purelib'))
    build('--python', str(python), 'install', '--no-deps', str(wheel))
    script = tmp_path / 'try_installed.py'
    script.write_text((ROOT / 'tools/try_installed.py').read_text())
    done = subprocess.run([python, script], cwd=tmp_path, env={'PATH': '/usr/bin:/bin', 'OMP_NUM_THREADS': '1'},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(site) in done.stdout
    assert re.search('accuracy on siteB (100|9.);', done.stdout), done.stdout
