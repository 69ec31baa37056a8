"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.a3d2 import A3D2
from mmda_ext.models.objectives.adaptation import AdaptationObjective, AdversarialObjective, ConditionalObjective
from mmda_ext.models.objectives.amanda import Amanda
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import BatchObjective
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.dann import DANN
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.jan import JAN
from mmda_ext.models.objectives.jdda import JDDA
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.mk_mmd import MKMMD
from mmda_ext.models.objectives.pcl import PCL
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'A3D2', 'AdaptationObjective', 'AdversarialObjective', 'Amanda', 'BatchObjective', 'ConditionalObjective',
    'CorrelationAlignment', 'DANN', 'DomainAdversarial', 'InformationBottleneck', 'JAN', 'JDDA', 'LocalClassification',
    'LocalDomainAdversarial', 'MKMMD', 'Objective', 'PCL', 'VotingPseudoLabel'
]
