"""The adapter: known answers, the traps of scale and random numbers, and that the package stands without TorchJD."""

import io
import subprocess
import sys

import pytest
import torch

from mmda_ext.balancing import TorchJDWeighting
from tests.conftest import ROOT
from tests.test_balancing.rules import (
    check_degenerate,
    check_interface,
    check_per_modality,
    check_permutation,
    check_scale,
    inputs_of,
    random_gramian,
    solve,
)

WITHOUT = """
import sys
sys.modules['torchjd'] = None
from mmda_ext.balancing import TorchJDWeighting
try:
    TorchJDWeighting('IMTLG')
except ImportError as error:
    print(error)
"""


def built(name, **options):
    """The balancer, or a skip where TorchJD or its extra is not installed."""
    pytest.importorskip('torchjd')
    try:
        return TorchJDWeighting(name, **options)
    except ImportError as error:
        pytest.skip(str(error))


def test_absent_torchjd_is_named_with_its_remedy():
    done = subprocess.run([sys.executable, '-c', WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 'pip install "torchjd>=0.12,<1"' in done.stdout


@pytest.mark.parametrize(('name', 'options', 'Q', 'expected'), [
    ('IMTLG', {}, [[9, 0], [0, 16]], [.571429, .428571]),
    ('AlignedMTL', {}, [[9, 0], [0, 16]], [.5, .375]),
    ('PCGrad', {}, [[1, -.5], [-.5, 1]], [1.5, 1.5]),
    ('PCGrad', {}, [[1, .5], [.5, 1]], [1, 1]),
    ('MGDA', {}, [[1, 0, 0], [0, 2, 0], [0, 0, 4]], [.57091, .28571, .14337]),
    ('MGDA', dict(epsilon=1e-7, max_iters=2000), [[1, 0, 0], [0, 2, 0], [0, 0, 4]], [.571429, .285714, .142857]),
    ('UPGrad', {}, [[1, -.5], [-.5, 1]], [.75, .75]),
    ('CAGrad', dict(c=.5), [[9, 0], [0, 16]], [.91616, .51534]),
    ('Constant', dict(weights=[.25, .75]), [[9, 0], [0, 16]], [.25, .75]),
])
@pytest.mark.parametrize('factor', [1., 1e-12])
def test_known_answers_of_c3_and_c4_at_any_scale(name, options, Q, expected, factor):
    """On ``Q * 1e-12`` itself CAGrad would return zeros and UPGrad uniform weights."""
    weights = solve(built(name, options=options), factor * torch.tensor(Q))
    assert weights.tolist() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize('name', ['IMTLG', 'AlignedMTL', 'MGDA', 'PCGrad'])
def test_shared_properties(name):
    balancer = built(name)
    check_degenerate(balancer)
    check_scale(balancer)
    if name != 'PCGrad':
        check_permutation(balancer)
        check_per_modality(TorchJDWeighting, name=name)
    check_interface(TorchJDWeighting, name=name)


def test_random_weights_are_those_of_the_step_on_every_process_and_after_a_resume(monkeypatch):
    Q = random_gramian(0, 3, 3)
    torch.manual_seed(1)
    whole, balancer = [], built('Random')
    for _ in range(4):
        before = torch.get_rng_state()
        whole.append(solve(balancer, Q))
        assert torch.equal(torch.get_rng_state(), before), 'draws nothing from the generator of the model'
    assert not torch.equal(whole[0], whole[1])
    monkeypatch.setattr(torch.cuda, 'manual_seed_all', None)
    balancer(inputs_of(Q))
    monkeypatch.undo()
    torch.manual_seed(2)
    other = built('Random')
    assert [solve(other, Q).tolist() for _ in range(2)] == [own.tolist() for own in whole[:2]]
    file = io.BytesIO()
    torch.save(other.state_dict(), file)
    file.seek(0)
    resumed = built('Random')
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert [solve(resumed, Q).tolist() for _ in range(2)] == [own.tolist() for own in whole[2:]]
    assert solve(built('Random', seed=7), Q).tolist() != whole[0].tolist()


def test_options_are_checked():
    pytest.importorskip('torchjd')
    with pytest.raises(ValueError, match="name='Magic' is unknown: choose one of 'AlignedMTL'"):
        TorchJDWeighting('Magic')
    with pytest.raises(ValueError, match="name='GradVac' remembers earlier steps"):
        TorchJDWeighting('GradVac')
    with pytest.raises(ValueError, match="scope='each'"):
        TorchJDWeighting('IMTLG', scope='each')
    assert repr(TorchJDWeighting('IMTLG')).startswith("TorchJDWeighting(space='feature'")
