"""What the tests of balancers with a memory share: a run of losses, and what a memory must survive."""

import io

import pytest
import torch

from tests.test_balancing.rules import inputs_of, solve

EYE = torch.eye(3, dtype=torch.float64)
LOSSES = torch.rand(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + .2
GRAMIANS = torch.diag_embed(torch.rand(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + .1)


def run(balancer, steps):
    """Weights of some steps, three to an epoch."""
    return [solve(balancer, GRAMIANS[step], losses=LOSSES[step], epoch=step // 3) for step in steps]


def check_memory(kind, **options):
    """Resume goes on exactly, through a file that holds tensors and plain values; a state taken before is not moved."""
    whole = run(kind(**options), range(12))
    cut = kind(**options)
    empty = cut.state_dict()
    assert empty, 'mixed precision restores the state before a skipped step, also before the first'
    run(cut, range(5))
    state, file = cut.state_dict(), io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    resumed = kind(**options)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(run(resumed, range(5, 12)), whole[5:]))
    for again, start in ((empty, 0), (state, 5), ({}, 0)):
        cut.load_state_dict(again)
        assert all(torch.equal(a, b) for a, b in zip(run(cut, range(start, 12)), whole[start:]))
    with pytest.raises(ValueError, match=f'{kind.__name__} has no memory of .*another balancer'):
        kind(**options).load_state_dict(dict(accuracies=None))
    with pytest.raises(ValueError, match='let every step have the same balanced losses'):
        cut(inputs_of(torch.eye(2), losses=[1., 1.], epoch=9))
