"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.adaptation import AdaptationObjective, AdversarialObjective, ConditionalObjective
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.cdan import CDAN
from mmda_ext.models.objectives.classifier_guidance import ClassifierGuidance
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.dada2020 import DADA2020
from mmda_ext.models.objectives.dada2024 import DADA2024
from mmda_ext.models.objectives.daln import DALN
from mmda_ext.models.objectives.dann import DANN
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.mada import MADA
from mmda_ext.models.objectives.mdan import MDAN
from mmda_ext.models.objectives.mutual_distillation import MutualDistillation
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'AdaptationObjective', 'AdversarialObjective', 'CDAN', 'ClassifierGuidance', 'ConditionalObjective',
    'CorrelationAlignment', 'DADA2020', 'DADA2024', 'DALN', 'DANN', 'DomainAdversarial', 'InformationBottleneck',
    'LocalClassification', 'LocalDomainAdversarial', 'MADA', 'MDAN', 'MutualDistillation', 'Objective',
    'VotingPseudoLabel'
]
