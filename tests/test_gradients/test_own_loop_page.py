"""The blocks of docs/own_loop.md, run in their order."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.conftest import ROOT

BLOCKS = re.findall(r'```python\n(.*?)```', (ROOT / 'docs' / 'own_loop.md').read_text(encoding='utf-8'), re.S)


@pytest.fixture
def page():
    """What the block of the plain loop leaves behind."""
    names = {}
    exec(BLOCKS[0], names)
    return names


def test_plain_loop_and_accumulation(page):
    before = page['encoders']['video'].weight.detach().clone()
    assert page['weights'].shape == (2, 2)
    exec(BLOCKS[1], page)
    assert not torch.equal(page['encoders']['video'].weight, before)
    assert {'rho', 'sigma', 'k', 'p'} <= page['balancer'].diagnostics.keys()


def test_lightning(page, tmp_path):
    lightning = pytest.importorskip('lightning')
    exec(BLOCKS[2], page)
    before = page['classifier'].weight.detach().clone()
    trainer = lightning.Trainer(max_steps=2, logger=False, enable_progress_bar=False, accelerator='cpu',
                                default_root_dir=tmp_path)
    trainer.fit(page['Balanced'](), torch.utils.data.DataLoader(page['batches'], batch_size=None))
    assert not torch.equal(page['classifier'].weight, before)


def test_hugging_face_trainer(page, tmp_path):
    pytest.importorskip('accelerate')
    from transformers import TrainingArguments
    exec(BLOCKS[3], page)

    class Model(nn.Module):

        def __init__(self):
            super().__init__()
            self.encoders, self.classifier = page['encoders'], page['classifier']

        def losses(self, features, labels, **_):
            return {'cls': F.cross_entropy(self.classifier(torch.cat(list(features.values()), 1)), labels)}

    inputs, labels, _ = page['batches'][0]
    rows = [dict(video=inputs['video'][i], audio=inputs['audio'][i], labels=labels[i]) for i in range(8)]
    before = page['classifier'].weight.detach().clone()
    arguments = TrainingArguments(tmp_path, max_steps=2, per_device_train_batch_size=4, report_to=[], use_cpu=True,
                                  remove_unused_columns=False, save_strategy='no')
    page['BalancedTrainer'](Model(), arguments, train_dataset=rows).train()
    assert not torch.equal(page['classifier'].weight, before)
