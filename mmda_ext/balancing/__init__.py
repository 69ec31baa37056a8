"""The mathematics of balancing. Imports torch only; every rule here can be tried on a 2 x 3 matrix."""

from mmda_ext.balancing.balgrad import BalGrad
from mmda_ext.balancing.base import BalanceInputs, Balancer
from mmda_ext.balancing.cggm import CGGM
from mmda_ext.balancing.gmp import GMP
from mmda_ext.balancing.mgda import MGDA
from mmda_ext.balancing.ogm import OGM
from mmda_ext.balancing.pcgrad import PCGrad
from mmda_ext.balancing.sum import Sum

__all__ = ['CGGM', 'GMP', 'MGDA', 'OGM', 'BalGrad', 'BalanceInputs', 'Balancer', 'PCGrad', 'Sum']
