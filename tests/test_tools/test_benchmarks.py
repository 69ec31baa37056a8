"""The benchmarks: what a ratio is, that all ways to a Gramian and to weights run, and that text reaches its page."""

import argparse
import json
import sys
from itertools import product
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules

from mmda_ext.registry import MODELS
from tests.conftest import ROOT
from tests.recipes import recipe

sys.path.insert(0, str(ROOT / 'tools' / 'benchmarks'))
import cell_time

import gain_at_test
import interleaved
import real_size
import recipe_time
import solver_time
import step_time


def test_ratios_are_to_the_first_row_and_rows_take_turns(monkeypatch):
    now, order = [0.0], []
    monkeypatch.setattr(interleaved, 'clock', lambda: now[0])

    def step(name, seconds):
        order.append(name)
        now[0] += seconds

    rows = interleaved.ratios(dict(base=lambda: step('base', 2.), other=lambda: step('other', 3.)), rounds=2, count=2)
    assert order == (['base'] * 3 + ['other'] * 3) * 3, 'one that does not count, then two; one round that does not'
    assert rows['base'] == dict(ratio=1, lowest=1, highest=1, seconds=2)
    assert rows['other'] == dict(ratio=1.5, lowest=1.5, highest=1.5, seconds=3)
    assert interleaved.span(rows['other']) == '1.50 (1.50-1.50)'


def test_peak_counts_what_lives_at_once():
    assert interleaved.peak_bytes(lambda: (torch.zeros(1000) + 1, None)[1]) >= 8000


def test_text_reaches_its_section(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n')
    args = argparse.Namespace(out=str(tmp_path / 'out' / 'x.json'), doc=str(page))
    interleaved.write(args, dict(rows=1), dict(x='| table |'))
    assert '| table |\n<!-- x: end -->\nb' in page.read_text()
    assert 'Measured on' in page.read_text()
    assert json.loads(Path(args.out).read_text())['tables'] == dict(rows=1)
    for name in ('step time', 'recipe time', 'solver time', 'data speed', 'cell time', 'real size'):
        assert (ROOT / 'docs' / 'performance.md').read_text().count(f'<!-- {name}: begin -->') == 1


def test_ways_to_the_gramian_agree():
    rows = solver_time.gramian_rows('cpu')
    Q = rows['closed form, direct']()
    assert Q.shape == (4, 4)
    assert not Q[:3, :3].triu(1).any()


def test_all_solvers_run():
    for name, row in solver_time.solver_rows('cpu').items():
        weights = row()
        assert weights.shape == (4, ), name
        assert (weights > 0).any(), name


@pytest.mark.parametrize('title', step_time.TABLES)
def test_a_step_of_every_row(title):
    trainable, objective, names = step_time.TABLES[title]
    args = argparse.Namespace(batch=4, frames=4, size=16, audio_frames=16)
    batch = step_time.batch_for(args, targets=objective is step_time.ALIGNMENT)
    for name in names:
        model = step_time.build_model(trainable, objective, width=8)
        out = model.train_step(batch, step_time.wrapper_for(name, model))
        assert out['loss'].isfinite()


def test_step_time_prints_and_writes_its_tables(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'step_time.json'
    small = f'--quick --batch 4 --frames 4 --size 16 --audio-frames 16 --width 8 --out {out}'
    monkeypatch.setattr(sys, 'argv', ['step_time.py', *small.split()])
    monkeypatch.setattr(torch, 'set_num_threads', lambda count: None)
    monkeypatch.setattr(step_time, 'TABLES', {'two rows': (None, step_time.ADVERSARY, ('Base', 'GMP parameter'))})
    step_time.main()
    assert 'GMP parameter' in capsys.readouterr().out
    rows = json.loads(out.read_text())['tables']['two rows']
    assert rows['Base']['ratio'] == 1
    assert rows['GMP parameter']['extra_over_encoder_gradients'] > 0


def test_real_size_needs_neither_data_nor_weights(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'real_size.json'
    small = f'--quick --dataset epic --modalities audio --batch 4 --audio-frames 64 --methods gmp --out {out}'
    monkeypatch.setattr(sys, 'argv', ['real_size.py', *small.split(), '--precision', 'float32', 'bfloat16'])
    monkeypatch.setattr(torch, 'set_num_threads', lambda count: None)
    real_size.main()
    assert '| bfloat16, batch 4, trained: last |' in capsys.readouterr().out
    tables = json.loads(out.read_text())['tables']
    assert [list(rows) for rows in tables.values()] == [['erm', 'gmp']] * 2
    assert tables['float32']['erm']['ratio'] == tables['bfloat16']['erm']['memory_ratio'] == 1


def test_a_row_leaves_no_record_of_its_step():
    model = argparse.Namespace(step_record=None)

    def train():
        model.step_record = 'inputs'
        return 'losses'

    assert interleaved.one_step(train, model)() == 'losses'
    assert model.step_record is None


def test_a_recipe_keeps_the_width_of_its_features_on_other_networks():
    register_all_modules()
    cfg = recipe('boomda', 'ravdess-adaptation')
    recipe_time.with_networks(cfg, width=8)
    model = MODELS.build(cfg.model)
    inputs = dict(face=torch.randn(2, 3, 4, 16, 16), audio=torch.randn(2, 1, 257, 16))
    assert {name: value.shape for name, value in model.extract_feat(inputs, 2).items()} == dict(
        face=(2, 64), audio=(2, 64))
    assert all(p.requires_grad for p in model.parameters())


def test_the_loop_by_hand_does_the_sums_of_the_runner():
    """Two models alike, one step of each without dropout: the same gradients."""
    from types import SimpleNamespace

    from mmda_ext.registry import OPTIM_WRAPPERS
    cfg = recipe('gmp', 'ravdess')
    for network in (*cfg.model.backbones.values(), cfg.model.fusion):
        network['dropout'] = 0.0
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    optimizer.zero_grad = lambda: None
    wrapper = OPTIM_WRAPPERS.build(
        dict(type='mmda_ext.BalancedOptimWrapper', optimizer=optimizer, balancer=cfg.optim_wrapper.balancer))
    inputs = dict(face=torch.randn(12, 35), audio=torch.randn(12, 116))
    labels, domains = torch.arange(12) % 8, torch.arange(12) % 3
    cell_time.update(SimpleNamespace(model=model, optim_wrapper=wrapper), inputs, dict(cls=labels, domain=domains))
    by_hand = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    samples = []
    for label, domain in zip(labels.tolist(), domains.tolist()):
        sample = ActionDataSample().set_gt_label(label)
        sample.set_metainfo(dict(domain_label=domain, is_target=False))
        samples.append(sample)
    model.train_step(dict(inputs={name: list(value) for name, value in inputs.items()}, data_samples=samples), wrapper)
    for parameter, own in zip(model.parameters(), by_hand):
        torch.testing.assert_close(parameter.grad, own)


def test_the_gain_of_adaptation_is_a_mean_over_targets_and_a_deviation_over_seeds(tmp_path, monkeypatch):
    for target, seed, factor in product('ab', (0, 1), (1, 10)):
        cell = tmp_path / 'sweep' / 'heads' / target / f'seed{seed}'
        folder = cell / f'test_time_5_x{factor}'
        folder.mkdir(parents=True)
        (folder / 'corruption.md').touch()
        (cell / 'result.json').touch()
        clean, better = 40 + 20 * (target == 'a') + 2 * seed, 10 * factor
        own = dict(mean=clean - 30, test_time=dict(tent=dict(mean=clean - 30 + better)))
        found = dict(test_time=dict(methods=dict(tent=dict(metrics={'acc/top1': clean + better}))),
                     corruption=dict(clean=clean, modalities=dict(face=own)))
        (folder / 'result.json').write_text(json.dumps(dict(protocols=found)))
    (tmp_path / 'page.md').write_text('<!-- test time sweep: begin -->\n<!-- test time sweep: end -->')
    argv = ['gain', tmp_path / 'sweep', '--factors', 1, 10, '--out', tmp_path / 'out', '--doc', tmp_path / 'page.md']
    monkeypatch.setattr(sys, 'argv', list(map(str, argv)))
    gain_at_test.main()
    assert (tmp_path / 'page.md').read_text().splitlines()[1:-1] == [
        '| sweep | clean | face corrupted |', '| --- | --- | --- |', '| none | 51.0 ± 1.4 | 21.0 ± 1.4 |',
        '| tent | 61.0 ± 1.4 | 31.0 ± 1.4 |', '| tent x10 | 151.0 ± 1.4 | 121.0 ± 1.4 |']
    table = json.loads((tmp_path / 'out' / 'sweep.json').read_text())['table']
    assert table['tent']['clean'] == dict(seed0=[70, 50], seed1=[72, 52])
