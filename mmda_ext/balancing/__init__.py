"""The mathematics of balancing. Imports torch only; every rule here can be tried on a 2 x 3 matrix."""

from mmda_ext.balancing.base import BalanceInputs, Balancer
from mmda_ext.balancing.gmp import GMP
from mmda_ext.balancing.mgda import MGDA
from mmda_ext.balancing.sum import Sum

__all__ = ['GMP', 'MGDA', 'BalanceInputs', 'Balancer', 'Sum']
