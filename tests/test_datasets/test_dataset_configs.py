"""The data parts of configs/: they parse, build and give tensors of the published shapes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmda_ext.registry import DATASETS
from tests.conftest import ROOT
from tests.test_datasets.media import make_epic, make_hac

FOLDER = ROOT / 'configs' / '_base_' / 'datasets'
OURS = sorted(path.name for kind in ('epic', 'hac', 'features') for path in FOLDER.glob(f'{kind}*_to-*.py'))


def build(cfg: Config, part: str, **options: Any) -> Any:
    init_default_scope('mmaction')
    return DATASETS.build({**cfg[f'{part}_dataloader'].dataset, **options})


@pytest.mark.parametrize('name', OURS)
def test_targets_are_never_sources(name: str) -> None:
    cfg = Config.fromfile(FOLDER / name)
    sources = cfg.source_domains
    train, val, test = (cfg[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test'))
    assert tuple(train.domains) == tuple(val.domains) == tuple(sources)
    assert all(tuple(part.source_domains) == tuple(sources) for part in (train, val, test))
    assert len(test.domains) == 1
    assert not set(test.domains) & set(sources)
    assert test.domains[0].lower() == name.partition('_to-')[2].removesuffix('.py')
    assert (val.test_mode, test.test_mode, train.get('test_mode', False)) == (True, True, False)
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.drop_last, loader.sampler.shuffle) == (16, True, True)
    assert loader.worker_init_fn.type == 'mmda_ext.seed_worker'
    assert cfg.num_classes in (7, 8, 10)


def test_there_is_a_file_for_every_target() -> None:
    assert len(OURS) == 3 * 3 + 2 * 3 + 4 + 3


def shapes(data: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in data[0]['inputs'].items()}


@pytest.mark.parametrize(('name', 'layout'), [('epic-flow', 'frames'), ('epic-clips', 'clips')])
def test_epic_shapes(tmp_path: Path, name: str, layout: str) -> None:
    make_epic(tmp_path, layout, with_flow='flow' in name)
    cfg = Config.fromfile(FOLDER / f'{name}_to-d1.py')
    place = {'ann_dir': str(tmp_path / 'splits'), 'data_root': str(tmp_path)}
    train, test = (build(cfg, part, **place) for part in ('train', 'test'))
    flow = 'flow' in name
    expected = {'video': (1, 3, 32, 224, 224), 'audio': (1, 257, 1004)}
    assert shapes(train) == expected | ({'flow': (1, 2, 8, 224, 224)} if flow else {})
    assert shapes(test) == expected | ({'flow': (1, 2, 8, 256, 256)} if flow else {})
    sample = test[0]['data_samples']
    assert (sample.domain, sample.domain_label, sample.is_target) == ('D1', -1, True)
    assert sample.sample_id == 'D1/P08_01_10_100'


def test_hac_shapes(tmp_path: Path) -> None:
    make_hac(tmp_path, with_flow=True)
    place = {'ann_dir': str(tmp_path / 'splits'), 'data_root': str(tmp_path)}
    cfg = Config.fromfile(FOLDER / 'hac_to-animal.py')
    assert shapes(build(cfg, 'train', **place)) == {'video': (1, 3, 32, 224, 224), 'audio': (1, 257, 1004)}
    assert len(build(cfg, 'test', **place)) == 2, 'the whole target'
    assert len(build(cfg, 'val', **place)) == 2, 'the test lists of the sources'
    flow = Config.fromfile(FOLDER / 'hac-flow_to-animal.py')
    assert shapes(build(flow, 'test', **place))['flow'] == (1, 2, 8, 256, 256)


@pytest.mark.real_data
@pytest.mark.parametrize('name', ['ravdess', 'avdigits'])
def test_feature_configs_on_the_real_files(real_data: Path, name: str) -> None:
    for path in FOLDER.glob(f'features_{name}_to-*.py'):
        cfg = Config.fromfile(path)
        file = str(real_data / Path(cfg.dataset.ann_file).relative_to('data'))
        parts = [build(cfg, part, ann_file=file) for part in ('train', 'val', 'test')]
        assert len(parts[0]) > len(parts[2]) > 100
        assert len(parts[0].metainfo['classes']) == cfg.num_classes
        assert all(value.ndim == 1 and value.dtype == torch.float32 for value in parts[0][0]['inputs'].values())
