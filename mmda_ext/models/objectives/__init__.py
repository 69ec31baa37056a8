"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial

__all__ = ['DomainAdversarial', 'LocalClassification', 'LocalDomainAdversarial', 'Objective']
