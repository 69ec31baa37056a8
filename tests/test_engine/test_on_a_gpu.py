"""On a CUDA device: what the CPU computes, mixed precision, what waits for the device, resumed runs."""

import copy
import json
import os
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn

from tests.conftest import ROOT
from tests.examples import FUSION_NAMES, OBJECTIVE_NAMES, balancer_example
from tests.recipes import recipe_file
from tests.test_compatibility import mixed_batch
from tests.test_compatibility import model_of as model_with
from tests.test_engine.feature_run import checkpoint, feature_config, run, write_features
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_mixed_precision import CASES
from tests.test_engine.test_resume import assert_same
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')]

ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))
BALANCED, AMP = 'mmda_ext.BalancedOptimWrapper', 'mmda_ext.AmpBalancedOptimWrapper'


def example(case):
    """Config of a balancer with the options of ``case``, and of the objectives that it reads."""
    if case['type'] == 'TorchJDWeighting':
        pytest.importorskip('torchjd')
    config, read = balancer_example(case['type'])
    return {**config, **case}, read


def still(model):
    """Without what draws random numbers in every step: each device draws others."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def double(batch):
    return dict(batch, inputs=[{name: value.double() for name, value in own.items()} for own in batch['inputs']])


def trained(model, device, batches, **options):
    """Parameters, buffers and losses after one step on each batch; whether the CPU drew random numbers."""
    model = copy.deepcopy(model).to(device)
    wrapper = wrapper_of(model, lr=.05, **options)
    losses, drew = [], False
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        before = torch.get_rng_state()
        losses.append(model.train_step(copy.deepcopy(batch), wrapper)['loss'].detach().double().cpu())
        drew |= not torch.equal(before, torch.get_rng_state())
    values = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    return dict(values, loss=torch.stack(losses)), drew


def assert_equal_on_both(model, batches, **options):
    """Random numbers of a device are its own: where a step draws any, it has to be finite."""
    expected, drew = trained(model, 'cpu', batches, **options)
    got, _ = trained(model, 'cuda', batches, **options)
    for name, value in expected.items():
        if drew:
            assert got[name].isfinite().all() or not value.isfinite().all(), name
        else:
            torch.testing.assert_close(got[name], value, rtol=1e-7, atol=1e-9, msg=lambda text, n=name: f'{n}: {text}')


@pytest.mark.parametrize('balancer', CASES, ids=str)
def test_a_step_of_every_balancer_is_that_of_the_cpu(balancer):
    config, read = example(balancer)
    draws = config['type'] == 'OGM' and config.get('ge')
    model = still(model_of(objectives=[ADVERSARY, *read], cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3)))
    batches = [batch_of(seed=seed) for seed in range(3)]
    if draws:
        got, _ = trained(model, 'cuda', batches, balancer=config)
        assert all(value.isfinite().all() for value in got.values())
    else:
        assert_equal_on_both(model, batches, balancer=config)


@pytest.mark.parametrize('objective', OBJECTIVE_NAMES)
def test_a_step_of_every_objective_is_that_of_the_cpu(objective):
    model = still(model_with(objective, 'ConcatFusion', 'stock')).double()
    assert_equal_on_both(model, [double(mixed_batch(step)) for step in range(2)], kind='OptimWrapper')


@pytest.mark.parametrize('fusion', FUSION_NAMES)
def test_a_step_of_every_fusion_is_that_of_the_cpu(fusion):
    model = still(model_with('CorrelationAlignment', fusion, 'stock')).double()
    assert_equal_on_both(model, [double(mixed_batch(step)) for step in range(2)],
                         balancer=dict(type='mmda_ext.MGDA', task_prefix=''))


@pytest.mark.parametrize('options', [
    dict(kind='mmda_ext.SAMOptimWrapper', rho=.5),
    dict(kind='mmda_ext.SAMBalancedOptimWrapper', rho=.5, balancer=dict(type='mmda_ext.GMP')),
    dict(kind=BALANCED, accumulative_counts=2, balancer=dict(type='mmda_ext.GMP')),
    dict(kind=BALANCED, clip_grad=dict(max_norm=.1), balancer=dict(type='mmda_ext.GMP')),
], ids=['sam', 'sam-gmp', 'accumulated', 'clipped'])
def test_a_step_of_every_wrapper_is_that_of_the_cpu(options):
    assert_equal_on_both(still(model_of()), [batch_of(seed=seed) for seed in range(4)], **options)


def test_the_second_pass_of_sam_draws_the_numbers_of_the_first():
    """Dropout on the device: with a climb of no length the step is the plain one, and the numbers to come are too."""
    results = []
    for kind in (dict(kind='OptimWrapper'), dict(kind='mmda_ext.SAMOptimWrapper', rho=1e-300)):
        model = model_of().to('cuda')
        torch.manual_seed(7)
        model.train_step(batch_of(), wrapper_of(model, **kind))
        results.append([*parameters_of(model).values(), torch.rand(3, device='cuda')])
    assert all(torch.equal(one, other) for one, other in zip(*results))


def amp(balancer, dtype, **options):
    config, read = example(balancer)
    model = model_of(dtype=torch.float32, objectives=[ADVERSARY, *read],
                     cls_head=dict(type='mmda_ext.AGMClsHead', num_classes=3)).to('cuda')
    return model, wrapper_of(model, AMP, balancer=config, dtype=dtype, lr=.05, **options)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
@pytest.mark.parametrize('balancer', CASES, ids=str)
def test_mixed_precision_trains(balancer, dtype):
    model, wrapper = amp(balancer, dtype)
    before = parameters_of(model)
    for seed in range(3):
        loss = model.train_step(batch_of(seed=seed, dtype=torch.float32), wrapper)['loss']
        assert loss.isfinite()
    after = parameters_of(model)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in after.values())
    assert any(not torch.equal(after[name], before[name]) for name in after if name.startswith('backbones'))


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('balancer', CASES, ids=str)
def test_an_overflow_skips_the_step_and_halves_the_scale(balancer, fused):
    """What the balancer remembers is as if the step had not been."""
    def optimizer(parameters, lr):
        return torch.optim.Adam(parameters, lr=lr, fused=fused)

    model, wrapper = amp(balancer, 'float16', optimizer=optimizer, loss_scale=dict(init_scale=2.**12))
    weight = model.cls_head.fusion.output.weight
    model.train_step(batch_of(dtype=torch.float32), wrapper)
    before, memory = parameters_of(model), repr(wrapper.balancer.state_dict())
    hook = weight.register_hook(lambda grad: grad * float('inf'))
    model.train_step(batch_of(seed=1, dtype=torch.float32), wrapper)
    hook.remove()
    assert wrapper.loss_scaler.get_scale() == 2.**11
    assert repr(wrapper.balancer.state_dict()) == memory
    assert all(torch.equal(value, before[name]) for name, value in parameters_of(model).items())
    model.train_step(batch_of(seed=2, dtype=torch.float32), wrapper)
    assert not torch.equal(weight, before['cls_head.fusion.output.weight'])


def waits(work):
    """How often ``work`` makes the host wait for the device."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return [f'{one.filename}:{one.lineno}' for one in caught if 'called a synchronizing' in str(one.message)]


@pytest.mark.parametrize(('balancer', 'count'), [
    (None, 0), (dict(type='Sum'), 1), (dict(type='GMP'), 1), (dict(type='GMP', space='feature'), 1),
    (dict(type='OGM', ge=True, min_rank=2), 1), (dict(type='MGDA', task_prefix=''), 1)], ids=str)
def test_a_balanced_update_waits_for_the_device_once(balancer, count):
    """To log what it did. A solver that looks at numbers waits once more."""
    model = model_of().to('cuda')
    options = dict(kind='OptimWrapper') if balancer is None else dict(balancer=balancer)
    wrapper = wrapper_of(model, **options)
    model.train_step(batch_of(), wrapper)
    data = model.data_preprocessor(batch_of(seed=1), True)
    with wrapper.optim_context(model):
        losses = model(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    found = waits(lambda: wrapper.update_params(loss))
    assert len(found) == count, found


def test_inputs_reach_the_device_of_the_model():
    model = model_of(dtype=torch.float32).to('cuda')
    batch = batch_of(dtype=torch.float32)
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    for name, value in data['inputs'].items():
        assert value.device.type == 'cuda'
        assert torch.equal(value.cpu(), torch.stack([sample[name] for sample in batch['inputs']]))


HOOKS = {
    'plain': {},
    'average': {'default_hooks.average': dict(type='mmda_ext.AveragedWeightsHook', momentum=.1)},
    'swad': {'swad': dict(type='mmda_ext.SWADHook', interval=4, converge=2, tolerance=2)},
    'sam': {'optim_wrapper.type': 'mmda_ext.SAMBalancedOptimWrapper'},
    'float16': {'optim_wrapper.type': AMP, 'optim_wrapper.loss_scale': 'dynamic'},
}


@pytest.mark.parametrize('case', HOOKS)
def test_a_resumed_run_has_the_bits_of_one_that_was_not_interrupted(case, tmp_path):
    def config(work_dir, kill=False, **changes):
        changes = {**HOOKS[case], **changes}
        further = [own for own in (changes.pop('swad', None), ) if own]
        cfg = feature_config('gmp', tmp_path, work_dir, 3, **changes)
        further += [dict(type='mmda_ext.KillHook', where='training', epoch=2)] if kill else []
        cfg.custom_hooks = [*cfg.custom_hooks, *further]
        return cfg

    whole = run(config(tmp_path / 'whole'))
    assert next(whole.model.parameters()).device.type == 'cuda'
    with pytest.raises(Killed):
        run(config(tmp_path / 'cut', kill=True))
    run(config(tmp_path / 'cut', resume=True))
    one, two = (checkpoint(tmp_path / name, 'epoch_3.pth') for name in ('whole', 'cut'))
    for key in ('state_dict', 'optimizer'):
        assert_same(one[key], two[key], key)


def test_nccl(tmp_path):
    """One process of the launcher, with mixed precision: trained, tested, and the group closed."""
    write_features(tmp_path / 'features.npz')
    path = recipe_file(tmp_path / 'one.py', 'gmp', 'train_cfg = dict(max_epochs=2)\n', str(tmp_path / 'features.npz'),
                       target=['z'])
    env = {**os.environ, 'PATH': f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}', 'PORT': '29611',
           'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'}
    done = subprocess.run(['bash', str(ROOT / 'tools' / 'dist_train.sh'), str(path), '1', '--amp', '--work-dir',
                           str(tmp_path / 'run')], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert 'destroy_process_group' not in done.stderr
    assert json.loads((tmp_path / 'run' / 'result.json').read_text())['test']
