"""Rules and tools that several balancers share."""

from mmda_ext.balancing.rules.draws import Draws
from mmda_ext.balancing.rules.modulation import EPS, confidence_ratio, suppress

__all__ = ['EPS', 'Draws', 'confidence_ratio', 'suppress']
