"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.classifier_guidance import ClassifierGuidance
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.mutual_distillation import MutualDistillation
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'ClassifierGuidance', 'CorrelationAlignment', 'DomainAdversarial', 'InformationBottleneck', 'LocalClassification',
    'LocalDomainAdversarial', 'MutualDistillation', 'Objective', 'VotingPseudoLabel'
]
