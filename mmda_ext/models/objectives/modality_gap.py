"""Classification and agreement of modalities, weighted by a curve (LFM; Yang et al., NeurIPS 2024)."""

import logging
from collections.abc import Mapping
from itertools import combinations

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmda_ext.gradients import Probe
from mmda_ext.gradients.probe import widen
from mmda_ext.models.heads.base import masked_cross_entropy
from mmda_ext.models.objectives.base import modalities_of
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.progress import training_progress
from mmda_ext.models.step import Mix, Step, Terms
from mmda_ext.registry import MODELS

#: Of t^0, t^1, ... at a share t of the training; fitted by the authors to weights learnt over 100 epochs.
CURVE = (2.04623704e-1, 3.35472727e-1, 1.22989557, -2.92947416, 2.23835486, -5.39717505e-1)

#: Says that the share is learnt, from this one on, as in the release.
LEARNED, FIRST = 'learned', 0.95


@MODELS.register_module()
class ModalityGap(ModalityHeads):
    r""":math:`2 w \, (a \, \mathrm{CE}(\overline{l}, y) + (1 - a) \operatorname{mean}_{m<n} A(p^m, p^n))`.

    :math:`\overline{l}` is the mean of the logits of the class heads, :math:`p^m` what each predicts, and with
    :math:`q = (p^m + p^n) / 2`

    .. math:: A(p^m, p^n) = \frac{1}{2} (\mathrm{KL}(q \Vert p^m) + \mathrm{KL}(q \Vert p^n))

    In the first half of the training the modalities are mostly drawn together, later they mostly classify: *a* follows
    the released curve ("fitted"), from 0.20 to 0.54. No fused classifier is trained: use ``predictor='modalities'`` and
    ``cls_head.loss_weight=0``.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        share (float | str, optional): *a*, in [0, 1], throughout; by default that of the curve. ``'learned'``:
            a buffer, 0.95 at first, which :class:`~mmda_ext.engine.hooks.LearnedShareHook` moves.
        loss_weight (float): *w*.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only, or ``share`` is out of range.

    Source: Yang et al., Facilitating Multimodal Classification via Dynamically Learning Modality Gap, NeurIPS 2024, in
    its release. Differences: the curve is over the share of the training that is done, not over epochs of which there
    must be 100; more than two modalities by the mean over pairs; where the weight is learnt, by its own derivative. A
    is not the Jensen-Shannon divergence, whose arguments stand the other way round: as released.
    """

    takes_mixed = True

    learned: Tensor

    def __init__(self,
                 fusion: dict,
                 share: float | str | None = None,
                 loss_weight: float = 1.0,
                 task: str = 'cls',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        modalities_of(fusion, 'ModalityGap')
        if share == LEARNED:
            self.register_buffer('learned', torch.tensor(FIRST))
        elif share is not None and not (isinstance(share, (int, float)) and 0 <= share <= 1):
            raise ValueError(f'ModalityGap: share={share!r} must be in [0, 1], or {LEARNED!r}')
        self.share, self.loss_weight = share, loss_weight
        self._said = False

    def forward(self, step: Step) -> Terms:
        """``{'loss_lfm': scalar, 'gap': scalar, 'gap_share': scalar}`` over the labelled samples."""
        logits, share = step.predictions.modality_logits, self.current_share()
        classification, gap = self.parts(logits, step.labels, step.mix)
        loss = 2 * self.loss_weight * (share * classification + (1 - share) * gap)
        return Terms({'loss_lfm': loss, 'gap': gap.detach(), 'gap_share': torch.as_tensor(share).clone()},
                     {'lfm': Probe(logits, step.labels)})

    @staticmethod
    def parts(logits: Mapping[str, Tensor], labels: Tensor, mix: Mix | None = None) -> tuple[Tensor, Tensor]:
        """Cross-entropy and A of logits ``{m: (N, C)}`` over the labelled samples: what the share divides between."""
        values, known = list(logits.values()), labels >= 0
        return (masked_cross_entropy(torch.stack(values).mean(0), labels, mix),
                disagreement([value[known] for value in values]))

    def current_share(self) -> float | Tensor:
        """*a* at this iteration; that of the end, which is said once, where no runner counts."""
        if isinstance(self.share, str):
            return self.learned
        if self.share is not None:
            return self.share
        _, done, iterations = training_progress()
        if done is not None and iterations:
            return curve(done / iterations)
        if not self._said:
            print_log('ModalityGap cannot see the progress of the training, so its share is that of the end: train '
                      'with a Runner, or give `share`', logger='current', level=logging.WARNING)
            self._said = True
        return curve(1.0)


def curve(progress: float) -> float:
    """The released weight of the classification at a share of the training in [0, 1]."""
    return sum(factor * progress**power for power, factor in enumerate(CURVE))


def disagreement(logits: list[Tensor]) -> Tensor:
    """Mean of A over pairs and samples of logits ``(N, C)``; 0 without samples."""
    logs = [widen(value).log_softmax(1) for value in logits]
    found = []
    for one, other in combinations(logs, 2):
        middle = torch.stack([one, other]).logsumexp(0) - torch.tensor(2.).to(one).log()
        found.append((middle.exp() * (middle - (one + other) / 2)).sum())
    return torch.stack(found).mean() / max(len(logs[0]), 1)
