"""The mathematics of balancing. Imports torch only; every rule here can be tried on a 2 x 3 matrix."""

from mmda_ext.balancing.balgrad import BalGrad
from mmda_ext.balancing.base import BalanceInputs, Balancer, scaled
from mmda_ext.balancing.cagrad import CAGrad
from mmda_ext.balancing.cggm import CGGM
from mmda_ext.balancing.dwa import DWA
from mmda_ext.balancing.famo import FAMO
from mmda_ext.balancing.gmp import GMP
from mmda_ext.balancing.gradnorm import GradNorm
from mmda_ext.balancing.mgda import MGDA
from mmda_ext.balancing.nash_mtl import NashMTL
from mmda_ext.balancing.ogm import OGM
from mmda_ext.balancing.pcgrad import PCGrad
from mmda_ext.balancing.sum import Sum
from mmda_ext.balancing.torchjd import TorchJDWeighting
from mmda_ext.balancing.uncertainty_weighting import UncertaintyWeighting
from mmda_ext.balancing.upgrad import UPGrad

__all__ = [
    'BalGrad', 'BalanceInputs', 'Balancer', 'CAGrad', 'CGGM', 'DWA', 'FAMO', 'GMP', 'GradNorm', 'MGDA', 'NashMTL',
    'OGM', 'PCGrad', 'Sum', 'TorchJDWeighting', 'UPGrad', 'UncertaintyWeighting', 'scaled'
]
