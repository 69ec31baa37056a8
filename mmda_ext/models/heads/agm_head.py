"""Classifier whose gradient is split by modality and scaled (Adaptive Gradient Modulation; Li et al., ICCV 2023)."""

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.choices import choose
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.heads.base import widen
from mmda_ext.models.heads.cls_head import MultimodalClsHead
from mmda_ext.models.heads.gradient_reversal import scale_gradient
from mmda_ext.models.progress import training_progress
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS

Subset = tuple[str, ...]
BLANKS = ('input', 'feature')


@MODELS.register_module()
class AGMClsHead(MultimodalClsHead):
    r"""Cross-entropy of :math:`\sum_i m_i = F` whose gradient at output :math:`m_i` is multiplied by :math:`\kappa_i`.

    :math:`m_i` is the Shapley value of modality :math:`i` in the logits :math:`F(S)` of the subsets of modalities, the
    others blanked, :math:`F(\emptyset) = 0`. With the mean cross-entropy :math:`s_i` of :math:`m_i` and its running
    mean :math:`S_i` over the steps before:

    .. math::
        r_i = \exp \operatorname{mean}_{j \ne i} (s_j - s_i),\qquad
        R_i = \exp \operatorname{mean}_{j \ne i} (S_j - S_i),\qquad
        \kappa_i = \exp(\alpha \min(R_i - r_i, \text{cap}))

    A modality that is further ahead than it used to be has :math:`\kappa < 1`. Blanked passes run in evaluation mode,
    with gradient. Scores are those of all processes; every forward pass in training counts as a step.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): As in :class:`MultimodalHead`.
        alpha (float): :math:`\alpha \ge 0`; tuned by data set in the paper.
        blank (str): A blanked modality has zero ``'input'``, as published: one more pass of the batch and one of a
            single zero sample through the encoders, since in evaluation mode all zero samples have the same features;
            or zero ``'feature'``: no further pass through the encoders, the batch's features keep their dropout.
        window (tuple[int, int], optional): First and last epoch, from 0 and both included, in which gradients are
            scaled; all by default.
        cap (float): Largest difference in the exponent, > 0; 10 in the release for two modalities, 7 in that for three.
        **kwargs: As for :class:`MultimodalClsHead`.

    Raises:
        ValueError: If an option is out of range, or there is one modality only.

    Differences from the paper: any number of modalities (:math:`2^M - 2` blanked passes through the fusion). The
    release clips all gradients to norm 1 where one of the last layer leaves [-1, 1]: ``clip_grad`` of the wrapper does
    without that condition.
    """

    takes_mixed = False
    running_scores: Tensor
    iterations: Tensor

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 alpha: float = 1.0,
                 blank: str = 'input',
                 window: tuple[int, int] | None = None,
                 cap: float = 10.0,
                 **kwargs: Any) -> None:
        super().__init__(num_classes, fusion, **kwargs)
        modalities = self.fusion.modalities
        if len(modalities) < 2:
            raise ValueError(f'AGMClsHead needs two modalities or more, got {modalities}: use MultimodalClsHead')
        if not alpha >= 0:
            raise ValueError(f'AGMClsHead: alpha={alpha!r} must be a number >= 0')
        if not cap > 0:
            raise ValueError(f'AGMClsHead: cap={cap!r} must be a number > 0')
        choose('blank', blank, BLANKS, 'AGMClsHead')
        if window is not None and not 0 <= window[0] <= window[1]:
            raise ValueError(f'AGMClsHead: window={window!r} must be two epochs, the first >= 0 and not after the '
                             'second')
        if self.feature_dropout is not None:
            raise ValueError('AGMClsHead compares all modalities with subsets of its own, so that none may be dropped '
                             'beside it: leave out cls_head.feature_dropout')
        self.alpha, self.blank, self.window, self.cap = alpha, blank, window, cap
        self.register_buffer('running_scores', torch.zeros(len(modalities)))
        self.register_buffer('iterations', torch.zeros((), dtype=torch.long))

    def loss(self, step: Step) -> Terms:
        """As :class:`MultimodalClsHead`, with ``score_<modality>`` and ``kappa_<modality>``."""
        epoch = training_progress().epoch or 0
        first, last = self.window or (0, math.inf)
        if not self.training or epoch > last:
            return super().loss(step)
        logits = self.blanked_logits(step)
        logits[self.fusion.modalities] = step.predictions.logits
        outputs = shapley(logits, self.fusion.modalities)
        scores, count = self._scores(outputs, step.labels)
        kappa = self._coefficients(scores) if epoch >= first else torch.ones_like(scores)
        self._remember(scores, count)
        total = torch.stack([scale_gradient(own, k) for own, k in zip(outputs.values(), kappa)]).sum(0)
        out = self.terms(step, total)
        for index, name in enumerate(outputs):
            out |= {f'score_{name}': scores[index], f'kappa_{name}': kappa[index]}
        return out

    def blanked_logits(self, step: Step) -> dict[Subset, Tensor]:
        """Logits ``(N, C)`` of every subset of modalities but all and none, with gradient.

        Raises:
            ValueError: If an input is no tensor, so that nobody knows its zero.
        """
        features, size = step.features, step.num_samples
        zeros = {name: torch.zeros_like(value) for name, value in features.items()}
        if self.blank == 'input':
            for name, value in step.inputs.items():
                if not isinstance(value, Tensor):
                    raise ValueError(f"AGMClsHead: blank='input' needs tensors as inputs, but that of {name!r} is "
                                     f"{type(value).__name__}: set blank='feature'")
            features = step.encode(step.inputs, size, evaluation=True)
            sample = {name: torch.zeros_like(value[:len(value) // size]) for name, value in step.inputs.items()}
            zeros = {name: value.expand(size, -1) for name, value in step.encode(sample, 1, evaluation=True).items()}
        with evaluating(self.fusion):
            return {subset: self.fusion({name: (features if name in subset else zeros)[name] for name in features})
                    for subset in subsets(self.fusion.modalities)}

    @torch.no_grad()
    def _scores(self, outputs: Mapping[str, Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of each output over the labelled samples of all processes ``(M, )``, and their number."""
        known, index = labels >= 0, labels.clamp_min(0)[:, None]
        picked = [widen(value).log_softmax(1).gather(1, index)[:, 0] for value in outputs.values()]
        sums = [-(value.clamp_min(math.log(epsilons.SCORE_PROBABILITY)) * known).sum() for value in picked]
        total = torch.stack([*sums, known.sum().to(sums[0])])
        all_reduce(total)
        return total[:-1] / total[-1].clamp_min(1), total[-1]

    def _coefficients(self, scores: Tensor) -> Tensor:
        r""":math:`\kappa`, ``(M, )``."""
        excess = _lead(self.running_scores.to(scores)) - _lead(scores)
        return (self.alpha * excess.clamp_max(self.cap)).exp()

    @torch.no_grad()
    def _remember(self, scores: Tensor, count: Tensor) -> None:
        """Take the scores of a step into the running mean, unless no sample had a label or a score is not finite."""
        usable = (count > 0) & scores.isfinite().all()
        self.iterations += usable.to(self.iterations)
        moved = torch.lerp(self.running_scores, scores.to(self.running_scores), 1 / self.iterations.clamp_min(1))
        self.running_scores.copy_(torch.where(usable, moved, self.running_scores))


def subsets(names: Subset) -> Iterator[Subset]:
    """Non-empty subsets of ``names`` but the whole, in order."""
    for size in range(1, len(names)):
        yield from combinations(names, size)


def shapley(values: Mapping[Subset, Tensor], names: Subset) -> dict[str, Tensor]:
    r""":math:`m_i = \sum_{S \not\ni i} \frac{|S|!\,(M - |S| - 1)!}{M!} (F(S \cup i) - F(S))`; they sum to the whole.

    Args:
        values (dict[tuple, Tensor]): Subset of ``names``, in their order -> :math:`F`; the empty one counts as 0.
        names (tuple[str, ...]): The :math:`M` players.
    """
    out = {}
    for player in names:
        terms = []
        for subset, value in values.items():
            inside = player in subset
            size = len(subset) - inside
            weight = math.factorial(size) * math.factorial(len(names) - size - 1) / math.factorial(len(names))
            terms.append(weight * value if inside else -weight * value)
        out[player] = torch.stack(terms).sum(0)
    return out


def _lead(scores: Tensor) -> Tensor:
    """Exponential of how far the others' mean score lies above the own, ``(M, )``."""
    return ((scores.sum() - len(scores) * scores) / (len(scores) - 1)).exp()
