"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.a3d2 import A3D2
from mmda_ext.models.objectives.adaptation import AdaptationObjective, AdversarialObjective, ConditionalObjective
from mmda_ext.models.objectives.amanda import Amanda
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import BatchObjective
from mmda_ext.models.objectives.blended_classification import BlendedClassification
from mmda_ext.models.objectives.cdan import CDAN
from mmda_ext.models.objectives.classifier_guidance import ClassifierGuidance
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.cross_modal_distillation import CrossModalDistillation
from mmda_ext.models.objectives.cross_modal_translation import CrossModalTranslation
from mmda_ext.models.objectives.dada2020 import DADA2020
from mmda_ext.models.objectives.dada2024 import DADA2024
from mmda_ext.models.objectives.daln import DALN
from mmda_ext.models.objectives.dann import DANN
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.entropy_minimization import EntropyMinimization
from mmda_ext.models.objectives.entropy_weighted_classification import EntropyWeightedClassification
from mmda_ext.models.objectives.feature_splitting import FeatureSplitting
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.jan import JAN
from mmda_ext.models.objectives.jdda import JDDA
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.mada import MADA
from mmda_ext.models.objectives.mdan import MDAN
from mmda_ext.models.objectives.mk_mmd import MKMMD
from mmda_ext.models.objectives.multimodal_jigsaw import MultimodalJigsaw
from mmda_ext.models.objectives.mutual_distillation import MutualDistillation
from mmda_ext.models.objectives.pcl import PCL
from mmda_ext.models.objectives.relative_norm_alignment import RelativeNormAlignment
from mmda_ext.models.objectives.supervised_contrastive import SupervisedContrastive
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'A3D2', 'AdaptationObjective', 'AdversarialObjective', 'Amanda', 'BatchObjective', 'BlendedClassification',
    'CDAN', 'ClassifierGuidance', 'ConditionalObjective', 'CorrelationAlignment', 'CrossModalDistillation',
    'CrossModalTranslation', 'DADA2020', 'DADA2024', 'DALN', 'DANN', 'DomainAdversarial', 'EntropyMinimization',
    'EntropyWeightedClassification', 'FeatureSplitting', 'InformationBottleneck', 'JAN', 'JDDA',
    'LocalClassification', 'LocalDomainAdversarial', 'MADA', 'MDAN', 'MKMMD', 'MultimodalJigsaw',
    'MutualDistillation', 'Objective', 'PCL', 'RelativeNormAlignment', 'SupervisedContrastive', 'VotingPseudoLabel'
]
