"""The first command of the README, in a folder with the documented files: EPIC-Kitchens and the published weights."""

import json
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mmda_ext import compat
from mmda_ext.apis import cli
from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.weights import check_weights
from mmda_ext.registry import MODELS
from tests.conftest import ROOT
from tests.recipes import recipe
from tests.test_datasets.media import make_epic

RECIPE = ROOT / 'configs' / 'gmp_slowfast_epic.py'
PAGE = (ROOT / 'docs' / 'data.md').read_text()
#: Sizes only: 8 frames of 32 pixels instead of 32 of 224, both training samples in one batch, no further processes, no
#: checkpoint to continue from.
SMALL = ['train_dataloader.batch_size=2', 'train_cfg.max_epochs=1', 'default_hooks.checkpoint.interval=2',
         *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')),
         *(f'{part}_dataloader.dataset.pipeline.0.clips.video.clip_len=8' for part in ('train', 'val', 'test')),
         'train_dataloader.dataset.pipeline.1.video.1.scale=(-1,40)',
         'train_dataloader.dataset.pipeline.1.video.3.scale=(32,32)',
         *(f'{part}_dataloader.dataset.pipeline.1.video.{change}' for part in ('val', 'test')
           for change in ('1.scale=(-1,40)', '2.crop_size=32'))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    scope = DefaultScope.get_current_instance()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if scope is None:
        DefaultScope._instance_dict.clear()


def write_weights(folder):
    """The two files in the layouts of their publishers, with random numbers in half precision."""
    init_default_scope('mmaction')
    cfg = load_recipe(RECIPE).model
    video, audio = (MODELS.build(cfg.backbones[name]).half().state_dict() for name in ('video', 'audio'))
    folder.mkdir()
    torch.save({'meta': {}, 'state_dict': {
        **{f'backbone.{key}': value for key, value in video.items()}, 'cls_head.fc_cls.bias': torch.zeros(400)}},
        folder / Path(cfg.pretrained.video).name)
    torch.save({'epoch': 1, 'model_state_dict': {
        **{f'audnet.{key}': value for key, value in audio.items()}, 'audnet.fc.weight': torch.zeros(309, 512)}},
        folder / Path(cfg.backbones.audio.checkpoint).name)
    return video, audio


@pytest.mark.slow
def test_flagship_trains_an_epoch_on_the_documented_layout(folder):
    data = folder / 'data' / 'epic_kitchens'
    make_epic(data)
    (data / 'splits').rename(data / 'MM-SADA_Domain_Adaptation_Splits')
    video, audio = write_weights(folder / 'checkpoints')
    with patch('mmengine.config.config.FormatCode', lambda text, **_: (text, True)):  # seconds, for the line breaks
        cli.run_training([str(RECIPE), '--cfg-options', *SMALL])

    work_dir = folder / 'work_dirs' / 'gmp_slowfast_epic'
    record = json.loads((work_dir / 'result.json').read_text())
    assert (record['selection'], record['epoch'], record['config']) == ('source_validation', 1, RECIPE.name)
    assert {'acc/top1', 'D1/acc/top1'} <= set(record['test'])
    assert {'D2/acc/top1', 'D3/acc/top1'} <= set(record['val'])
    trained = compat.load_from_local(work_dir / record['checkpoint'])['state_dict']
    for name, published, frozen, trains in [
        ('video', video, 'slow_path.layer3.0.conv1.conv.weight', 'slow_path.layer4.0.conv1.conv.weight'),
        ('audio', audio, 'layer3.0.conv1.weight', 'layer4.0.conv1.weight'),
    ]:
        assert torch.equal(trained[f'backbones.{name}.{frozen}'], published[frozen].float())
        assert not torch.equal(trained[f'backbones.{name}.{trains}'], published[trains].float())


def test_missing_weights_are_told_with_key_file_and_page(folder, capsys):
    assert run_with_one_line_errors(lambda: cli.run_training([str(RECIPE)])) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    for part in ('/slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth (`model.pretrained.video`)',
                 'checkpoints/vggsound_avgpool.pth.tar (`model.backbones.audio.checkpoint`)', 'docs/data.md'):
        assert part in error
    assert not list(folder.iterdir()), 'nothing is written before the weights are found'


@pytest.mark.parametrize(('dataset', 'modalities'), [('epic', ['video', 'audio', 'flow']), ('iemocap', None)])
def test_every_published_file_is_on_the_page(folder, dataset, modalities):
    cfg = recipe('erm', dataset, modalities=modalities)
    try:
        check_weights(cfg)
    except FileNotFoundError as error:
        for named in str(error).split(': ')[1].split('; ')[0].split(' and '):
            file, key = named.rstrip(')').split(' (')
            assert f'{key} | `{Path(file).name}`' in PAGE
            node = cfg
            for part in key.strip('`').split('.'):
                node = node[part]
            assert node == file


def test_what_is_no_local_file_is_not_looked_for(folder):
    (folder / 'here.pth').touch()
    check_weights(Config(dict(model=dict(
        pretrained=dict(video='here.pth', audio=None), backbones=dict(
            a=dict(pretrained='torchvision://resnet50'), b=dict(pretrained='checkpoints/bert-base-uncased'),
            c=dict(init_cfg=dict(type='Pretrained', checkpoint='https://a/b.pth'), name='gone.pth'))))))
    check_weights(Config(dict(train_cfg=dict())))
    with pytest.raises(FileNotFoundError, match=r'gone.pth \(`model.backbones.0.init_cfg.checkpoint`\)'):
        check_weights(Config(dict(model=dict(backbones=[dict(init_cfg=dict(checkpoint='~/gone.pth'))]))))
