"""The data parts of configs/: they parse, build and give tensors of the published shapes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmda_ext.registry import DATASETS
from tests.conftest import ROOT
from tests.recipes import recipe
from tests.test_datasets.media import make_epic, make_hac

LEAVE_ONE_OUT = ('epic', 'epic-clips', 'hac', 'demo', 'demo-epic', 'ravdess', 'avdigits', 'watch',
                 'hydraulic', 'flights', 'penguins')


def build(cfg: Config, part: str, **options: Any) -> Any:
    init_default_scope('mmaction')
    return DATASETS.build({**cfg[f'{part}_dataloader'].dataset, **options})


@pytest.mark.parametrize('name', LEAVE_ONE_OUT)
def test_targets_are_never_sources(name: str) -> None:
    domains = Config.fromfile(ROOT / 'configs' / 'datasets' / f'{name}.py').domains
    for target in domains:
        cfg = recipe('erm', name, target=[target])
        sources = tuple(other for other in domains if other != target)
        train, val, test = (cfg[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test'))
        assert tuple(train.domains) == tuple(val.domains) == sources
        assert all(tuple(part.source_domains) == sources for part in (train, val, test))
        assert tuple(test.domains) == (target, )
        assert (val.test_mode, test.test_mode, train.get('test_mode', False)) == (True, True, False)
        loader = cfg.train_dataloader
        assert (loader.batch_size, loader.drop_last, loader.sampler.shuffle) == (16, True, True)
        assert loader.worker_init_fn.type == 'mmda_ext.seed_worker'
        assert (train.split, val.split) in {('train', 'test'), ('train', 'val')}


def shapes(data: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in data[0]['inputs'].items()}


@pytest.mark.parametrize(('name', 'layout', 'flow'), [('epic', 'frames', True), ('epic-clips', 'clips', False)])
def test_epic_shapes(tmp_path: Path, name: str, layout: str, flow: bool) -> None:
    make_epic(tmp_path, layout, with_flow=flow)
    cfg = recipe('erm', name, modalities=['video', 'audio', 'flow'] if flow else None)
    place = {'ann_dir': str(tmp_path / 'splits'), 'data_root': str(tmp_path)}
    train, test = (build(cfg, part, **place) for part in ('train', 'test'))
    expected = {'video': (1, 3, 32, 224, 224), 'audio': (1, 257, 1004)}
    assert shapes(train) == expected | ({'flow': (1, 2, 8, 224, 224)} if flow else {})
    assert shapes(test) == expected | ({'flow': (1, 2, 8, 256, 256)} if flow else {})
    sample = test[0]['data_samples']
    assert (sample.domain, sample.domain_label, sample.is_target) == ('D1', -1, True)
    assert sample.sample_id == 'D1/P08_01_10_100'


def test_hac_shapes(tmp_path: Path) -> None:
    make_hac(tmp_path, with_flow=True)
    place = {'ann_dir': str(tmp_path / 'splits'), 'data_root': str(tmp_path)}
    cfg = recipe('erm', 'hac', target=['animal'])
    assert shapes(build(cfg, 'train', **place)) == {'video': (1, 3, 32, 224, 224), 'audio': (1, 257, 1004)}
    assert len(build(cfg, 'test', **place)) == 2, 'the whole target'
    assert len(build(cfg, 'val', **place)) == 2, 'the test lists of the sources'
    flow = recipe('erm', 'hac', target=['animal'], modalities=['flow', 'audio'])
    assert shapes(build(flow, 'test', **place)) == {'flow': (1, 2, 8, 256, 256), 'audio': (1, 257, 1004)}
    pictures = recipe('erm', 'hac', target=['animal'], modalities=['video', 'flow'])
    assert shapes(build(pictures, 'test', **place)) == {'video': (1, 3, 32, 224, 224), 'flow': (1, 2, 8, 256, 256)}
    sound = recipe('erm', 'hac', target=['animal'], modalities=['audio'])
    assert shapes(build(sound, 'train', **place)) == {'audio': (1, 257, 1004)}


@pytest.mark.real_data
@pytest.mark.parametrize('name', ['ravdess', 'avdigits'])
def test_feature_configs_on_the_real_files(real_data: Path, name: str) -> None:
    known = Config.fromfile(ROOT / 'configs' / 'datasets' / f'{name}.py')
    for target in known.domains:
        cfg = recipe('erm', name, target=[target])
        file = str(real_data / Path(cfg.dataset.ann_file).relative_to('data'))
        parts = [build(cfg, part, ann_file=file) for part in ('train', 'val', 'test')]
        assert len(parts[0]) > len(parts[2]) > 100
        assert len(parts[0].metainfo['classes']) == known.num_classes
        assert all(value.ndim == 1 and value.dtype == torch.float32 for value in parts[0][0]['inputs'].values())
