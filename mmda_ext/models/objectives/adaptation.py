"""What objectives that compare source and target have in common: placement, gradient reversal, conditioning."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.adaptation import FUSED, Comparison, Ramp
from mmda_ext.models.heads.base import widen
from mmda_ext.models.heads.gradient_reversal import reverse_gradient
from mmda_ext.models.joining import enough
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step

PLACEMENTS = ('fused', 'per_modality', 'both')
CONDITIONS = ('own', 'fused')


class AdaptationObjective(Objective):
    r"""Applies a criterion that was made for one representation to the features of a multimodal model.

    ===================  =====================================================  =======================
    ``placement``        criteria on                                            weight of each
    ===================  =====================================================  =======================
    ``'fused'``          the concatenation of all features, the fused logits    1
    ``'per_modality'``   features and logits of each modality                   :math:`1/M`
    ``'both'``           all of them                                            :math:`1/(M+1)`
    ===================  =====================================================  =======================

    With ``balanced`` the weights are left to a balancer: each criterion is a task of its own. A subclass implements
    :meth:`criterion`; a batch without source or without target samples, on all processes together, adds 0.

    Args:
        fusion (dict): Fusion config of the recognizer.
        placement (str): See the table.
        loss_weight (float): Factor of every criterion.
        balanced (bool): File the criteria as tasks ``<task>/<modality>`` and ``<task>/fused`` without the weights of
            the table, instead of their weighted sum as ``<task>``.
        task (str): Name of the loss. With the default, the tasks are those that ``mmda_ext.MGDA`` balances.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``placement`` is unknown.
    """

    def __init__(self,
                 fusion: dict,
                 placement: str = 'fused',
                 loss_weight: float = 1.0,
                 balanced: bool = False,
                 task: str = 'align',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, None, init_cfg)
        choose('placement', placement, PLACEMENTS, type(self).__name__)
        self.loss_name, self.loss_weight, self.balanced = task, loss_weight, balanced
        widths = fusion['in_channels']
        #: Criterion -> modalities whose features it compares, and the width of these together.
        self.members: dict[str, tuple[str, ...]] = {}
        if placement != 'fused':
            self.members.update({name: (name, ) for name in widths})
        if placement != 'per_modality':
            self.members[FUSED] = tuple(widths)
        self.widths = {name: sum(widths[m] for m in members) for name, members in self.members.items()}

    #: Domains of which the criterion needs samples, and how many of each.
    compared: tuple[str, ...] = ('source', 'target')
    fewest = 1

    @abstractmethod
    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Value and detached diagnostics of one criterion, for a batch of which :meth:`defined` is true."""

    def defined(self, index: Mapping[str, Tensor]) -> bool:
        """Whether a batch, its positions by domain, has the samples that the criterion needs; all processes agree."""
        return enough(*(index[name] for name in self.compared), least=self.fewest)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_<task>': scalar}`` or one loss per task; diagnostics are ``<task>/<criterion>_<name>``."""
        index = dict(source=step.source_index, target=step.target_index)
        defined = self.defined(index)
        terms, out = {}, {}
        for name, members in self.members.items():
            comparison = Comparison(name, members, step, **index)
            terms[name], seen = self.criterion(comparison) if defined else (self._none(comparison), {})
            out.update({f'{self.loss_name}/{name}_{key}': value for key, value in seen.items()})
        if self.balanced:
            out.update({f'loss_{self.loss_name}/{name}': self.loss_weight * value for name, value in terms.items()})
        else:
            out[f'loss_{self.loss_name}'] = self.loss_weight * torch.stack(list(terms.values())).mean()
        return out

    def _none(self, comparison: Comparison) -> Tensor:
        """0 in the graph of features and parameters: under DDP every parameter wants a gradient in every step."""
        own = [parameter.sum() for parameter in self.parameters()]
        return 0.0 * torch.stack([widen(comparison.joined).sum(), *own]).sum()


class AdversarialObjective(AdaptationObjective):
    r"""One that a discriminator minimises and the encoders, behind a gradient reversal, maximise.

    Args are those of :class:`AdaptationObjective`, and:

    Args:
        ramp (dict, optional): Arguments of the :class:`Ramp` of :math:`\lambda`; ``dict(lo=1, hi=1)`` is a constant.
    """

    def __init__(self, *args: Any, ramp: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ramp = Ramp(**(ramp or {}))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """As :class:`AdaptationObjective`, and the diagnostic ``<task>_lambda``."""
        return {**super().forward(step), f'{self.loss_name}_lambda': torch.tensor(float(self.ramp()))}

    def reverse(self, x: Tensor) -> Tensor:
        r"""Identity whose gradient is multiplied by :math:`-\lambda`."""
        return reverse_gradient(x, self.ramp())


class ConditionalObjective(AdversarialObjective):
    """An adversarial one that is conditioned on class probabilities, which pass on no gradient.

    Args are those of :class:`AdversarialObjective`, and:

    Args:
        num_classes (int): Number of classes.
        condition_on (str): Prediction that belongs to a criterion: that of its ``'own'`` classifier or of the
            ``'fused'`` one.

    Raises:
        ValueError: If ``condition_on`` is unknown.
    """

    def __init__(self, num_classes: int, *args: Any, condition_on: str = 'own', **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose('condition_on', condition_on, CONDITIONS, type(self).__name__)
        self.num_classes, self.condition_on = num_classes, condition_on

    def probabilities(self, comparison: Comparison) -> Tensor:
        """Detached, in float32 or wider, ``(N, C)``."""
        return widen(comparison.logits(self.condition_on).detach()).softmax(1)
