"""Gradients by task and modality, for any training loop. Imports torch and the balancers only."""

from mmda_ext.gradients.cut import Cut
from mmda_ext.gradients.parameters import Parameters
from mmda_ext.gradients.probe import Probe
from mmda_ext.gradients.step import BalancedStep
from mmda_ext.gradients.update import BalancedUpdate

__all__ = ['BalancedStep', 'BalancedUpdate', 'Cut', 'Parameters', 'Probe']
