"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.blended_classification import BlendedClassification
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'BlendedClassification', 'CorrelationAlignment', 'DomainAdversarial', 'InformationBottleneck',
    'LocalClassification', 'LocalDomainAdversarial', 'Objective', 'VotingPseudoLabel'
]
