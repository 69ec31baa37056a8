"""Curves are read from MMEngine's scalars, over restarts and cut-off lines."""

import json

import pytest

from mmda_ext.visualization import curves
from mmda_ext.visualization.curves import plot_curves, read_curves
from mmda_ext.visualization.results import SweepResults


def write(folder, time: str, *entries: dict, cut: str = '') -> None:
    path = folder / time / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries) + cut)


def accuracy(epoch: int, fused: float) -> dict:
    return {'acc/top1': fused, 'modality/video/acc/top1': fused - 10, 'd/acc/top1': 1.0, 'step': epoch}


def step(epoch: int, k: float) -> dict:
    return {'balance/k_video': k, 'balance/rho_video': 9.0, 'loss': 1.0, 'epoch': epoch, 'iter': 7, 'step': 7}


def test_later_file_of_a_resumed_run_counts(tmp_path):
    write(
        tmp_path,
        '20260101_000000',
        step(1, 0.2),
        step(1, 0.4),
        accuracy(1, 30),
        step(2, 0.9),
        accuracy(2, 1),
        cut='{"acc',
    )
    write(tmp_path, '20260102_000000', step(2, 0.5), accuracy(2, 50))
    read = read_curves(tmp_path)
    assert read.accuracy == {'fused': {1: 30.0, 2: 50.0}, 'video': {1: 20.0, 2: 40.0}}
    assert read.coefficients == {('k', 'video'): {1: pytest.approx(0.3), 2: 0.5}}


def test_plot_is_written_only_where_there_are_curves(tmp_path):
    write(tmp_path / 'run', '20260101_000000', step(1, 0.2), accuracy(1, 30), step(2, 0.3), accuracy(2, 40))
    results = SweepResults(
        ['GMP', 'Base'], ['a', 'b'], {}, {('GMP', 'a', 0): tmp_path / 'run', ('GMP', 'b', 0): tmp_path}
    )
    path = plot_curves(results, 'a', tmp_path / 'curves.png')
    assert path.read_bytes().startswith(b'\x89PNG')
    assert plot_curves(results, 'b', tmp_path / 'none.png') is None
    assert not (tmp_path / 'none.png').exists()


@pytest.mark.parametrize(('logged', 'said'), [
    ({'balance/weight_cls_video': 1.0}, 'a balancer without k and p'),
    ({'kappa_video': 1.0}, 'no balancer in the log')])
def test_a_run_without_coefficients_is_not_called_a_plain_sum(tmp_path, monkeypatch, logged, said):
    """PCGrad logs weights, AGM scales inside of its head: neither adds its losses up."""
    write(tmp_path / 'gmp', '20260101_000000', step(1, 0.2), accuracy(1, 30))
    write(tmp_path / 'other', '20260101_000000', {**logged, 'loss': 1.0, 'epoch': 1, 'step': 1}, accuracy(1, 30))
    folders = {('GMP', 'a', 0): tmp_path / 'gmp', ('other', 'a', 0): tmp_path / 'other'}
    results = SweepResults(['GMP', 'other'], ['a'], {('GMP', 'a', 0): 1.0}, folders,
                           selections={'GMP': {'source_validation'}, 'other': {'target_oracle'}})
    drawn = []
    monkeypatch.setattr(curves, 'save', lambda figure, path: drawn.append(figure) or path)
    plot_curves(results, 'a', tmp_path / 'x.png')
    above, below = drawn[0].axes[:2], drawn[0].axes[2:]
    assert [text.get_text() for axes in below for text in axes.texts] == [said]
    assert [axes.get_title() for axes in above] == ['GMP (1 seed)', 'other (1 seed, 1 unfinished, target oracle)']
