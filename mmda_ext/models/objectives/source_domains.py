"""What terms between the source domains of a batch have in common: whose rows, and of which domain."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.choices import choose
from mmda_ext.models.annealing import Jump
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import SkipCounter
from mmda_ext.models.step import Step

FEATURES = ('fused', 'modalities')


class SourceObjective(SkipCounter, Objective):
    r""":math:`w \operatorname{mean}_k R(Z_{k1}, \dots, Z_{kJ})` of the rows of J source domains in representations k.

    Rows are those of the labelled samples of all processes. A batch (of all processes together) in which a domain has
    fewer than two adds 0, in the graph, and counts as ``<task>_skipped``:
    :class:`~mmda_ext.datasets.samplers.DomainBalancedBatchSampler` gives batches without that. With one source domain
    there is nothing to compare: the objective says so once and adds no loss. A mixed sample counts to the domain of its
    larger part, with both labels. A subclass implements :meth:`rows` and :meth:`criterion`.

    Args:
        num_domains (int): :math:`J`.
        fusion (dict, optional): Unused.
        features (str): One representation, the ``'fused'`` one in front of the last layer and its logits, or those of
            all ``'modalities'``.
        loss_weight (float): :math:`w \ge 0`.
        task (str, optional): Name of the loss; by default that of the class.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    takes_mixed = True
    default_task = ''

    def __init__(self,
                 num_domains: int,
                 fusion: dict | None = None,
                 features: str = 'fused',
                 loss_weight: float = 1.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, None, init_cfg)
        owner = type(self).__name__
        self.features = choose('features', features, FEATURES, owner)
        if not 0 <= loss_weight < float('inf'):
            raise ValueError(f'{owner}: loss_weight={loss_weight!r} must be a number >= 0')
        self.num_domains, self.loss_weight, self.loss_name = num_domains, loss_weight, task or self.default_task
        self.compares = self.can_discriminate(num_domains)

    @abstractmethod
    def rows(self, step: Step) -> Sequence[Tensor]:
        """What is compared: ``(N, ...)`` for each representation, in float32 or wider."""

    @abstractmethod
    def criterion(self, parts: Sequence[Tensor]) -> Tensor:
        """:math:`R`, a scalar, of the rows of each domain, ``(n_j, ...)`` with at least two."""

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_<task>': scalar, '<task>_skipped': batches without enough samples of a domain}``."""
        if not self.compares:
            return {}
        return self.terms(step, self.loss_weight)

    def terms(self, step: Step, weight: float) -> dict[str, Tensor]:
        """Loss and diagnostic, with ``weight`` as :math:`w`."""
        rows, groups = self.rows(step), groups_of(step, self.num_domains)
        defined = min(map(len, groups)) >= 2
        self.skipped += not defined
        each = [self.criterion([joined[group] for group in groups]) for joined in map(join_rows, rows)] if defined \
            else [0.0 * own.sum() for own in rows]
        return {f'loss_{self.loss_name}': weight * torch.stack(each).mean(), **self.skips(self.loss_name)}

    def representations(self, step: Step) -> list[Tensor]:
        """Features ``(N, D)``."""
        fused = self.features == 'fused'
        return [widen(value) for value in ([step.predictions.fused] if fused else step.features.values())]

    def logits(self, step: Step) -> list[Tensor]:
        """Class logits ``(N, C)``.

        Raises:
            ValueError: If the model has no heads of the modalities, and theirs are asked for.
        """
        if self.features == 'fused':
            return [widen(step.predictions.logits)]
        return [widen(value) for value in step.predictions.voters(type(self).__name__)[:-1]]


class AnnealedSourceObjective(SourceObjective):
    """One whose weight is 1 (or ``loss_weight``, if that is less) until a share of the training is done.

    Args are those of :class:`SourceObjective`, and:

    Args:
        begin (float): That share, in [0, 1).
    """

    def __init__(self, *args: Any, begin: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.jump = Jump(begin, self.loss_weight, type(self).__name__)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """As :class:`SourceObjective`, and the diagnostic ``<task>_weight``."""
        if not self.compares:
            return {}
        weight = self.jump()
        return {**self.terms(step, weight), f'{self.loss_name}_weight': torch.tensor(float(weight))}


def groups_of(step: Step, num_domains: int) -> list[Tensor]:
    """Positions of the labelled samples of each source domain among those of all processes, ``(n_j, )`` each."""
    domains = join_rows(step.domain_labels.where(step.labels >= 0, -1))
    return [(domains == index).nonzero()[:, 0] for index in range(num_domains)]


def targets_of(step: Step, num_classes: int) -> Tensor:
    """Probabilities of the classes, ``(N, C)``: one-hot, or the mixture of mixed samples; 0 without a label."""
    known = (step.labels >= 0)[:, None]
    targets = (F.one_hot(step.labels.clamp_min(0), num_classes) * known).float()
    return targets if step.mix is None else step.mix.rows(targets)


def cross_entropies(logits: Tensor, step: Step) -> Tensor:
    """Of each sample, ``(N, )``, of logits ``(N, C)``; 0 without a label."""
    return F.cross_entropy(logits, targets_of(step, logits.shape[1]).to(logits), reduction='none')
