"""A resumed run follows the rates, the schedule and the length of its config, not those of the checkpoint."""

import logging
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import LinearLR, OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmda_ext.compat import allow_mmengine_checkpoints, checkpoint_globals
from mmda_ext.engine.resuming import adopt_present_conditions
from tests.toy_run import toy_config

LINEAR = dict(type='LinearLR', start_factor=1., end_factor=0., convert_to_iter_based=True)
COSINE = dict(type='CosineAnnealingLR', eta_min=0.)
STEPS = dict(type='MultiStepLR', milestones=[1, 3], gamma=0.5)
WARM = dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=7)

#: Nothing but steps and checkpoints.
QUICK = {'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None, 'test_cfg': None, 'test_dataloader': None,
         'test_evaluator': None, 'custom_hooks': [dict(type='mmda_ext.FittingCheckpointHook')],
         'default_hooks.checkpoint.max_keep_ckpts': -1}


class Rates(Hook):
    """Keeps what each step was made with."""

    priority = 'VERY_LOW'

    def before_train(self, runner):
        self.rates, self.options, self.iters = [], {}, (runner.iter, runner.max_iters)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        group = runner.optim_wrapper.param_groups[0]
        self.rates.append(group['lr'])
        self.options = {key: value for key, value in group.items() if key != 'params'}


@pytest.fixture
def train(tmp_path):
    """Trains with changes of the toy config, and returns the rates of all steps."""
    allow_mmengine_checkpoints()

    def run(name='run', after=None, **changes):
        cfg = toy_config(tmp_path / name, **{**QUICK, **changes})
        if after is not None:
            cfg.merge_from_dict({'resume': True, 'load_from': str(tmp_path / 'run' / f'epoch_{after}.pth')})
        runner, hook = Runner.from_cfg(cfg), Rates()
        runner.register_hook(hook)
        runner.train()
        return hook

    run.folder = tmp_path
    return run


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith('--resume')]


@pytest.fixture
def log(caplog):
    """MMEngine's loggers do not hand on; this one does while a test lasts."""
    from mmengine.logging import MMLogger
    original, MMLogger.callHandlers = MMLogger.callHandlers, lambda self, record: (
        caplog.handler.handle(record) if record.levelno >= logging.WARNING else None)
    yield lambda: said(caplog)
    MMLogger.callHandlers = original


def batch(size):
    return {'train_dataloader.batch_size': size}


@pytest.mark.parametrize('schedule', [[LINEAR], [WARM, STEPS, COSINE], None], ids=['linear', 'chain', 'constant'])
def test_another_number_of_iterations_follows_the_schedule_of_a_whole_run(train, log, schedule):
    """Of 24 samples, batches of 5 are 5 iterations and batches of 12 are 2."""
    train(epochs=4, param_scheduler=schedule)
    whole = train('whole', epochs=4, param_scheduler=schedule, **batch(12))
    assert not log()
    resumed = train(after=2, epochs=4, param_scheduler=schedule, **batch(12))
    assert resumed.rates == whole.rates[4:]
    assert resumed.iters == (4, 8)
    first, *rest = log()
    assert first == ('--resume: an epoch has 2 iterations now, so that the 2 epochs done count as 4 iterations instead '
                     'of 10')
    assert not [line for line in rest if not line.startswith('--resume: lr goes on at ')]
    if schedule == [LINEAR]:
        assert resumed.rates[-1] < 0.01 / 7


@pytest.mark.parametrize('schedule', [[LINEAR], [WARM, COSINE]], ids=['linear', 'warm+cosine'])
def test_longer_training_goes_on_as_the_longer_schedule_would(train, log, schedule):
    train(epochs=2, param_scheduler=schedule)
    whole = train('whole', epochs=4, param_scheduler=schedule)
    resumed = train(after=2, epochs=4, param_scheduler=schedule)
    assert resumed.rates == whole.rates[10:]
    assert len(set(resumed.rates)) > 1
    assert log()[0] == '--resume: the schedule is not that of the checkpoint: that of the present config holds'
    if schedule == [LINEAR]:
        assert re.match('--resume: lr goes on at .*, as the present config has it after 2 epochs, and not', log()[1])


def test_other_rates_and_options_are_those_of_the_config(train, log):
    train(epochs=2, param_scheduler=[LINEAR])
    changes = {'optim_wrapper.optimizer.lr': 0.1, 'optim_wrapper.optimizer.weight_decay': 0.5}
    whole = train('whole', epochs=2, param_scheduler=[LINEAR], **changes)
    resumed = train(after=1, epochs=2, param_scheduler=[LINEAR], **changes)
    assert resumed.rates == whole.rates[5:]
    assert (resumed.options['weight_decay'], resumed.options['initial_lr']) == (0.5, 0.1)
    assert '--resume: weight_decay goes on at 0.5, as the present config has it after 1 epochs, and not at 0 as in ' \
           'the checkpoint' in log()
    constant = train(after=1, epochs=2, param_scheduler=None, **changes)
    assert constant.rates == [0.1] * 5


def test_nothing_is_said_where_nothing_changed(train, log):
    whole = train(epochs=3, param_scheduler=[WARM, COSINE])
    resumed = train(after=1, epochs=3, param_scheduler=[WARM, COSINE])
    assert resumed.rates == whole.rates[5:]
    assert not log()


def edit(path, change):
    with torch.serialization.safe_globals(checkpoint_globals()):
        checkpoint = torch.load(path)
    change(checkpoint)
    torch.save(checkpoint, path)


def test_rates_that_nothing_changed_stay_those_of_the_checkpoint(train):
    """A rate that something else than a schedule moved is not set back by it."""
    train(epochs=2, param_scheduler=[COSINE])
    edit(train.folder / 'run' / 'epoch_1.pth', lambda x: x['optimizer']['param_groups'][0].update(lr=0.125))
    assert train(after=1, epochs=2, param_scheduler=[COSINE]).rates[0] == 0.125


def test_another_number_of_processes_is_said(train, log):
    train(epochs=2)
    edit(train.folder / 'run' / 'epoch_1.pth', lambda x: x['meta'].update(processes=x['meta']['processes'] + 2))
    train(after=1, epochs=2)
    assert log() == ['--resume: 1 processes train, 3 did: the present number holds']


def test_what_cannot_be_continued_is_refused(train, tmp_path):
    train(epochs=2, param_scheduler=[COSINE])
    refused = {
        'epoch_2.pth was written after 2 epochs, but train_cfg.max_epochs=1': dict(epochs=1),
        r"another optimizer: it has the options .*betas.*, that of the config .*dampening":
            {'optim_wrapper.optimizer': dict(type='SGD', lr=.1, _delete_=True)},
        r'1 groups of parameters with 2 tensors, the one of the config 3':
            {'optim_wrapper.paramwise_cfg': dict(bias_lr_mult=2.)},
        'one that waits for metrics cannot be continued as another': dict(
            param_scheduler=[dict(type='ReduceOnPlateauLR', monitor='acc/top1')])}
    for message, changes in refused.items():
        with pytest.raises(ValueError, match=message):
            train(after=2, **{'epochs': 4, 'param_scheduler': [COSINE], **changes})
    edit(tmp_path / 'run' / 'epoch_2.pth', lambda x: x.pop('optimizer'))
    with pytest.raises(ValueError, match='epoch_2.pth holds weights without the state of an optimizer'):
        train(after=2, epochs=4)


def test_no_entry_of_a_checkpoint_is_run_as_code(train, tmp_path):
    train(epochs=2)
    code = f'open({str(tmp_path / "ran")!r}, "w")\nx = 1'
    edit(tmp_path / 'run' / 'epoch_1.pth', lambda x: x['meta'].update(config=code))
    train(after=1, epochs=2)
    assert not (tmp_path / 'ran').exists()


def test_each_of_several_optimizers_has_its_own_schedule():
    """States and schedules by name, as MMEngine keeps them."""
    def parts(length):
        optimizers = {name: torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
                      for name, lr in (('a', 1.), ('b', 8.))}
        wrapper = OptimWrapperDict(**{name: OptimWrapper(value) for name, value in optimizers.items()})
        schedulers = {name: [LinearLR(part, start_factor=1., end_factor=0., by_epoch=False, end=4 * length)]
                      for name, part in wrapper.items()}
        loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
        return SimpleNamespace(optim_wrapper=wrapper, param_schedulers=schedulers, train_loop=loop, max_epochs=4,
                               train_dataloader=range(length), _load_from='x.pth')

    old, new = parts(10), parts(5)
    checkpoint = {
        'meta': {'epoch': 2, 'iter': 20}, 'optimizer': old.optim_wrapper.state_dict(),
        'param_schedulers': {name: [part.state_dict() for part in parts] for name, parts in
                             old.param_schedulers.items()}}
    assert adopt_present_conditions(new, checkpoint)[0].startswith('an epoch has 5 iterations now')
    rates = {name: state['param_groups'][0]['lr'] for name, state in checkpoint['optimizer'].items()}
    assert rates == pytest.approx({'a': 1 - 10 / 19, 'b': 8 * (1 - 10 / 19)})
    assert checkpoint['param_schedulers']['b'][0]['_global_step'] == 10
