"""A checkpoint of another architecture stops a test and a resumed run; a new run may start from a part of one."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import Runner

from mmda_ext.compat import allow_mmengine_checkpoints, checkpoint_globals
from mmda_ext.engine.hooks import FittingCheckpointHook
from tests.tiny import model_of
from tests.toy_run import toy_config


@pytest.fixture
def run(tmp_path):
    allow_mmengine_checkpoints()

    def build(**changes):
        return Runner.from_cfg(toy_config(tmp_path, epochs=1, **changes))

    build().train()
    return build, tmp_path / 'epoch_1.pth'


def damage(path, change):
    with torch.serialization.safe_globals(checkpoint_globals()):
        checkpoint = torch.load(path)
    change(checkpoint['state_dict'])
    torch.save(checkpoint, path)


def drop(state):
    del state['linear.weight']


def reshape(state):
    state['linear.weight'] = torch.zeros(2, 2)


@pytest.mark.parametrize(('change', 'found'), [(drop, 'nothing'), (reshape, r'\(2, 2\)')])
def test_test_and_resume_need_a_fitting_checkpoint(run, change, found):
    build, path = run
    damage(path, change)
    message = f'epoch_1.pth.*another architecture.*1 of 2 tensors.*linear.weight.*{found}'
    with pytest.raises(ValueError, match=message):
        build(load_from=str(path)).test()
    with pytest.raises(ValueError, match='another architecture'):
        build(load_from=str(path), resume=True).train()


def test_new_run_may_fill_a_part(run):
    build, path = run
    damage(path, drop)
    runner = build(load_from=str(path))
    runner.train()
    assert runner.epoch == 1


def test_what_only_trains_is_not_needed_for_a_test(run):
    build, path = run
    damage(path, drop)
    hooks = [dict(type='mmda_ext.FittingCheckpointHook', training_only=('linear.weight', ))]
    assert build(load_from=str(path), custom_hooks=hooks).test()


def test_modalities_in_another_order_fit_by_shape_and_are_refused():
    trained, config = (model_of(order) for order in (('video', 'audio'), ('audio', 'video')))
    config.load_state_dict(trained.state_dict())
    hook = FittingCheckpointHook()
    runner = SimpleNamespace(_train_loop=None, model=trained, test_dataloader=SimpleNamespace(dataset=None))
    hook.after_load_checkpoint(runner, dict(state_dict=trained.state_dict()))
    with pytest.raises(ValueError, match=r"c.pth.*order \['video', 'audio'\], the config names \['audio', 'video'\]"):
        hook.after_load_checkpoint(SimpleNamespace(_train_loop=None, model=config, _load_from='c.pth'),
                                   dict(state_dict=trained.state_dict()))
