"""What several balancers have in common; no method of its own."""

from mmda_ext.balancing.shared.gramian_weights import GramianWeights, states
from mmda_ext.balancing.shared.learned_weights import LearnedWeights
from mmda_ext.balancing.shared.task_weights import TaskWeights

__all__ = ['GramianWeights', 'LearnedWeights', 'TaskWeights', 'states']
