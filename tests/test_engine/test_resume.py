"""A run that is killed in the middle of an epoch and resumed ends with the bits of one that was not."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmda_ext.compat import checkpoint_globals
from tests.conftest import ROOT
from tests.recipes import recipe_file

EPOCHS = 4

ENCODERS = """
encoder = dict(_delete_=True, type='mmda_ext.MLPBackbone', hidden_channels=(16, ), dropout=0.3, norm=True)
model = dict(
    backbones=dict(face=dict(in_channels=6, **encoder), audio=dict(in_channels=5, **encoder)),
    fusion=dict(in_channels=dict(face=16, audio=16)),
    cls_head=dict(num_classes=3),
    objectives=[{objectives}])
data = dict(ann_file={file!r}, source_domains=('x', 'y'))
val_dataloader = dict(dataset=dict(domains=('x', 'y'), **data))
test_dataloader = dict(dataset=dict(domains=('z', ), **data))
train_cfg = dict(max_epochs={epochs})
default_hooks = dict(logger=dict(interval=1))
"""
#: Method and dataset, objectives, and what else the recipe states.
RECIPES = {
    # With what draws random numbers in every step; weights of domains, and an optimizer that forgets after the kill.
    'gmp': (('gmp', 'ravdess'), """
    dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2)),
    dict(type='mmda_ext.IRM', num_domains=2, begin=0.7),
    dict(type='mmda_ext.GroupDRO', num_domains=2),
""", """
model['mixing'] = dict(type='mmda_ext.Mixup')
model['cls_head'].update(feature_dropout=dict(type='mmda_ext.ModalityDropout'), loss_weight=0.0)
train_dataloader = dict(
    batch_size=9,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.DomainBalancedBatchSampler'),
    dataset=dict(domains=('x', 'y'), **data))
custom_hooks = [dict(type='mmda_ext.FreshOptimizerHook')]
"""),
    # A balancer that learns, beside a classifier that remembers.
    'gradnorm_agm': (('gmp', 'ravdess'),
                     "dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))", """
model['cls_head'].update(type='mmda_ext.AGMClsHead')
train_dataloader = dict(batch_size=8, dataset=dict(domains=('x', 'y'), **data))
optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.GradNorm', tasks=('cls', 'domain')))
"""),
    # Everything that adaptation remembers: the chosen strength, moving variances, gamma over time.
    'boomda': (('boomda', 'ravdess-adaptation'), """
    dict(type='mmda_ext.InformationBottleneck', estimator='ema'),
    dict(type='mmda_ext.VotingPseudoLabel', min_votes=2),
    dict(type='mmda_ext.CorrelationAlignment', alpha2='auto', auto_batches=25),
""", """
parts = dict(_base_.train_dataloader.dataset.datasets[0], **data)
train_dataloader = dict(
    batch_size=12,
    batch_sampler=dict(n_source=8, n_target=4),
    dataset=dict(datasets=[dict(parts, domains=('x', 'y')), dict(parts, domains=('z', ))]))
optim_wrapper = dict(balancer=dict(momentum=0.9, update_interval=2))
"""),
}


@pytest.fixture(scope='module', params=RECIPES)
def recipe(request, tmp_path_factory):
    """A recipe on a small feature file, with dropout and batch normalisation in the encoders."""
    folder = tmp_path_factory.mktemp('resume')
    generator = np.random.default_rng(0)
    size = 240
    label = generator.integers(0, 3, size)
    arrays = {name: generator.normal(size=(size, width)).astype(np.float32) + label[:, None]
              for name, width in (('face', 6), ('audio', 5))}
    np.savez(folder / 'features.npz', **arrays, label=label, classes=np.array(['a', 'b', 'c']),
             domain=np.array(['x', 'y', 'z'])[np.arange(size) % 3])
    base, objectives, rest = RECIPES[request.param]
    text = ENCODERS.format(objectives=objectives, file=str(folder / 'features.npz'), epochs=EPOCHS)
    return recipe_file(folder / f'{request.param}_resume.py', base[0], text + rest, base[1])


def start(recipe, work_dir, *options):
    command = [sys.executable, '-u', 'tools/train.py', str(recipe), '--work-dir', str(work_dir), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, 'OMP_NUM_THREADS': '1'})


def finish(process):
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output[-3000:]
    return output


def final(work_dir):
    with torch.serialization.safe_globals(checkpoint_globals()):
        return torch.load(work_dir / f'epoch_{EPOCHS}.pth')


def assert_same(one, two, where):
    assert type(one) is type(two), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_same(one[key], two[key], f'{where}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two), where
        for index, (a, b) in enumerate(zip(one, two)):
            assert_same(a, b, f'{where}[{index}]')
    else:
        assert one == two, where


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(recipe, tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    finish(start(recipe, whole))
    process = start(recipe, cut)
    for line in process.stdout:
        if 'Epoch(train) [3][' in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    assert not (cut / f'epoch_{EPOCHS}.pth').exists()
    assert 'resumed epoch: 2' in finish(start(recipe, cut, '--resume'))
    one, two = final(whole), final(cut)
    assert_same(one['state_dict'], two['state_dict'], 'model')
    assert_same(one['optimizer'], two['optimizer'], 'optimizer')
    if 'agm' in recipe.name:
        assert len(one['optimizer']['balancer']['memory']) == 2
        assert one['state_dict']['cls_head.iterations'] == EPOCHS * 16
    if 'gmp' in recipe.name:
        assert one['state_dict']['objectives.2.weights'].max() > .5
        # Of 56 steps, numbered from 0, the one at 40 (0.7 of them) begins anew.
        assert {float(own['step']) for own in one['optimizer']['state'].values()} == {16}
    assert (cut / 'result.json').exists()
