"""LFM's learnt weight: the slope against finite differences, the step, whole runs, resume, two processes."""

import copy

import pytest
import torch

from mmda_ext.engine.hooks.learned_share_hook import share_slope
from mmda_ext.models.objectives import ModalityGap
from tests.test_engine.feature_run import checkpoint, feature_config, run, write_features
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.tiny import batch_of, model_of
from tests.two_processes import run_in_two_processes

KEY = 'objectives.0.learned'


def model_and_batches(loss_weight=1., share=.6):
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=0.)
    model = model_of(cls_head=head, predictor='modalities',
                     objectives=[dict(type='mmda_ext.ModalityGap', share='learned', loss_weight=loss_weight)]).double()
    model.objectives[0].learned.fill_(share)
    batches = {}
    for seed, name in enumerate(('train', 'val')):
        torch.manual_seed(seed)
        data = model.data_preprocessor(batch_of(), False)
        inputs = {key: (value + torch.randn_like(value)).double() for key, value in data['inputs'].items()}
        batches[name] = inputs, torch.tensor([0, 1, 2, 1, -1, 2][:len(data['data_samples'])])
    return model, batches


def validation_after_a_step(model, batches, share, rate):
    """In the words of the page: a copy takes one plain step, then the first loss is read on the other batch."""
    own = copy.deepcopy(model).eval()
    objective, weights = own.objectives[0], [value for value in own.parameters() if value.requires_grad]

    def losses(name):
        features = own.extract_feat(batches[name][0], len(batches[name][1]))
        return objective.parts({key: head(features[key]) for key, head in own.modality_heads.items()}, batches[name][1])

    one, two = losses('train')
    gradients = torch.autograd.grad(2 * objective.loss_weight * (share * one + (1 - share) * two), weights,
                                    allow_unused=True)
    with torch.no_grad():
        for value, gradient in zip(weights, gradients):
            value -= rate * gradient if gradient is not None else 0
    return 2 * objective.loss_weight * losses('val')[0].item()


@pytest.mark.parametrize(('loss_weight', 'share', 'rate'), [(1., .6, .05), (.5, .3, .2)])
def test_the_slope_is_that_of_finite_differences(loss_weight, share, rate):
    model, batches = model_and_batches(loss_weight, share)
    before = copy.deepcopy(model.state_dict())
    slope = share_slope(model, model.objectives[0], batches, rate)
    above, below = (validation_after_a_step(model, batches, share + step, rate) for step in (1e-5, -1e-5))
    assert abs(above - below) > 1e-8
    assert float(slope) == pytest.approx((above - below) / 2e-5, rel=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()), 'nothing has moved'
    assert model.training
    assert all(value.grad is None for value in model.parameters())


def test_weights_come_back_after_an_error():
    model, batches = model_and_batches()
    before = copy.deepcopy(model.state_dict())
    del batches['val']
    with pytest.raises(KeyError):
        share_slope(model, model.objectives[0], batches, .1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_share_is_that_of_the_buffer():
    model, _ = model_and_batches(share=.25)
    objective = model.objectives[0].float()
    assert float(objective.current_share()) == .25
    assert 'learned' not in ModalityGap(dict(in_channels=dict(a=2, b=2))).state_dict()
    fresh = ModalityGap(dict(in_channels=dict(a=2, b=2)), share='learned')
    assert float(fresh.learned) == pytest.approx(.95)


def config(folder, work_dir, epochs=3, **options):
    cfg = feature_config('lfm-learned', folder, work_dir, epochs)
    cfg.custom_hooks[-1].update(options)
    return cfg


def test_the_share_moves_down_its_slope(tmp_path):
    write_features(tmp_path / 'features.npz')
    runner = run(config(tmp_path, tmp_path / 'run', epochs=1, rate=3., bounds=(0., 1.)))
    slope = runner.message_hub.get_scalar('train/share_slope').current()
    assert slope != 0
    assert float(runner.model.objectives[0].learned) == pytest.approx(.95 - 3 * slope, abs=1e-6)


def test_batches_are_drawn_anew_for_each_epoch(tmp_path, monkeypatch):
    write_features(tmp_path / 'features.npz')
    seen = []

    def record(model, objective, batches, rate):
        seen.append({name: inputs['face'].clone() for name, (inputs, _) in batches.items()})
        return torch.zeros(())

    monkeypatch.setattr('mmda_ext.engine.hooks.learned_share_hook.share_slope', record)
    cfg = config(tmp_path, tmp_path / 'run', epochs=2)
    cfg.val_dataloader.batch_size = 5
    run(cfg)
    assert all(not torch.equal(seen[0][name], seen[1][name]) for name in ('train', 'val'))


@pytest.mark.parametrize('rate', [1e9])
def test_bounds_hold(tmp_path, rate):
    write_features(tmp_path / 'features.npz')
    runner = run(config(tmp_path, tmp_path / 'run', epochs=2, rate=rate))
    assert float(runner.model.objectives[0].learned) in (pytest.approx(.05), pytest.approx(.95))


def test_resumed_run_equals_uninterrupted(tmp_path):
    write_features(tmp_path / 'features.npz')
    whole, cut, free = tmp_path / 'whole', tmp_path / 'cut', dict(rate=.3, bounds=(0., 1.))
    run(config(tmp_path, whole, **free))
    cfg = config(tmp_path, cut, **free)
    cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', where='training', epoch=2))
    with pytest.raises(Killed):
        run(cfg)
    cfg = config(tmp_path, cut, **free)
    cfg.resume = True
    run(cfg)
    one, other = (checkpoint(folder, 'epoch_3.pth')['state_dict'] for folder in (whole, cut))
    assert float(one[KEY]) not in (0, 1, pytest.approx(.95)), 'it has moved and is free'
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(('options', 'message'), [
    (dict(rate=0), 'rate=0 must be a number > 0'),
    (dict(bounds=(.9, .1)), 'must be the least and the largest share'),
    (dict(bounds=(.9, )), 'must be the least and the largest share')])
def test_bad_options(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(config(tmp_path, tmp_path / 'run', **options))


def test_without_its_objective_it_is_refused(tmp_path):
    cfg = config(tmp_path, tmp_path / 'run')
    cfg.model.objectives[0].share = .5
    with pytest.raises(ValueError, match='LearnedShareHook has nothing to learn: add'):
        run(cfg)


def slopes_of_halves(rank, folder):
    model, batches = model_and_batches()
    half = {name: ({key: value.unflatten(0, (len(labels), -1))[2 * rank:2 * rank + 2].flatten(0, 1)
                    for key, value in inputs.items()}, labels[:4][2 * rank:2 * rank + 2])
            for name, (inputs, labels) in batches.items()}
    torch.save(share_slope(model, model.objectives[0], half, .05), f'{folder}/{rank}.pt')


def test_two_processes_have_the_slope_of_both_halves(tmp_path):
    model, batches = model_and_batches()
    batches = {name: ({key: value.unflatten(0, (len(labels), -1))[:4].flatten(0, 1) for key, value in inputs.items()},
                      labels[:4]) for name, (inputs, labels) in batches.items()}
    run_in_two_processes(slopes_of_halves, str(tmp_path))
    expected = share_slope(model, model.objectives[0], batches, .05)
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pt'), expected)
