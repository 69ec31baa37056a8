"""Predictors on the features of all modalities."""

from mmda_ext.models.fusions.base import Fusion
from mmda_ext.models.fusions.concat import ConcatFusion
from mmda_ext.models.fusions.film import FiLMFusion
from mmda_ext.models.fusions.gated import GatedFusion
from mmda_ext.models.fusions.sum import SumFusion

__all__ = ['ConcatFusion', 'FiLMFusion', 'Fusion', 'GatedFusion', 'SumFusion']
