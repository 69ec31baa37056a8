"""A resumed run keeps to its own folder: it deletes nothing of the run that it came from, and names what it has."""

import hashlib
import shutil

import pytest
import torch

from mmda_ext import compat
from tests.test_engine.test_hooks import files, result, run, with_hook
from tests.toy_run import toy_config


def scored(work_dir, scores, **changes):
    """Run of three epochs with the given validation scores."""
    cfg = toy_config(work_dir, epochs=len(scores), **changes)
    return with_hook(cfg, type='mmda_ext.ScriptedScores', scores=scores)


def content(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob('*') if path.is_file()}


@pytest.fixture(scope='module')
def first(tmp_path_factory):
    """A finished run of one epoch, to be copied; nothing may change it."""
    folder = tmp_path_factory.mktemp('runs') / 'first'
    run(scored(folder, [50.]))
    before = content(folder)
    yield folder
    assert content(folder) == before


@pytest.mark.parametrize(('second', 'best'), [(60., 2), (40., 1)])
def test_resumed_elsewhere(tmp_path, first, second, best):
    cfg = scored(tmp_path, [50., second], resume=True, load_from=str(first / 'epoch_1.pth'))
    run(cfg)
    record = result(tmp_path)
    assert (record['epoch'], record['checkpoint']) == (best, f'best_acc_top1_epoch_{best}.pth')
    assert files(tmp_path) == [f'best_acc_top1_epoch_{best}.pth', 'epoch_1.pth', 'epoch_2.pth']
    assert record['test']


@pytest.mark.parametrize('second', [60., 40.])
def test_a_copied_folder_is_resumed(tmp_path, first, second):
    copy = tmp_path / 'copy'
    shutil.copytree(first, copy)
    run(scored(copy, [50., second], resume=True, load_from=str(copy / 'epoch_1.pth')))
    assert result(copy)['checkpoint'] in files(copy)
    assert (copy / 'result.previous.json').is_file()


def test_a_finished_run_continued_elsewhere_is_tested_there(tmp_path, first):
    run(scored(tmp_path, [50.], resume=True, load_from=str(first / 'epoch_1.pth')))
    assert result(tmp_path) == result(first)
    assert files(tmp_path) == files(first)


def test_without_validation_the_named_checkpoint_lies_beside_the_result(tmp_path, first):
    off = {'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None}
    one = tmp_path / 'one'
    run(toy_config(one, epochs=1, **off))
    (one / 'epoch_1.pth').rename(one / 'start.pth')
    two = tmp_path / 'two'
    run(toy_config(two, epochs=1, resume=True, load_from=str(one / 'start.pth'), **off))
    assert result(two)['checkpoint'] == 'epoch_1.pth'
    assert files(two) == ['epoch_1.pth']


def test_the_hook_of_mmengine_keeps_to_its_folder_too(tmp_path, first):
    """It has no rule of ours, so the paths that it reads from the checkpoint must be right."""
    compat.keep_checkpoints_at_home()
    cfg = scored(tmp_path, [50., 60.], resume=True, load_from=str(first / 'epoch_1.pth'))
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', save_best='acc/top1', rule='greater', max_keep_ckpts=1)
    run(cfg)
    assert files(tmp_path) == ['best_acc_top1_epoch_2.pth', 'epoch_2.pth']


@pytest.mark.parametrize('occupant', ['epoch_7.pth', 'result.json'])
def test_a_third_run_is_not_overwritten(tmp_path, first, occupant):
    (tmp_path / occupant).write_text('of another run')
    with pytest.raises(FileExistsError, match=rf'--resume from {first}: {tmp_path} holds another run .{occupant}.'):
        run(scored(tmp_path, [50., 60.], resume=True, load_from=str(first / 'epoch_1.pth')))
    assert (tmp_path / occupant).read_text() == 'of another run'


def test_going_back_restores_the_best_of_that_time(tmp_path, first):
    """Epoch 2 was better and replaced the best of epoch 1; the second time it is worse."""
    copy = tmp_path / 'copy'
    shutil.copytree(first, copy)
    expected = compat.load_from_local(copy / 'best_acc_top1_epoch_1.pth')['state_dict']
    run(scored(copy, [50., 60.], resume=True, load_from=str(copy / 'epoch_1.pth')))
    assert not (copy / 'best_acc_top1_epoch_1.pth').exists()
    run(scored(copy, [50., 40.], resume=True, load_from=str(copy / 'epoch_1.pth')))
    assert (result(copy)['epoch'], result(copy)['checkpoint']) == (1, 'best_acc_top1_epoch_1.pth')
    actual = compat.load_from_local(copy / 'best_acc_top1_epoch_1.pth')['state_dict']
    assert all(torch.equal(actual[key], expected[key]) for key in expected)


def test_a_best_checkpoint_that_is_gone_is_an_error_only_if_it_is_needed(tmp_path, first):
    copy = tmp_path / 'copy'
    shutil.copytree(first, copy)
    run(scored(copy, [50., 40.], resume=True, load_from=str(copy / 'epoch_1.pth')))
    (copy / 'best_acc_top1_epoch_1.pth').unlink()
    with pytest.raises(FileNotFoundError, match='best_acc_top1_epoch_1.pth, the best .* does not exist any more'):
        run(scored(copy, [50., 40., 40.], resume=True, load_from=str(copy / 'epoch_2.pth')))
    assert not (copy / 'result.json').exists()
    run(scored(copy, [50., 40., 40., 70.], resume=True, load_from=str(copy / 'epoch_3.pth')))
    assert result(copy)['epoch'] == 4


def test_checkpoints_are_not_parted_from_the_result(tmp_path):
    cfg = toy_config(tmp_path)
    cfg.default_hooks.checkpoint.out_dir = str(tmp_path / 'elsewhere')
    with pytest.raises(ValueError, match='out_dir=.*elsewhere.*leave it out, and set `work_dir`'):
        run(cfg)
