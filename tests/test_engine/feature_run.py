"""A run on a small feature file that takes a second: two modalities, three classes, two source domains and a target."""

import random
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch.nn import functional as F

from mmda_ext import compat
from mmda_ext.apis.protocol import set_protocol
from tests.recipes import recipe as shipped

WIDTHS = dict(face=6, audio=5)
SOURCES = ('x', 'y')


def write_features(path: Path, size: int = 90, spread: float = 1.0) -> Path:
    generator = np.random.default_rng(0)
    label = generator.integers(0, 3, size)
    arrays = {name: (spread * generator.normal(size=(size, width)) + label[:, None]).astype(np.float32)
              for name, width in WIDTHS.items()}
    np.savez(path, **arrays, label=label, classes=np.array(['a', 'b', 'c']),
             domain=np.array([*SOURCES, 'z'])[np.arange(size) % 3])
    return path


def feature_config(recipe: str, folder: Path, work_dir: Path, epochs: int = 3, **changes) -> Config:
    """A RAVDESS recipe, on that file instead, with dropout and batch normalisation in the encoders."""
    cfg = shipped(recipe)
    file = folder / 'features.npz'
    data = dict(ann_file=str(file if file.exists() else write_features(file)), source_domains=SOURCES)
    encoder = dict(_delete_=True, type='mmda_ext.MLPBackbone', hidden_channels=(8, ), dropout=0.3, norm=True)
    cfg.merge_from_dict(dict(
        work_dir=str(work_dir), launcher='none', visualizer=None, log_level='WARNING',
        model=dict(backbones={name: dict(in_channels=width, **encoder) for name, width in WIDTHS.items()},
                   fusion=dict(in_channels=dict.fromkeys(WIDTHS, 8), hidden_channels=8), cls_head=dict(num_classes=3)),
        train_dataloader=dict(batch_size=8, dataset=dict(domains=SOURCES, **data)),
        val_dataloader=dict(dataset=dict(domains=SOURCES, **data)),
        test_dataloader=dict(dataset=dict(domains=('z', ), **data)), train_cfg=dict(max_epochs=epochs)))
    for objective in cfg.model.get('objectives', ()):
        if 'head' in objective:
            objective['head']['num_domains'] = len(SOURCES)
        if 'num_domains' in objective:
            objective['num_domains'] = len(SOURCES)
        if 'num_classes' in objective:
            objective['num_classes'] = 3
    del cfg.default_hooks['visualization']
    set_protocol(cfg)
    cfg.merge_from_dict(changes)
    return cfg


def runner_of(cfg: Config) -> Runner:
    compat.allow_mmengine_checkpoints()
    cfg.experiment_name = f'run{random.SystemRandom().random()}'
    return Runner.from_cfg(cfg)


def run(cfg: Config) -> Runner:
    # Most of a run this small is the layout of the config's text and the collection of garbage.
    with patch('mmengine.config.config.FormatCode', lambda text, **_: (text, True)), patch('gc.collect'):
        runner = runner_of(cfg)
        runner.train()
    return runner


def checkpoint(work_dir: Path, name: str) -> dict:
    return compat.load_from_local(work_dir / name)


def mean_losses(runner: Runner) -> torch.Tensor:
    """Slow reference for a model with unimodal heads: one sample at a time, ``(2, K)`` of training and validation."""
    model = runner.model.eval()
    rows = []
    for dataset in (runner.train_dataloader.dataset, runner.val_dataloader.dataset):
        losses = []
        for sample in map(dataset.__getitem__, range(len(dataset))):
            inputs = {name: torch.as_tensor(value)[None].float() for name, value in sample['inputs'].items()}
            with torch.no_grad():
                features = {name: backbone(inputs[name]) for name, backbone in model.backbones.items()}
                logits = [*(model.modality_heads[name](features[name]) for name in features),
                          model.cls_head(features)]
            losses.append([F.cross_entropy(value, sample['data_samples'].gt_label).item() for value in logits])
        rows.append(torch.tensor(losses, dtype=torch.float64).mean(0))
    return torch.stack(rows)
