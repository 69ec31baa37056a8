"""Losses beside the classifier's; one file each."""

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.objectives.cross_modal_distillation import CrossModalDistillation
from mmda_ext.models.objectives.cross_modal_translation import CrossModalTranslation
from mmda_ext.models.objectives.domain_adversarial import DomainAdversarial
from mmda_ext.models.objectives.entropy_minimization import EntropyMinimization
from mmda_ext.models.objectives.entropy_weighted_classification import EntropyWeightedClassification
from mmda_ext.models.objectives.feature_splitting import FeatureSplitting
from mmda_ext.models.objectives.information_bottleneck import InformationBottleneck
from mmda_ext.models.objectives.local_classification import LocalClassification
from mmda_ext.models.objectives.local_domain_adversarial import LocalDomainAdversarial
from mmda_ext.models.objectives.multimodal_jigsaw import MultimodalJigsaw
from mmda_ext.models.objectives.relative_norm_alignment import RelativeNormAlignment
from mmda_ext.models.objectives.supervised_contrastive import SupervisedContrastive
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel

__all__ = [
    'CorrelationAlignment', 'CrossModalDistillation', 'CrossModalTranslation', 'DomainAdversarial',
    'EntropyMinimization', 'EntropyWeightedClassification', 'FeatureSplitting', 'InformationBottleneck',
    'LocalClassification', 'LocalDomainAdversarial', 'MultimodalJigsaw', 'Objective', 'RelativeNormAlignment',
    'SupervisedContrastive', 'VotingPseudoLabel'
]
