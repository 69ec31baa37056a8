"""Pseudo labels for target samples on which enough heads agree."""

import logging
import math
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional as F

from mmda_ext import epsilons
from mmda_ext.choices import choose
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

PL_HEADS = ('fused', 'all')


@MODELS.register_module()
class VotingPseudoLabel(Objective):
    r""":math:`\alpha_1` times the mean of :math:`\mathrm{CE}(O_{M+1}^t, \hat y)` over the samples kept.

    (Boomda Eq. 9.) Each modality's head and the fused classifier vote for their argmax; a target sample is kept if
    a class has at least ``min_votes`` votes, and that class is its label :math:`\hat y`. Another objective trains
    the heads.

    Target samples with the metainfo ``monitor_label`` (``monitor_labels=True`` of the data set) are compared with their
    label :math:`\hat y`, for the log alone (Fig. 4): no loss reads it.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        min_votes (int | float): Number of votes (:math:`M_v`), or, as a float in (0, 1], a fraction of the voters.
            More than there are voters is said once and keeps no sample.
        pl_heads (str): Who learns from the labels: the ``'fused'`` classifier, or ``'all'`` heads.
        loss_weight (float): :math:`\alpha_1`.
        task (str): Name of the loss.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    example_objectives = (dict(type='mmda_ext.InformationBottleneck'), )

    def __init__(self,
                 fusion: dict,
                 min_votes: int | float = 3,
                 pl_heads: str = 'fused',
                 loss_weight: float = 0.5,
                 task: str = 'pseudo',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        choose('pl_heads', pl_heads, PL_HEADS, 'VotingPseudoLabel')
        voters = len(fusion['in_channels']) + 1
        self.min_votes = _count(min_votes, voters)
        if self.min_votes > voters:
            print_log(f'VotingPseudoLabel: min_votes={min_votes} can never be reached by {voters} voters, so no target '
                      'sample gets a label: lower it, or give a fraction', logger='current', level=logging.WARNING)
        self.loss_name, self.pl_heads, self.loss_weight = task, pl_heads, loss_weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_<task>': scalar, '<task>_kept': number, '<task>_kept_fraction': of the target samples}``.

        Also ``'<task>_accuracy'``, the percentage of right labels among those kept, where labels to monitor are there.

        Raises:
            ValueError: If the model has no heads of the modalities.
        """
        index = step.target_index
        heads = [value[index] for value in step.predictions.voters('VotingPseudoLabel')]
        labels, votes = vote([value.detach() for value in heads])
        kept = votes >= self.min_votes
        learning = heads if self.pl_heads == 'all' else heads[-1:]
        entropies = [F.cross_entropy(widen(value), labels, reduction='none') for value in learning]
        # A voter that is not finite has no vote: the loss says so, whoever learns and whatever is kept.
        not_finite = 0 * torch.stack([widen(value.detach()) for value in heads]).sum((0, 2))
        total, count = torch.stack(entropies).sum(0) + not_finite, kept.sum().float()
        out = {
            f'loss_{self.loss_name}': self.loss_weight * joined_mean(total, kept),
            f'{self.loss_name}_kept': count,
            f'{self.loss_name}_kept_fraction': count / max(len(index), 1)}
        truth = _monitored(step)
        if truth is not None:
            hits, known = (kept & (labels == truth)).sum(), (kept & (truth >= 0)).sum()
            out[f'{self.loss_name}_accuracy'] = 100.0 * hits / known.clamp_min(1)
        return out


def _monitored(step: Step) -> Tensor | None:
    """Labels of the target samples kept for monitoring, -1 where there is none; None where there are none at all."""
    flags = step.is_target.tolist()
    labels = [int(sample.get('monitor_label', -1)) for sample, flag in zip(step.data_samples, flags) if flag]
    if not labels or max(labels) < 0:
        return None
    return torch.tensor(labels).to(step.labels.device, non_blocking=True)


def vote(logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Class with the most votes and how many it has, each ``(N, )``.

    Ties go to the class with the largest summed probability, then to the lower index. Rows that are not finite get
    some class.

    Args:
        logits (Sequence[Tensor]): One ``(N, C)`` for each voter.
    """
    stacked = torch.stack([widen(value) for value in logits])
    classes = stacked.shape[-1]
    counts = F.one_hot(stacked.argmax(-1), classes).sum(0)
    most = counts.amax(1, keepdim=True)
    support = stacked.softmax(-1).sum(0).masked_fill(counts < most, -1.0)
    index = torch.arange(classes, device=stacked.device).expand_as(support)
    # argmax does not promise the first of equals.
    best = support == support.amax(1, keepdim=True)
    # Among logits that are not finite none is the best; the last class stands in, as an index that there is.
    return torch.where(best, index, classes - 1).amin(1), most[:, 0]


def _count(min_votes: int | float, voters: int) -> int:
    if isinstance(min_votes, float):
        if not 0 < min_votes <= 1:
            raise ValueError(f'VotingPseudoLabel: min_votes={min_votes} as a fraction must be in (0, 1]')
        return max(1, math.ceil(min_votes * voters - epsilons.ROUNDING))
    if isinstance(min_votes, bool) or min_votes < 1:
        raise ValueError(f'VotingPseudoLabel: min_votes={min_votes!r} must be an integer >= 1 or a fraction')
    return min_votes
