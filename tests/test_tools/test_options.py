"""Which keys the command line may override: what has no effect is refused, what something reads is taken."""

import re

import pytest

from mmda_ext.apis.options import apply_options, unknown_keys
from tests.recipes import recipe
from tests.toy_run import toy_config


@pytest.fixture(scope='module')
def gmp():
    cfg = recipe('gmp')
    cfg.source_domains = tuple(cfg.recipe.sources)  # as in a config that states its own data
    cfg.custom_hooks = [dict(type='mmda_ext.AveragedTeacherHook')]
    return cfg


@pytest.mark.parametrize(('option', 'message'), [
    ('model.tipe', "`model` has no key 'tipe'.*did you mean model.type"),
    ('model.cls_head.num_clases', 'did you mean model.cls_head.num_classes'),
    ('optim_wraper.type', "the config has no key 'optim_wraper'.*did you mean optim_wrapper;"),
    ('optim_wrapper.optimizer.lrr', 'did you mean optim_wrapper.optimizer.lr'),
    ('optim_wrapper.optimizer.momentum', "has no key 'momentum'"),
    ('optim_wrapper.accumulative_count', 'did you mean optim_wrapper.accumulative_counts'),
    ('optim_wrapper.balancer.smoth', 'did you mean optim_wrapper.balancer.smooth'),
    ('optim_wrapper.clip_grad.max_nrm', 'did you mean optim_wrapper.clip_grad.max_norm'),
    ('train_dataloader.batchsize', 'did you mean train_dataloader.batch_size'),
    ('train_cfg.max_iters', "`train_cfg` has no key 'max_iters'.*did you mean train_cfg.max_epochs"),
    ('train_cfg.max_epochs.x', "`train_cfg.max_epochs` has no key 'x'"),
    ('custom_hooks.9.type', "`custom_hooks` has no key '9'"),
    ('lr', "the config has no key 'lr'.*did you mean optim_wrapper.optimizer.lr;"),
    ('qqq', "has no key 'qqq' and nothing is known to read one, so it would have no effect; if it is meant, give it by "
            '--new-options$'),
    ('source_domains', 'a variable of the config file, .*set train_dataloader.dataset.source_domains, '
                       'val_dataloader.dataset.source_domains, test_dataloader.dataset.source_domains, or'),
])
def test_keys_without_effect_are_refused(gmp, option, message):
    sentences = list(unknown_keys(gmp, {option: 1}))
    assert len(sentences) == 1
    assert re.search(message, sentences[0]), sentences[0]
    with pytest.raises(ValueError, match=re.escape(sentences[0])):
        apply_options(gmp, {option: 1})


@pytest.mark.parametrize('option', [
    'model.type', 'model.joint_forward', 'model.init_cfg', 'model.fusion.dropout', 'custom_hooks.0.type',
    'custom_hooks.0.priority', 'auto_scale_lr.enable', 'work_dir', 'sync_bn', 'find_unused_parameters', 'load_from',
    'optim_wrapper.accumulative_counts', 'optim_wrapper.clip_grad.max_norm', 'optim_wrapper.optimizer.betas',
    'optim_wrapper.constructor', 'optim_wrapper.dtype', 'optim_wrapper.paramwise_cfg.bias_lr_mult',
    'optim_wrapper.balancer.smooth',
    'train_dataloader.pin_memory', 'train_dataloader.num_batch_per_epoch', 'train_dataloader.dataset.missing',
    'train_dataloader.dataset.lazy_init', 'train_dataloader.dataset._delete_', 'train_cfg.dynamic_intervals',
    'default_hooks.checkpoint.oracle', 'default_hooks.checkpoint.save_last', 'model_wrapper_cfg.broadcast_buffers',
    'env_cfg.dist_cfg.backend', 'randomness.seed', 'val_evaluator.topk', 'param_scheduler.type'])
def test_keys_that_something_reads_are_taken(gmp, option):
    assert not list(unknown_keys(gmp, {option: 1}))


def test_a_new_type_brings_its_own_keys(gmp):
    assert not list(unknown_keys(gmp, {'optim_wrapper.optimizer.type': 'SGD', 'optim_wrapper.optimizer.momentum': .9}))


def test_a_hook_is_added_under_a_name_of_its_own(gmp):
    stopping = {'default_hooks.stop.type': 'EarlyStoppingHook', 'default_hooks.stop.monitor': 'acc/top1'}
    assert not list(unknown_keys(gmp, stopping))
    assert len(list(unknown_keys(gmp, {**stopping, 'default_hooks.stop.qqq': 1}))) == 1
    for wrong in ('EarlyStopingHook', 'SGD'):
        assert len(list(unknown_keys(gmp, {**stopping, 'default_hooks.stop.type': wrong}))) == 2
    assert len(list(unknown_keys(gmp, {**stopping, 'default_hooks.checkpoints.interval': 2}))) == 1


def test_a_config_without_types_takes_what_its_defaults_take(tmp_path):
    cfg = toy_config(tmp_path)
    assert not list(unknown_keys(cfg, {'train_cfg.val_begin': 1, 'val_cfg.fp16': True, 'auto_scale_lr.enable': True}))
    assert list(unknown_keys(cfg, {'train_cfg.val_beginn': 1}))


def test_new_keys_come_by_a_flag_of_their_own(gmp):
    cfg = gmp.copy()
    apply_options(cfg, {'train_dataloader.batch_size': 3}, {'qqq.inner': 2})
    assert (cfg.train_dataloader.batch_size, cfg.qqq) == (3, {'inner': 2})


def test_only_places_that_are_read_are_named(tmp_path):
    """A part that other parts of the file were made of is no place to set."""
    cfg = toy_config(tmp_path, part={'size': 3})
    sentence, = unknown_keys(cfg, {'size': 1})
    assert 'did you mean train_dataloader.dataset.size or val_dataloader.dataset.size or test_datal' in sentence
    assert 'part.size' not in sentence
