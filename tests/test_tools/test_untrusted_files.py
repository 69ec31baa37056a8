"""Checkpoints from every road: a file on the disk, an address, a cache, the config inside a checkpoint."""

import functools
import os
import pickle
import re
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from mmaction.apis.inferencers import ActionRecogInferencer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmda_ext import compat
from mmda_ext.apis import cli
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.compat import checkpoints
from mmda_ext.compat.downloads import cache_path
from mmda_ext.models import MLPBackbone
from mmda_ext.models.pretrained import load_backbone
from tests.toy_run import toy_config, write_config


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f'touch {self.mark}', )


class Quiet(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Folder that a server of this machine offers, with the server's address; PyTorch's cache is empty."""
    compat.allow_mmengine_checkpoints()
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    folder = tmp_path / 'site'
    folder.mkdir()
    torch.save({'state_dict': {'mark': Evil(tmp_path / 'mark')}}, folder / 'evil.pth')
    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01, ), daemon=True).start()
    yield folder, f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / 'hub').rglob('*') if path.is_file())


def train(*argv):
    return run_with_one_line_errors(lambda: cli.run_training([str(arg) for arg in argv]))


def test(*argv):
    return run_with_one_line_errors(lambda: cli.run_test([str(arg) for arg in argv]))


test.__test__ = False


def refused(capsys, name):
    """Whether the last line is one sentence about the file."""
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith('error: ')] == lines[-1:]
    return re.search(rf'checkpoint .*{name}.* holds more than tensors and is not loaded|'
                     rf'--resume http://.*{name}: training continues from a file on this machine', lines[-1])


def test_no_road_runs_code(site, tmp_path, capsys):
    folder, address = site
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1))
    for place in (f'{address}/evil.pth', folder / 'evil.pth'):
        for tool, argv in [(train, ['--cfg-options', f'load_from={place}']),
                           (train, ['--cfg-options', f'load_from={place}', 'resume=True']),
                           (test, [place])]:
            capsys.readouterr()
            assert tool(config, *argv) == 1
            assert refused(capsys, 'evil.pth')
            assert not (tmp_path / 'mark').exists()
    assert train(config, '--resume', folder / 'evil.pth') == 1
    assert refused(capsys, 'evil.pth')
    with pytest.raises(pickle.UnpicklingError, match='holds more than tensors'):
        load_backbone(torch.nn.Linear(1, 1), f'{address}/evil.pth')
    for place in (f'{address}/evil.pth', str(folder / 'evil.pth')):
        part = MLPBackbone(1, init_cfg=dict(type='Pretrained', checkpoint=place))
        with pytest.raises(pickle.UnpicklingError, match='holds more than tensors'):
            part.init_weights()
    assert not (tmp_path / 'mark').exists()
    assert cached(tmp_path) == []


def test_a_safe_checkpoint_is_fetched_once(site, tmp_path):
    folder, address = site
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1))
    assert train(config) == 0
    (tmp_path / 'run' / 'epoch_1.pth').rename(folder / 'epoch_1.pth')
    for _ in range(2):
        assert test(config, f'{address}/epoch_1.pth', '--work-dir', tmp_path / 't') == 0
        (folder / 'epoch_1.pth').unlink(missing_ok=True)
    assert cached(tmp_path) == [cache_path(f'{address}/epoch_1.pth').name]


def test_one_name_at_two_addresses_is_two_files(site):
    folder, address = site
    for number in (1, 2):
        (folder / str(number)).mkdir()
        torch.save({'w': torch.tensor(number)}, folder / str(number) / 'epoch_1.pth')
        torch.save({'w': torch.tensor(number)}, folder / str(number) / 'published-0a1b2c3d.pth')
    read = [int(CheckpointLoader.load_checkpoint(f'{address}/{number}/{name}.pth')['w'])
            for name in ('epoch_1', 'published-0a1b2c3d') for number in (1, 2)]
    # A published name is one file, wherever it is kept: PyTorch's rule, by which people fill the cache by hand.
    assert read == [1, 2, 1, 1]


@pytest.mark.parametrize('content', [b'', b'<html>no such page</html>', b'PK\x03\x04 cut'])
def test_what_is_no_checkpoint_does_not_enter_the_cache(site, tmp_path, content):
    folder, address = site
    (folder / 'page.pth').write_bytes(content)
    with pytest.raises(pickle.UnpicklingError, match=f'checkpoint {address}/page.pth cannot be read'):
        CheckpointLoader.load_checkpoint(f'{address}/page.pth')
    with pytest.raises(ConnectionError, match=f'{address}/gone.pth cannot be downloaded to .*404'):
        CheckpointLoader.load_checkpoint(f'{address}/gone.pth')
    assert cached(tmp_path) == []


def test_a_bad_file_in_the_cache_is_refused(site, tmp_path):
    folder, address = site
    path = cache_path(f'{address}/evil.pth')
    path.parent.mkdir(parents=True)
    (folder / 'evil.pth').rename(path)
    with pytest.raises(pickle.UnpicklingError, match=f'{address}/evil.pth .kept as {path}. holds more'):
        CheckpointLoader.load_checkpoint(f'{address}/evil.pth')
    assert not (tmp_path / 'mark').exists()


@pytest.mark.parametrize('scheme', ['torchvision://m', 'modelzoo://m', 'open-mmlab://m', 'openmmlab://m', 'mmcls://m',
                                    'open-mmlab://path', 's3://b/m.pth', 'x:petrel://b/m.pth', 'pavi://m'])
def test_every_scheme_refuses_alike(site, tmp_path, monkeypatch, scheme):
    folder, address = site
    models = {'m': f'{address}/evil.pth', 'path': str(folder / 'evil.pth')}
    for name in ('get_torchvision_models', 'get_external_models', 'get_mmcls_models'):
        monkeypatch.setattr(mmengine_checkpoint, name, lambda: models)
    evil = (folder / 'evil.pth').read_bytes()

    class Storage:
        name = 'm.pth'
        get = staticmethod(lambda path: evil)
        download = staticmethod(lambda path: Path(path).write_bytes(evil))

    monkeypatch.setattr(mmengine_checkpoint, 'get_file_backend', lambda *args, **kwargs: Storage)
    pavi = type(os)('pavi')
    pavi.modelcloud = type('Cloud', (), {'get': staticmethod(lambda path: Storage)})
    monkeypatch.setitem(sys.modules, 'pavi', pavi)
    with pytest.raises(pickle.UnpicklingError, match='holds more than tensors and is not loaded'):
        CheckpointLoader.load_checkpoint(scheme)
    assert not (tmp_path / 'mark').exists()


def test_older_torch_refuses_too(site, tmp_path, monkeypatch):
    """Below 2.6 a reader of ours stands in; this torch reads with it as that one would."""
    folder, _ = site
    monkeypatch.setattr(checkpoints, 'version_of', lambda name: (2, 2) if name == 'torch' else (1, 26))
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=2))
    assert train(config) == 0
    assert compat.load_from_local(tmp_path / 'run' / 'epoch_2.pth')['meta']['epoch'] == 2
    for content in (Evil(tmp_path / 'mark'), torch.nn.Linear(1, 1)):
        torch.save(content, folder / 'new.pth')
        torch.save(content, folder / 'old.pth', _use_new_zipfile_serialization=False)
        (folder / 'plain.pth').write_bytes(pickle.dumps(content))
        for name in ('new.pth', 'old.pth', 'plain.pth'):
            with pytest.raises(pickle.UnpicklingError, match='holds more than tensors|cannot be read'):
                compat.load_from_local(folder / name)
    assert not (tmp_path / 'mark').exists()


def test_libraries_that_ask_for_everything_get_tensors(site, tmp_path, monkeypatch):
    folder, _ = site
    with compat.tensors_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(folder / 'evil.pth', weights_only=False)
    assert not (tmp_path / 'mark').exists()
    assert checkpoints.TENSORS_ONLY not in os.environ
    monkeypatch.setenv(checkpoints.TRUSTED, '1')
    with compat.tensors_only():
        assert checkpoints.TENSORS_ONLY not in os.environ


def test_the_config_inside_a_checkpoint_is_not_run(tmp_path):
    """MMEngine keeps a run's config in its checkpoints, as a program, and would run it to resume."""
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=2))
    assert train(config, '--cfg-options', 'train_cfg.max_epochs=1') == 0
    path = tmp_path / 'run' / 'epoch_1.pth'
    content = compat.load_from_local(path)
    program = f'import os\nos.system("touch {tmp_path / "mark"}")\n'
    content['meta']['config'] = content['message_hub']['runtime_info']['cfg'] = program
    torch.save(content, path)
    assert train(config, '--resume') == 0
    assert (tmp_path / 'run' / 'epoch_2.pth').exists()
    with pytest.raises(ValueError, match='epoch_1.pth: name the config too; the one inside a checkpoint is a program'):
        ActionRecogInferencer(None, str(path), device='cpu')
    assert not (tmp_path / 'mark').exists()
