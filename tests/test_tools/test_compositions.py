"""A config that a user writes in a folder of their own, on parts of this package or of MMAction2, trains."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.registry import DefaultScope

from mmda_ext.apis import cli, config_edits
from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.protocol import HOOKS, set_protocol
from mmda_ext.engine.hooks import StopOnNonFiniteHook
from mmda_ext.registry import HOOKS as REGISTRY
from tests.test_engine.feature_run import write_features

#: A child of a recipe: another file of features, other domains, fewer classes.
INHERITED = """
_base_ = ['mmda_ext::methods/gmp.py']
recipe = dict(dataset='ravdess')
model = dict(
    backbones=dict(face=dict(in_channels=6), audio=dict(in_channels=5)), cls_head=dict(num_classes=3),
    objectives=[dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))])
data = dict(ann_file='features.npz', source_domains=('x', 'y'))
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**data, domains=('x', 'y')))
val_dataloader = dict(dataset=dict(**data, domains=('x', 'y')))
test_dataloader = dict(dataset=dict(**data, domains=('z', )))
train_cfg = dict(max_epochs=1)
"""
#: Nothing but MMAction2's runtime below; it names no seed and none of this package's hooks.
COMPOSED = """
_base_ = ['mmaction::_base_/default_runtime.py']
model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(face=dict(type='mmda_ext.MLPBackbone', in_channels=6, hidden_channels=(8, )),
                   audio=dict(type='mmda_ext.MLPBackbone', in_channels=5, hidden_channels=(8, ))),
    fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(face=8, audio=8)),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=3),
    data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(face=None, audio=None)))
data = dict(type='mmda_ext.FeatureDataset', ann_file='features.npz', modalities=('face', 'audio'),
            source_domains=('x', 'y'), pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(
    batch_size=8, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**data, domains=('x', 'y'), split='train'))
val_dataloader = dict(
    batch_size=8, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, domains=('x', 'y'), split='val', test_mode=True))
test_dataloader = dict(
    batch_size=8, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, domains=('z', ), split='test', test_mode=True))
val_evaluator = test_evaluator = dict(type='mmda_ext.DomainAccuracy')
train_cfg, val_cfg, test_cfg = dict(by_epoch=True, max_epochs=1), dict(), dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-2))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that holds nothing but a feature file."""
    scope = DefaultScope.get_current_instance()
    write_features(tmp_path / 'features.npz')
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if scope is None:
        DefaultScope._instance_dict.clear()


def train(text, *argv):
    Path('mine.py').write_text(text)
    cli.run_training(['mine.py', '--work-dir', 'run', *argv])
    return json.loads(Path('run/result.json').read_text()), Config.fromfile('run/mine.py')


@pytest.mark.parametrize('text', [INHERITED, COMPOSED], ids=['mmda_ext::', 'mmaction::'])
def test_composition_trains_tests_and_says_so(folder, text):
    record, dumped = train(text)
    assert record['selection'] == 'source_validation'
    assert record['selected_by'] == 'acc/top1'
    assert record['seed'] == dumped.randomness.seed == 0
    assert record['test']['z/acc/top1'] == record['test']['acc/top1']
    assert (folder / 'run' / record['checkpoint']).is_file()
    assert [hook.type for hook in dumped.custom_hooks] == [f'mmda_ext.{name}' for name in HOOKS]
    assert dumped.default_hooks.checkpoint.type == 'mmda_ext.LastBestCheckpointHook'
    assert dumped.train_dataloader.worker_init_fn.type == 'mmda_ext.seed_worker'
    assert 'mmda_ext' in dumped.custom_imports.imports

    # The dumped config is the whole run: it does the same again, with every hook once.
    (folder / 'run' / 'mine.py').rename(folder / 'again.py')
    again, repeated = train((folder / 'again.py').read_text())
    assert {**again, 'config': None} == {**record, 'config': None}
    assert repeated.custom_hooks == dumped.custom_hooks
    assert list(repeated.model.backbones) == ['face', 'audio']


def test_recipes_are_started_by_their_name_in_the_package(folder):
    cfg = config_edits.load_config('mmda_ext::gmp_slowfast_epic.py')
    assert cfg.optim_wrapper.balancer.type == 'mmda_ext.GMP'
    assert Path(cfg.filename).name == 'gmp_slowfast_epic.py'
    for absent in ('mmda_ext::absent.py', 'nowhere::a/b.py'):
        with pytest.raises(FileNotFoundError, match=f'config {absent} does not exist'):
            config_edits.load_config(absent)


def test_types_of_a_user_with_another_default_scope_are_looked_up_there(folder):
    Path('mine.py').write_text("_base_ = ['mmda_ext::gmp_slowfast_epic.py']\ndefault_scope = 'mine'")
    cfg = load_recipe('mine.py')
    assert cfg.model._scope_ == cfg.visualizer._scope_ == 'mmaction'
    assert '_scope_' not in cfg.train_dataloader.collate_fn
    assert '_scope_' not in cfg.train_dataloader.worker_init_fn


def test_functions_of_a_recipe_of_mmaction_have_no_scope(folder):
    Path('mine.py').write_text(
        "_base_ = ['mmaction::recognition/mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb.py']")
    cfg = Config.fromfile('mine.py')
    assert dict(cfg.train_dataloader.collate_fn) == dict(type='repeat_pseudo_collate')
    assert cfg.train_dataloader.dataset._scope_ == 'mmaction'


@REGISTRY.register_module(force=True)
class Strict(StopOnNonFiniteHook):
    """A user's own form of a hook of the protocol."""


def protocol_of(**changes):
    cfg = Config(dict(model=dict(type='mmda_ext.MultimodalRecognizer'), default_scope='mmaction', **changes))
    set_protocol(cfg)
    return cfg


def test_what_a_config_states_is_kept_and_not_doubled():
    own = [dict(type='mmda_ext.TestBestHook', priority=60), dict(type='mmda_ext.Strict'), dict(type='EMAHook')]
    cfg = protocol_of(custom_hooks=own, default_hooks=dict(timer=dict(type='IterTimerHook'), checkpoint=dict(
        type='CheckpointHook', save_best='source/acc/top1', max_keep_ckpts=5, _scope_='mmaction')),
        custom_imports=dict(imports='mine'), train_dataloader=dict(worker_init_fn=dict(type='mine')))
    assert [hook.type for hook in cfg.custom_hooks] == [
        'mmda_ext.CheckDataHook', 'mmda_ext.EpochSeedHook', 'mmda_ext.FittingCheckpointHook',
        *(hook['type'] for hook in own)]
    assert cfg.custom_hooks[3] == own[0]
    assert cfg.default_hooks.checkpoint == dict(
        type='mmda_ext.LastBestCheckpointHook', save_best='source/acc/top1', max_keep_ckpts=5)
    assert cfg.default_hooks.timer.type == 'IterTimerHook'
    assert cfg.custom_imports == dict(imports=['mmda_ext', 'mine'], allow_failed_imports=False)
    assert cfg.train_dataloader.worker_init_fn.type == 'mine'
    before = cfg.pretty_text
    set_protocol(cfg)
    assert cfg.pretty_text == before


@pytest.mark.parametrize(('stated', 'expected'), [
    ({}, dict(type='mmda_ext.LastBestCheckpointHook')),
    (dict(checkpoint=None), None),
    (dict(checkpoint=dict(type=CheckpointHook, save_best='auto')),
     dict(type='mmda_ext.LastBestCheckpointHook', save_best='acc/top1')),
    (dict(checkpoint=dict(type='CheckpointHook', save_best=None)),
     dict(type='mmda_ext.LastBestCheckpointHook', save_best=None)),
    (dict(checkpoint=dict(type='mmengine.CheckpointHook')), dict(type='mmengine.CheckpointHook')),
])
def test_the_checkpoint_hook_selects_on_source_validation_unless_another_is_named_in_full(stated, expected):
    assert protocol_of(default_hooks=stated).default_hooks.checkpoint == expected


@pytest.mark.parametrize('kind', ['Recognizer3D', 'mmaction.Recognizer2D', 'Absent', None])
def test_models_of_mmaction_train_as_mmaction_trains_them(kind):
    cfg = Config(dict(model=dict(type=kind), default_scope='mmaction'))
    before = cfg.pretty_text
    set_protocol(cfg)
    assert cfg.pretty_text == before
