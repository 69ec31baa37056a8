"""A run that takes a second: four blobs in two source domains and a target, a model with dropout, noisy samples."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.model import BaseModel
from torch.utils.data import Dataset

from mmda_ext.apis.protocol import add_protocol
from mmda_ext.registry import DATASETS, MODELS

CLASSES = 3
FEATURES = 6


@DATASETS.register_module()
class ToyDataset(Dataset):
    """Class centres plus noise; ``domains`` are names, those starting with T are targets."""

    def __init__(self, domains: tuple[str, ...] = ('A', 'B'), size: int = 24, noisy: bool = False) -> None:
        generator = torch.Generator().manual_seed(len(domains))
        self.labels = torch.arange(size) % CLASSES
        centres = 2 * torch.eye(CLASSES, FEATURES)
        self.features = centres[self.labels] + torch.randn(size, FEATURES, generator=generator)
        self.domains = [domains[index % len(domains)] for index in range(size)]
        self.noisy = noisy
        self.metainfo = {'classes': tuple('abc')}

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = ActionDataSample().set_gt_label(int(self.labels[index]))
        domain = self.domains[index]
        sample.set_metainfo({'domain': domain, 'is_target': domain[0] == 'T', 'sample_id': f'{domain}/{index}'})
        noise = torch.from_numpy(np.random.normal(size=FEATURES)).float() if self.noisy else 0
        return {'inputs': {'x': self.features[index] + noise}, 'data_samples': sample}


@MODELS.register_module()
class ToyModel(BaseModel):
    """Linear model behind dropout; ``bad_iter`` makes the loss of that iteration NaN."""

    def __init__(self, bad_iter: int | None = None) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(FEATURES, CLASSES)
        self.drop = torch.nn.Dropout(0.5)
        self.bad_iter = bad_iter
        self.calls = 0

    def forward(self, inputs: dict[str, Any], data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        x = torch.stack(inputs['x'])
        scores = self.linear(self.drop(x))
        if mode == 'loss':
            self.calls += 1
            labels = torch.cat([sample.gt_label for sample in data_samples])
            loss = torch.nn.functional.cross_entropy(scores, labels)
            return {'loss_cls': loss * float('nan') if self.calls == self.bad_iter else loss}
        for sample, score in zip(data_samples, scores.softmax(1)):
            sample.set_pred_score(score)
            sample.set_field({'x': score, 'y': score.flip(0)}, 'modality_scores')
        return data_samples


def loader(domains: tuple[str, ...], train: bool = False, workers: int = 0, size: int = 24) -> dict[str, Any]:
    """Config of a data loader."""
    return {
        'batch_size': 5, 'num_workers': workers,
        'dataset': {'type': 'mmda_ext.ToyDataset', 'domains': domains, 'noisy': train, 'size': size},
        'sampler': {'type': 'DefaultSampler', 'shuffle': train},
        'worker_init_fn': {'type': 'mmda_ext.seed_worker'},
    }


def toy_config(work_dir: Path, epochs: int = 3, workers: int = 0, val: tuple[str, ...] = ('A', 'B'),
               **changes: Any) -> Config:
    """Config of a whole run on top of the package's default runtime."""
    root = Path(__file__).resolve().parents[1]
    cfg = Config.fromfile(root / 'configs' / '_base_' / 'default_runtime.py')
    cfg.merge_from_dict({
        'work_dir': str(work_dir), 'launcher': 'none',
        'custom_imports': {'imports': ['mmda_ext', 'tests.toy_run'], 'allow_failed_imports': False},
        'model': {'type': 'mmda_ext.ToyModel'},
        'train_dataloader': loader(('A', 'B'), train=True, workers=workers),
        'val_dataloader': loader(val), 'test_dataloader': loader(('T', )),
        'val_evaluator': {'type': 'mmda_ext.DomainAccuracy'}, 'test_evaluator': {'type': 'mmda_ext.DomainAccuracy'},
        'train_cfg': {'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1}, 'val_cfg': {}, 'test_cfg': {},
        'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': {'type': 'Adam', 'lr': 0.01}},
        'visualizer': None, 'log_level': 'WARNING',
    })
    del cfg.default_hooks['visualization']
    add_protocol(cfg)
    cfg.merge_from_dict(changes)
    return cfg


def write_config(path: Path, cfg: Config) -> Path:
    """Write a config that ``tools/train.py`` can read with ``tests/`` on the path."""
    cfg.dump(path)
    return path
