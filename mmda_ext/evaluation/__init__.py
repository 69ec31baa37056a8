"""Metrics."""

from .domain_accuracy import DomainAccuracy
from .weighted_f1 import WeightedF1

__all__ = ['DomainAccuracy', 'WeightedF1']
