"""The plain sum: weight 1 for everything, in the precision of the step."""

import torch

from mmda_ext.balancing import BalanceInputs, Sum


def test_sum_is_all_ones():
    weights = Sum()(BalanceInputs(('cls', 'domain', 'aux'), ('v', 'a'), losses=torch.zeros(3).double()))
    assert torch.equal(weights, torch.ones(2, 3).double())
