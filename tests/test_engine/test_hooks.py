"""Hooks, each in a real run of a toy model."""

import json
import random

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext import compat
from mmda_ext.engine.hooks import NonFiniteLossError
from mmda_ext.engine.hooks.records import write_json
from mmda_ext.engine.hooks.stop_on_non_finite_hook import _cause, non_finite_inputs, non_finite_outputs
from mmda_ext.engine.random_state import epoch_seed
from mmda_ext.registry import DATASETS, HOOKS
from tests.tiny import batch_of, model_of, wrapper_of
from tests.toy_run import ToyDataset, toy_config
from tests.two_processes import run_in_two_processes


class Killed(Exception):
    pass


@HOOKS.register_module(force=True)
class KillHook(Hook):
    """Ends the run abruptly at one point of its life."""

    priority = 'VERY_HIGH'

    def __init__(self, where, epoch):
        self.where, self.epoch = where, epoch

    def before_val_epoch(self, runner):
        if self.where == 'validation' and runner.epoch == self.epoch:
            raise Killed

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self.where == 'training' and runner.epoch == self.epoch and batch_idx == 2:
            raise Killed


@HOOKS.register_module(force=True)
class ScriptedScores(Hook):
    """Replaces the validation score by a list of numbers, one for each epoch."""

    priority = 'VERY_HIGH'

    def __init__(self, scores):
        self.scores = scores

    def after_val_epoch(self, runner, metrics=None):
        metrics['acc/top1'] = self.scores[runner.epoch - 1]


def run(cfg):
    compat.allow_mmengine_checkpoints()
    cfg.experiment_name = f'run{random.SystemRandom().random()}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def with_hook(cfg, **hook):
    cfg.custom_hooks = [*cfg.custom_hooks, hook]
    return cfg


def result(work_dir):
    return json.loads((work_dir / 'result.json').read_text())


def weights(work_dir, name):
    return compat.load_from_local(work_dir / name)['state_dict']


def files(work_dir):
    return sorted(path.name for path in work_dir.glob('*.pth*'))


@pytest.mark.parametrize('where', ['training', 'validation'])
@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_run_equals_uninterrupted_bit_for_bit(tmp_path, where, workers):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    run(toy_config(whole, epochs=3, workers=workers))
    with pytest.raises(Killed):
        run(with_hook(toy_config(parts, epochs=3, workers=workers), type='mmda_ext.KillHook', where=where, epoch=2))
    assert not (parts / 'result.json').exists()
    run(toy_config(parts, epochs=3, workers=workers, resume=True))
    assert files(whole) == files(parts)
    for name in files(whole):
        expected, actual = weights(whole, name), weights(parts, name)
        assert all(torch.equal(expected[key], actual[key]) for key in expected), name
    assert result(whole) == result(parts)


def test_without_the_seed_hook_a_resumed_run_differs(tmp_path):
    # Guards the test above: if this one fails, the toy run no longer draws random numbers.
    def config(folder, **changes):
        cfg = toy_config(tmp_path / folder, epochs=2, **changes)
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook['type'] != 'mmda_ext.EpochSeedHook']
        return cfg

    run(config('whole'))
    with pytest.raises(Killed):
        run(with_hook(config('parts'), type='mmda_ext.KillHook', where='training', epoch=1))
    run(config('parts', resume=True))
    key = 'linear.weight'
    whole, parts = (weights(tmp_path / folder, 'epoch_2.pth')[key] for folder in ('whole', 'parts'))
    assert not torch.equal(whole, parts)


def test_epoch_seed_separates_epochs_ranks_and_seeds():
    seeds = {epoch_seed(seed, epoch, rank) for seed in range(5) for epoch in range(20) for rank in range(8)}
    assert len(seeds) == 5 * 20 * 8


def test_persistent_workers_are_warned_about(tmp_path, capsys):
    cfg = toy_config(tmp_path, epochs=1, workers=1)
    cfg.train_dataloader.persistent_workers = True
    run(cfg)
    assert 'persistent_workers=True' in capsys.readouterr().err + (next(tmp_path.glob('*/*.log'))).read_text()


@pytest.mark.parametrize(('scores', 'best'), [([1., 3., 2.], 2), ([2., 2., 1.], 2), ([3., 2., 3.], 3)])
def test_best_is_the_later_of_equals(tmp_path, scores, best):
    run(with_hook(toy_config(tmp_path), type='mmda_ext.ScriptedScores', scores=scores))
    assert files(tmp_path) == [f'best_acc_top1_epoch_{best}.pth', 'epoch_2.pth', 'epoch_3.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_3.pth')
    record = result(tmp_path)
    assert (record['epoch'], record['val']['acc/top1']) == (best, max(scores))
    assert record['checkpoint'] == f'best_acc_top1_epoch_{best}.pth'
    assert record['selected_by'] == 'acc/top1'
    assert record['seed'] == 0
    assert record['config'] == 'default_runtime.py'
    assert set(record['test']) >= {'acc/top1', 'T/acc/top1'}
    assert (record['test_set']['all']['samples'], record['test_set']['all']['domains']) == (24, dict(T=24))
    assert record['val_set']['all']['domains'] == dict(A=12, B=12)
    assert 'held_out' not in record['test_set']


def test_result_is_the_test_of_the_best_weights(tmp_path):
    # The last epoch moves the weights far away, so testing the wrong ones gives another number.
    cfg = toy_config(tmp_path, epochs=2, **{'optim_wrapper.optimizer.lr': 3.0})
    run(with_hook(cfg, type='mmda_ext.ScriptedScores', scores=[5., 1.]))
    tested = result(tmp_path)['test']
    compat.allow_mmengine_checkpoints()
    cfg = toy_config(tmp_path / 'again', load_from=str(tmp_path / 'best_acc_top1_epoch_1.pth'))
    assert Runner.from_cfg(cfg).test() == tested


def test_target_is_tested_once(tmp_path):
    calls = []

    @HOOKS.register_module(force=True)
    class CountTests(Hook):

        def before_test(self, runner):
            calls.append(runner.epoch)

    run(with_hook(toy_config(tmp_path), type='mmda_ext.CountTests'))
    assert calls == [3]
    run(with_hook(toy_config(tmp_path, resume=True), type='mmda_ext.CountTests'))
    assert calls == [3]


def test_new_run_moves_an_old_result_away(tmp_path):
    write_json(tmp_path / 'result.json', {'old': True})
    with pytest.raises(Killed):
        run(with_hook(toy_config(tmp_path), type='mmda_ext.KillHook', where='training', epoch=0))
    assert not (tmp_path / 'result.json').exists()
    assert json.loads((tmp_path / 'result.previous.json').read_text()) == {'old': True}


def test_the_test_is_built_before_training_and_draws_nothing(tmp_path):
    class Drawing:
        work_dir, iter, max_iters, asked = tmp_path, 1, 2, 0

        @property
        def test_loop(self):
            self.asked += 1
            return random.random(), np.random.rand(), torch.rand(1)

    runner = Drawing()
    states = [(random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())]
    HOOKS.build({'type': 'mmda_ext.TestBestHook'}).before_train(runner)
    states.append((random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()))
    assert runner.asked == 1
    assert states[0] == states[1]


def test_without_validation_the_last_weights_are_tested(tmp_path):
    run(toy_config(tmp_path, epochs=2, val_cfg=None, val_dataloader=None, val_evaluator=None))
    record = result(tmp_path)
    assert (record['selected_by'], record['epoch'], record['checkpoint']) == ('last', 2, 'epoch_2.pth')
    assert record['selection'] == 'last'
    assert files(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']


@pytest.mark.parametrize(('val', 'key', 'oracle', 'allowed'), [
    (('T', ), 'acc/top1', False, False),
    (('T', ), 'T/acc/top1', False, False),
    (('A', 'T'), 'acc/top1', False, False),
    (('A', 'T'), 'target/acc/top1', False, False),
    (('A', 'T'), 'T/acc/top1', True, True),
    (('A', 'T'), 'A/acc/top1', False, True),
    (('A', 'T'), 'source/acc/top1', False, True),
    (('A', 'B'), 'acc/top1', False, True),
])
def test_selection_on_the_target_needs_oracle(tmp_path, val, key, oracle, allowed):
    cfg = toy_config(tmp_path, epochs=1, val=val)
    cfg.default_hooks.checkpoint.update(save_best=key, oracle=oracle)
    if allowed:
        run(cfg)
        assert result(tmp_path)['selected_by'] == key
        assert result(tmp_path)['selection'] == ('target_oracle' if oracle else 'source_validation')
    else:
        with pytest.raises(ValueError, match='would select on target samples .domain T.*oracle=True'):
            run(cfg)


@pytest.mark.parametrize(('oracle', 'key', 'allowed'), [
    (False, 'acc/top1', False), (False, 'B/acc/top1', False), (False, 'A/acc/top1', True), (True, 'acc/top1', True)])
def test_a_config_that_would_select_on_the_target_is_refused_before_training(tmp_path, oracle, key, allowed):
    """Where data sets name their domains; training says which are sources, whatever validation calls its own."""
    epochs = []

    @DATASETS.register_module(force=True)
    class NamedToyDataset(ToyDataset):

        def __init__(self, source_domains, **options):
            super().__init__(**options)
            self.source_domains = source_domains

        def full_init(self):
            """Asked for by MMEngine's wrapper."""

    @HOOKS.register_module(force=True)
    class CountEpochs(Hook):

        def before_train_epoch(self, runner):
            epochs.append(runner.epoch)

    cfg = with_hook(toy_config(tmp_path, epochs=1), type='mmda_ext.CountEpochs')
    for loader, domains in ((cfg.train_dataloader, ('A', )), (cfg.val_dataloader, ('A', 'B'))):
        loader.dataset.update(type='mmda_ext.NamedToyDataset', domains=domains, source_domains=domains)
    cfg.val_dataloader.dataset = dict(type='RepeatDataset', times=1, dataset=cfg.val_dataloader.dataset)
    cfg.default_hooks.checkpoint.update(oracle=oracle, save_best=key)
    if allowed:
        run(cfg)
    else:
        with pytest.raises(ValueError, match='would select on target samples .domain B.*oracle=True'):
            run(cfg)
    assert bool(epochs) == allowed


def test_unknown_metric_is_named(tmp_path):
    cfg = toy_config(tmp_path, epochs=1)
    cfg.default_hooks.checkpoint.save_best = 'accuracy'
    with pytest.raises(ValueError, match="save_best='accuracy' is not a validation metric; choose one of .*acc/top1"):
        run(cfg)


@pytest.mark.parametrize('save_best', ['auto', ['a', 'b']])
def test_one_explicit_metric_is_asked_for(save_best):
    with pytest.raises(ValueError, match='must be one metric key'):
        HOOKS.build({'type': 'mmda_ext.LastBestCheckpointHook', 'save_best': save_best})


def test_failed_write_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    from mmengine.fileio import LocalBackend
    put = LocalBackend.put

    def cut_short(self, obj, filepath):
        if 'epoch_2' in str(filepath):
            put(self, bytes(obj)[:100], filepath)
            raise Killed
        put(self, obj, filepath)

    monkeypatch.setattr(LocalBackend, 'put', cut_short)
    cfg = toy_config(tmp_path, epochs=2)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    with pytest.raises(Killed):
        run(cfg)
    assert {'best_acc_top1_epoch_1.pth', 'epoch_1.pth'} <= set(files(tmp_path))
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    weights(tmp_path, 'epoch_1.pth')
    monkeypatch.undo()
    run(toy_config(tmp_path, epochs=2, resume=True))
    assert not list(tmp_path.glob('*.partial'))
    assert result(tmp_path)['test']


def test_intervals_and_number_of_kept_checkpoints(tmp_path):
    cfg = toy_config(tmp_path, epochs=5, **{'train_cfg.val_interval': 2})
    cfg.default_hooks.checkpoint.update(interval=2, max_keep_ckpts=-1, save_best=None)
    run(cfg)
    assert files(tmp_path) == ['epoch_2.pth', 'epoch_4.pth', 'epoch_5.pth']


def test_run_that_counts_iterations(tmp_path):
    cfg = toy_config(tmp_path, train_cfg={'_delete_': True, 'type': 'IterBasedTrainLoop', 'max_iters': 8,
                                          'val_interval': 4},
                     **{'train_dataloader.sampler.type': 'InfiniteSampler', 'log_processor.by_epoch': False})
    cfg.default_hooks.checkpoint.update(by_epoch=False, interval=4)
    run(cfg)
    assert {'iter_4.pth', 'iter_8.pth'} < set(files(tmp_path))
    assert result(tmp_path)['checkpoint'].startswith('best_acc_top1_iter_')


def test_non_finite_loss_stops_with_a_report(tmp_path):
    cfg = toy_config(tmp_path, **{'model.bad_iter': 7})
    message = r'loss_cls is nan in epoch 2, iteration 7: .*inputs are finite.*epoch_1\.pth'
    with pytest.raises(NonFiniteLossError, match=message):
        run(cfg)
    report = json.loads((tmp_path / 'non_finite_step.json').read_text())
    assert (report['epoch'], report['iter'], report['losses']['loss_cls']) == (2, 7, 'nan')
    assert report['non_finite_inputs'] == {}
    assert report['diagnostics']['lr'] == 0.01
    assert len(report['samples']) == 5
    assert all(sample.split('/')[0] in 'AB' for sample in report['samples'])
    assert 'epoch_1.pth' in files(tmp_path)
    assert 'epoch_2.pth' not in files(tmp_path)
    assert not any(torch.isnan(value).any() for value in weights(tmp_path, 'epoch_1.pth').values())


def test_the_input_that_is_not_finite_is_named(tmp_path, monkeypatch):
    read = ToyDataset.__getitem__

    def spoiled(self, index):
        item = read(self, index)
        if self.noisy and index == 5:
            item['inputs']['x'][2] = float('inf')
        return item

    monkeypatch.setattr(ToyDataset, '__getitem__', spoiled)
    with pytest.raises(NonFiniteLossError, match="input of modality 'x' holds NaN or infinity in sample B/5: repair"):
        run(toy_config(tmp_path))
    assert json.loads((tmp_path / 'non_finite_step.json').read_text())['non_finite_inputs'] == {'x': ['B/5']}


def test_the_sample_whose_outputs_are_not_finite_is_named():
    model, batch = model_of(dtype=torch.float32), batch_of(dtype=torch.float32)
    for index, sample in enumerate(batch['data_samples']):
        sample.set_metainfo(dict(sample_id=f'd/{index}'))
    batch['inputs'][4]['audio'][0] = 3e38
    wrapper = wrapper_of(model, 'OptimWrapper')
    for value in (3e38, 0.):
        batch['inputs'][4]['audio'][:] = value
        model.eval()
        model(**model.data_preprocessor(batch), mode='loss')
        assert non_finite_inputs(batch) == {}
        assert non_finite_outputs(model, batch) == (['d/4'] if value else [])
    model.finite_rows[:] = False
    assert non_finite_outputs(model, batch) == [], 'the weights, not a sample'
    assert non_finite_outputs(wrapper, batch) == []
    assert 'outputs of sample d/4 (1 in this batch) are not: look' in _cause({}, ['d/4'])


def test_inputs_are_looked_at_in_both_forms():
    bad, good = torch.tensor([1., float('nan')]), torch.ones(2)
    assert non_finite_inputs({'inputs': [{'x': good, 'y': bad}, {'x': good, 'y': bad}]}) == {'y': ['0', '1']}
    assert non_finite_inputs({'inputs': {'x': [good, bad]}}) == {'x': ['1']}
    assert non_finite_inputs(None) == {}


def test_console_line_is_compact_and_visualizers_get_all(tmp_path):

    @HOOKS.register_module(force=True)
    class Diagnose(Hook):
        priority = 'VERY_HIGH'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.message_hub.update_scalar('train/balance/first', 1.5)
            runner.message_hub.update_scalar('train/shown', 2.5)

    cfg = toy_config(tmp_path, epochs=1, visualizer={'_delete_': True, 'type': 'Visualizer', 'vis_backends': [
        {'type': 'LocalVisBackend'}]}, **{'default_hooks.logger.interval': 1, 'log_level': 'INFO'})
    run(with_hook(cfg, type='mmda_ext.Diagnose'))
    lines = [line for line in next(tmp_path.glob('*/*.log')).read_text().splitlines() if 'Epoch(train)' in line]
    assert lines
    assert all('shown: 2.5' in line and 'loss_cls: ' in line and 'balance/' not in line for line in lines)
    scalars = [json.loads(line) for line in next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()]
    assert scalars[0]['balance/first'] == 1.5


def _two_process_run(rank, folder):
    import tests.toy_run  # noqa: F401  (registers the toy model in this process)
    torch.set_num_threads(1)
    cfg = toy_config(folder, epochs=2, launcher='pytorch')
    compat.prepare_cpu_distributed(cfg)
    draws = []

    @HOOKS.register_module(force=True)
    class Draw(Hook):

        def before_train_epoch(self, runner):
            draws.append(np.random.rand())

    runner = run(with_hook(cfg, type='mmda_ext.Draw'))
    (folder / f'rank{rank}.json').write_text(json.dumps(
        {'draws': draws, 'weight': runner.model.module.linear.weight.tolist()}))


def test_two_processes(tmp_path):
    run_in_two_processes(_two_process_run, tmp_path)
    ranks = [json.loads((tmp_path / f'rank{rank}.json').read_text()) for rank in (0, 1)]
    assert ranks[0]['weight'] == ranks[1]['weight']
    assert len({*ranks[0]['draws'], *ranks[1]['draws']}) == 4
    assert set(result(tmp_path)['test']) >= {'acc/top1', 'T/acc/top1'}
    # 24 samples and not 26, which two samplers of batches of 5 would make of them.
    assert result(tmp_path)['test_set']['all']['samples'] == 24


@pytest.mark.parametrize('views', [0, 2])
def test_predictions_are_drawn(tmp_path, views):
    from mmaction.structures import ActionDataSample
    from mmaction.visualization import ActionVisualizer

    from mmda_ext.engine.hooks import MultimodalVisualizationHook
    samples = []
    for index in range(3):
        sample = ActionDataSample().set_gt_label(0).set_pred_score(torch.tensor([.2, .8]))
        samples.append(sample.new(metainfo={'sample_id': f'D1/{index}'}))
    shape = (views, 3, 2, 32, 32) if views else (3, 2, 32, 32)
    batch = {'inputs': {'video': [torch.zeros(shape, dtype=torch.uint8)] * 3}}

    class FakeRunner:
        visualizer = ActionVisualizer()
        epoch = 1

    FakeRunner.visualizer.dataset_meta = {'classes': ('cut', 'put')}
    hook = MultimodalVisualizationHook(enable=True, interval=2, out_dir=str(tmp_path))
    hook.after_test_iter(FakeRunner(), 0, batch, samples)
    drawn = sorted(path.name for path in tmp_path.rglob('*') if path.is_dir() and path.name.startswith('D1_'))
    assert drawn == ['D1_0_0', 'D1_2_0']
    assert len(list(tmp_path.glob('D1_0_0/*/*.png'))) == 2
    with pytest.raises(ValueError, match="modality='video' is not among the inputs"):
        hook.after_val_iter(FakeRunner(), 0, {'inputs': {'audio': []}}, samples)
