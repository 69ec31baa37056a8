"""Each work-around: the fault is there, the work-around answers it, a sound upstream is left alone."""

import io
import logging
import pickle
import subprocess
import sys
import types
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmda_ext import compat
from mmda_ext.stack import version_of

ROOT = Path(__file__).resolve().parents[1]
NUMPY_2 = version_of('numpy') >= (2, )


def run(code, *flags, **env):
    done = subprocess.run([sys.executable, *flags, '-c', code], capture_output=True, text=True, check=False,
                          env={'PYTHONPATH': ':'.join([str(ROOT), *filter(None, sys.path)]), **env})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_package_imports_without_any_requirement():
    code = f'import sys; sys.path.insert(0, {str(ROOT)!r}); import mmda_ext; print(mmda_ext.__version__)'
    done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True, check=True, env={})
    assert done.stdout.startswith('0.')


def test_missing_stack_is_one_sentence():
    code = (f'import sys; sys.path.insert(0, {str(ROOT)!r})\n'
            'try:\n    import mmda_ext.registry\nexcept ImportError as error:\n    print(error)')
    done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True, check=True, env={})
    assert done.stdout.startswith('mmda_ext needs torch, mmengine==0.10.7, mmcv-lite==2.1.0, mmaction2==1.2.0')


def test_mmaction_imports_only_with_the_workarounds():
    broken = 'import mmaction.models'
    done = subprocess.run([sys.executable, '-c', broken], capture_output=True, text=True, check=False)
    assert 'drn' in done.stderr
    names = run('import mmda_ext, mmaction.models as m; print(all(hasattr(m, n) for n in '
                '("Recognizer3D", "ResNet3dSlowFast", "ResNetAudio")))')
    assert names == 'True'


def test_mmaction_imports_without_transformers_too():
    # Hidden from the import system and from both libraries that know of distributions.
    code = """
import importlib.metadata, importlib_metadata, sys
sys.modules['transformers'] = None
for library in (importlib.metadata, importlib_metadata):
    def distribution(name, library=library, real=library.distribution):
        if name == 'transformers':
            raise library.PackageNotFoundError(name)
        return real(name)
    library.distribution = distribution
import mmda_ext, mmaction.models
print(hasattr(mmaction.models, 'Recognizer3D'))
"""
    assert run(code) == 'True'


def test_applying_twice_changes_nothing():
    from mmengine.config import config
    before = dict(sys.modules), Config._dict_to_config_dict, config._get_package_and_cfg_path
    compat.apply_workarounds()
    assert (sys.modules, Config._dict_to_config_dict, config._get_package_and_cfg_path) == before


def test_importlib_metadata_is_provided_only_where_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'importlib_metadata', types.ModuleType('importlib_metadata'))
    real = sys.modules['importlib_metadata']
    compat.provide_importlib_metadata()
    assert sys.modules['importlib_metadata'] is real
    monkeypatch.delitem(sys.modules, 'importlib_metadata')
    monkeypatch.setattr(compat.imports, 'installed', lambda name: False)
    compat.provide_importlib_metadata()
    assert sys.modules['importlib_metadata'] is metadata


def test_drn_that_exists_is_left_alone(monkeypatch, tmp_path):
    name = 'mmaction.models.localizers.drn'
    monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / 'models' / 'localizers' / 'drn').mkdir(parents=True)
    spec = types.SimpleNamespace(origin=str(tmp_path / '__init__.py'))
    monkeypatch.setattr(compat.imports.importlib.util, 'find_spec', lambda _: spec)
    compat.provide_drn()
    assert name not in sys.modules


@pytest.mark.parametrize(('version', 'others', 'stubbed'), [((), False, False), ((5, 23), False, True),
                                                            ((5, 23), True, True), ((4, 30), False, True),
                                                            ((4, 30), True, False)])
def test_vindlu_is_disabled_where_it_cannot_work(monkeypatch, version, others, stubbed):
    name = 'mmaction.models.multimodal'
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(compat.imports, 'version_of', lambda _: version)
    monkeypatch.setattr(compat.imports, 'installed', lambda _: others)
    compat.disable_vindlu()
    assert (name in sys.modules) == stubbed
    monkeypatch.delitem(sys.modules, name, raising=False)


def test_version_of_reads_leading_integers(monkeypatch):
    for text, expected in [('2.13.0+cpu', (2, 13, 0)), ('5.0rc1', (5, )), ('1.26.4', (1, 26, 4)), ('', ())]:
        monkeypatch.setattr(metadata, 'version', lambda _, text=text: text)
        assert version_of('x') == expected
    monkeypatch.undo()
    assert version_of('no-such-distribution') == ()


def test_configs_of_packages_load_without_pkg_resources(tmp_path):
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmaction::_base_/default_runtime.py'")
    code = ('import sys; sys.modules["pkg_resources"] = None\nimport mmda_ext\nfrom mmengine.config import Config\n'
            'from mmengine.utils import get_installed_path, is_installed\n'
            f'print(Config.fromfile({str(child)!r}).default_scope, is_installed("mmaction2"), is_installed("absent"), '
            'get_installed_path("mmda_ext"))')
    assert run(code).split() == ['mmaction', 'True', 'False', str(ROOT / 'mmda_ext')]


def test_text_of_a_config_keeps_the_order_of_its_keys():
    text = Config({'b': {'z': 1, 'a': 2}, 'a': [{'y': 1, 'b': 2}]}).pretty_text
    assert list(Config.fromstring(text, '.py').b) == ['z', 'a']
    assert list(Config.fromstring(text, '.py').a[0]) == ['y', 'b']
    sorting = ('import sys; sys.modules["mmda_ext"] = None; from mmengine.config import Config\n'
               'print(list(Config.fromstring(Config({"b": 1, "a": 2}).pretty_text, ".py")))')
    assert run(sorting) == "['a', 'b']", 'upstream keeps the order: the work-around can go'


def test_lists_of_parameters_are_for_debugging(monkeypatch):
    from mmengine.optim.optimizer import default_constructor
    told = []
    monkeypatch.setattr('mmengine.logging.print_log', lambda text, logger, level: told.append((text, level)))
    monkeypatch.setattr(default_constructor, 'print_log', default_constructor.print_log)
    compat.hush_parameter_lists()
    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    wrapper = default_constructor.DefaultOptimWrapperConstructor(
        dict(optimizer=dict(type='SGD', lr=1.)), dict(custom_keys=dict(weight=dict(lr_mult=.5))))(model)
    assert [group['lr'] for group in wrapper.optimizer.param_groups] == [.5]
    assert len(told) > 1
    assert {level for _, level in told} == {logging.DEBUG}


def test_numpy_names_are_complete():
    compat.fix_numpy_aliases()
    assert np.Inf == np.inf
    assert np.isnan(np.NAN)
    assert np.in1d([1], [1]).all()
    assert callable(np.trapz)


def reference_hue(hue, offset):
    """NumPy 1's arithmetic, spelled out."""
    return ((hue + offset) % 256 if offset >= 0 else hue + offset) % 180


def test_hue_is_shifted_as_under_numpy_1():
    import cv2
    hues = np.arange(0, 180, dtype=np.uint8)
    hsv = np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 220)], axis=-1)[None]
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    seen = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    for factor in (-0.5, -0.1, -0.05, 0.0, 0.05, 0.1, 0.5):
        expected = seen.copy()
        expected[..., 0] = [[reference_hue(int(h), int(factor * 255)) for h in seen[0, :, 0]]]
        expected = cv2.cvtColor(expected, cv2.COLOR_HSV2RGB).astype(np.float32)
        np.testing.assert_array_equal(compat.adjust_hue(rgb.astype(np.float32), factor), expected)


def test_color_jitter_works_and_a_sound_one_is_kept(monkeypatch):
    from mmaction.datasets.transforms.processing import ColorJitter
    original = ColorJitter.adjust_hue
    image = np.random.default_rng(0).uniform(0, 255, (4, 4, 3)).astype(np.float32)
    if not NUMPY_2:
        for factor in (-0.5, -0.1, 0.0, 0.1, 0.5):
            np.testing.assert_array_equal(original(image, factor), compat.adjust_hue(image, factor))
    compat.fix_color_jitter()
    assert (ColorJitter.adjust_hue is original) == (not NUMPY_2 or original is compat.adjust_hue)
    ColorJitter.adjust_hue(image, -0.05)


def save(path, content):
    torch.save(content, path)
    return str(path)


def checkpoint():
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    return {'state_dict': {'w': torch.ones(2)}, 'message_hub': {'log_scalars': {'loss': history},
            'runtime_info': {'a': np.float64(1.5), 'b': np.arange(3), 'c': np.int64(3), 'd': np.bool_(True)}}}


def test_checkpoints_of_mmengine_are_read(tmp_path):
    path = save(tmp_path / 'a.pth', checkpoint())
    if version_of('torch') >= (2, 6):
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path)
    compat.allow_mmengine_checkpoints()
    loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    assert loaded['message_hub']['log_scalars']['loss'].statistics('mean') == 1.5
    assert loaded['message_hub']['runtime_info']['b'].tolist() == [0, 1, 2]
    assert HistoryBuffer not in torch.serialization.get_safe_globals()


@pytest.mark.parametrize('ours', ['numpy.core.multiarray', 'numpy._core.multiarray'])
def test_checkpoints_written_under_either_numpy_are_read(tmp_path, ours):
    buffer = io.BytesIO()
    torch.save({'b': np.arange(3), 'c': np.float32(2)}, buffer)
    content = buffer.getvalue()
    theirs = 'numpy._core.multiarray' if 'numpy._core' in str(content) else 'numpy.core.multiarray'
    path = tmp_path / 'a.pth'
    if ours == theirs:
        path.write_bytes(content)
    else:
        repack(content, path, theirs.encode(), ours.encode())
    loaded = compat.load_from_local(str(path))
    assert loaded['b'].tolist() == [0, 1, 2]
    assert loaded['c'] == 2


def repack(content, path, old, new):
    """Rewrite a module's name in the pickle inside a checkpoint."""
    import zipfile
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(path, 'w') as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(old, new) if name.endswith('data.pkl') else data)


class Evil:
    """Would write a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path), )


class GetsAttribute:

    def __init__(self, owner, name):
        self.arguments = owner, name

    def __reduce__(self):
        return getattr, self.arguments


@pytest.mark.parametrize('content', [Evil, GetsAttribute(np.ndarray, 'tofile'),
                                     GetsAttribute(HistoryBuffer, '__getattribute__')])
def test_files_that_run_code_are_refused(tmp_path, content):
    mark = tmp_path / 'mark'
    path = save(tmp_path / 'a.pth', Evil(mark) if content is Evil else content)
    with pytest.raises(pickle.UnpicklingError, match='not loaded, because such a file can run code'):
        compat.load_from_local(path)
    assert not mark.exists()


def test_damaged_and_missing_checkpoints_are_named(tmp_path):
    path = save(tmp_path / 'a.pth', checkpoint())
    Path(path).write_bytes(Path(path).read_bytes()[:500])
    with pytest.raises(pickle.UnpicklingError, match='a.pth cannot be read: it is damaged'):
        compat.load_from_local(path)
    with pytest.raises(FileNotFoundError, match='gone.pth does not exist'):
        compat.load_from_local('gone.pth')


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without an accelerator')
def test_amp_wrapper_is_built_on_a_cpu_and_computes_in_bfloat16():
    code = ('import mmda_ext, torch, warnings; warnings.simplefilter("error", UserWarning)\n'
            'from mmda_ext import compat; compat.allow_cpu_amp()\n'
            'from mmengine.optim import AmpOptimWrapper\n'
            'model = torch.nn.Linear(2, 2)\n'
            'w = AmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), 0.1), dtype="bfloat16")\n'
            'before = model.weight.clone()\n'
            'with w.optim_context(model):\n    out = model(torch.ones(1, 2))\n'
            'w.update_params(out.float().sum())\n'
            'print(out.dtype, torch.allclose(model.weight, before - 0.1), w.loss_scaler.is_enabled())')
    assert run(code) == 'torch.bfloat16 True False'


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without an accelerator')
def test_config_for_processes_on_a_cpu(monkeypatch):
    opened = []
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: bool(opened))
    monkeypatch.setattr(torch.distributed, 'init_process_group', opened.append)
    cfg = Config({'find_unused_parameters': True})
    compat.prepare_cpu_distributed(cfg)
    compat.prepare_cpu_distributed(cfg)
    assert opened == ['gloo']
    assert cfg.model_wrapper_cfg == {'type': 'MMDistributedDataParallel', 'broadcast_buffers': False,
                                     'find_unused_parameters': True, 'device_ids': None}
    cfg = Config({'model_wrapper_cfg': {'type': 'Own', 'x': 1}})
    compat.prepare_cpu_distributed(cfg)
    assert cfg.model_wrapper_cfg == {'type': 'Own', 'x': 1, 'device_ids': None}


def test_with_an_accelerator_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(compat.devices, 'has_accelerator', lambda: True)
    from mmengine.optim.optimizer import amp_optimizer_wrapper as module
    monkeypatch.setattr(module, 'is_cuda_available', 'untouched')
    compat.allow_cpu_amp()
    assert module.is_cuda_available == 'untouched'
    cfg = Config({})
    compat.prepare_cpu_distributed(cfg)
    assert 'model_wrapper_cfg' not in cfg


def test_nothing_is_printed_by_the_import():
    done = subprocess.run([sys.executable, '-c', 'import mmda_ext, mmda_ext.registry, mmaction.models'],
                          capture_output=True, text=True, check=True, env={'PYTHONPATH': str(ROOT)})
    assert 'MultiScaleDeformableAttention' not in done.stderr
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        compat.hush_import_warnings()
        warnings.warn('pkg_resources is deprecated as an API', stacklevel=1)
    assert not caught


def test_a_config_is_laid_out_once_and_again_after_a_change(monkeypatch):
    """The text of a config is that of MMEngine's own code, whatever was formatted before."""
    from mmengine.config import config as module
    from yapf.yapflib.yapf_api import FormatCode
    asked = []

    def lay_out(text, **style):
        asked.append(text)
        return FormatCode(text, **style)

    cfg = Config(dict(model=dict(type='Net', widths=[128] * 40, rate=1e-3), name='run'))
    monkeypatch.setattr(module, 'FormatCode', FormatCode)
    own = cfg.pretty_text
    monkeypatch.setattr(module, 'FormatCode', lay_out)
    compat.format_configs_once()
    compat.format_configs_once()
    assert [cfg.pretty_text, cfg.pretty_text, Config(cfg.to_dict()).pretty_text] == [own] * 3
    assert len(asked) == 1
    cfg.model.rate = 1e-2
    changed = cfg.pretty_text
    assert ('rate=0.01' in changed, 'rate=0.001' in own, len(asked)) == (True, True, 2)
    assert Config.fromstring(changed, '.py').model == cfg.model
    cfg.model.rate = 1e-3
    assert (cfg.pretty_text, len(asked)) == (own, 2)


def test_a_style_of_ones_own_is_another_text(monkeypatch):
    from mmengine.config import config as module
    monkeypatch.setattr(module, 'FormatCode',
                        lambda text, style_config, verify=None: (f'{text} {style_config}', verify))
    compat.format_configs_once()
    assert module.FormatCode('a', style_config=dict(x=1)) == ("a {'x': 1}", None)
    assert module.FormatCode('a', style_config=dict(x=2), verify=True) == ("a {'x': 2}", True)
    assert module.FormatCode('a', style_config=dict(x=2)) == ("a {'x': 2}", None)


def test_a_run_of_several_processes_closes_their_group(tmp_path):
    dist = torch.distributed
    dist.init_process_group('gloo', init_method=f'file://{tmp_path / "store"}', rank=0, world_size=1)
    try:
        compat.end_together('none')  # the group is another's
        assert dist.is_initialized()
        compat.end_together('pytorch')
        assert not dist.is_initialized()
        compat.end_together('pytorch')
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
