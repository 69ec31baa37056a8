"""The Gramian's picture is drawn from the scalars that a run leaves."""

import cv2
import pytest

from mmda_ext.visualization.gramian_plot import plot_gramian, read_gramian
from tests.conftest import ROOT
from tests.test_visualization.test_curves import accuracy, write


def step(number: int, r: float, compared: bool = True, **changes: float) -> dict:
    entry = {'balance/r': r, 'balance/gamma_face': .9, 'balance/gamma_fused': .1, 'balance/squared_norm_face': 1e-3 * r,
             'balance/squared_norm_fused': 2., 'loss': 1., 'epoch': 1, 'iter': number, 'step': number}
    if compared:
        entry |= {'balance/objective_closed_form': 3e-4 * r, 'balance/objective_exact': 2e-4 * r}
    return entry | {f'balance/{key}': value for key, value in changes.items()}


def test_curves_of_a_resumed_run(tmp_path):
    write(tmp_path, '20260101_000000', step(20, 2.), accuracy(1, 50.), step(40, 9.), cut='{"balance/r')
    write(tmp_path, '20260102_000000', step(40, 3., compared=False), step(60, float('nan'), gamma_audio=.5))
    curves = read_gramian(tmp_path)
    assert curves.r == {20: 2., 40: 3.}
    assert curves.gamma == {'face': dict.fromkeys((20, 40, 60), .9), 'fused': dict.fromkeys((20, 40, 60), .1),
                            'audio': {60: .5}}
    assert curves.norms['face'] == {20: 2e-3, 40: 3e-3}
    assert curves.values['objective_exact'] == {20: 4e-4, 40: pytest.approx(1.8e-3)}


@pytest.mark.parametrize('compared', [True, False])
def test_picture(tmp_path, compared):
    write(tmp_path, '20260101_000000', *(step(20 * n, 10.**n, compared, squared_norm_audio=0.) for n in range(1, 6)))
    path = plot_gramian(read_gramian(tmp_path), tmp_path / 'x' / 'gramian.png', 'a run')
    height, width, _ = cv2.imread(str(path)).shape
    assert 600 < height < width <= 1600


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / 'tools' / 'analysis'))
    import gramian_plot

    write(tmp_path / 'sum', '20260101_000000', {'loss': 1., 'epoch': 1, 'step': 1})
    assert gramian_plot.main([str(tmp_path / 'sum')]) == 2
    assert 'error: ' in (error := capsys.readouterr().err)
    assert "solver='closed_form', compare=20" in error
    write(tmp_path / 'run', '20260101_000000', step(1, 2.))
    assert gramian_plot.main([str(tmp_path / 'run')]) == 0
    assert (tmp_path / 'run' / 'gramian.png').read_bytes().startswith(b'\x89PNG')
    assert gramian_plot.main([str(tmp_path / 'run'), '--out', str(tmp_path / 'docs' / 'y.png'), '--title', '']) == 0
    assert (tmp_path / 'docs' / 'y.png').is_file()
