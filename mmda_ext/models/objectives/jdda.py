"""Features of one class close together, those of different classes apart (JDDA, Chen et al., AAAI 2019)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmda_ext import epsilons
from mmda_ext.choices import choose
from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.kernels import squared_distances
from mmda_ext.models.objectives.batch import BatchObjective
from mmda_ext.registry import MODELS

FORMS = ('instance', 'centre')


@MODELS.register_module()
class JDDA(BatchObjective):
    r"""The discriminative loss of JDDA on labelled source samples; its CORAL is :class:`CorrelationAlignment` beside.

    With :math:`D_{ij} = \lVert h_i - h_j \rVert^2`, the ``'instance'`` form is the mean over all pairs of
    :math:`\max(0, D_{ij} - m_1)^2` (same class) and :math:`\max(0, m_2 - D_{ij})^2` (different classes). The
    ``'centre'`` form is

    .. math::
        \frac{1}{C n + C^2} \Big[ b \sum_i \max(0, \lVert h_i - c_{y_i} \rVert^2 - m_1) +
        \sum_{i \ne j} \max(0, m_2 - \lVert \bar h_i - \bar h_j \rVert^2) \Big]

    with running centres :math:`c`, moved without gradient after each step by
    :math:`-\eta \sum_{i \in j} (c_j - h_i) / (1 + n_j)`, and the class means :math:`\bar h` of the batch.

    Args are those of :class:`AdaptationObjective`, and:

    Args:
        num_classes (int): Number of classes :math:`C`.
        fusion (dict): Fusion config of the recognizer.
        form (str): ``'instance'`` or ``'centre'``.
        margins (tuple[float, float]): :math:`m_1, m_2`. They presume features that are not normalised: 100 is a
            distance of 10.
        squared (bool): Compare squared distances with the margins, as the public code does; otherwise distances, as the
            paper writes the instance form.
        intra_weight (float): :math:`b`.
        rate (float): :math:`\eta`.
        loss_weight (float): 0.03 in the public code, 0.003 or less for the centre form.
        task (str): Name of the loss.

    Raises:
        ValueError: If an option is unknown or out of range.

    Differences from the public code: there the mean over pairs of the instance form is divided by :math:`n^2` once
    more; put that into ``loss_weight``. Samples without a label and classes that are not in the batch take no part.
    """

    compared = ('source', )

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 form: str = 'instance',
                 margins: tuple[float, float] = (0.0, 100.0),
                 squared: bool = True,
                 intra_weight: float = 0.5,
                 rate: float = 0.5,
                 loss_weight: float = 0.03,
                 task: str = 'discriminative',
                 **kwargs: Any) -> None:
        super().__init__(fusion, loss_weight=loss_weight, task=task, **kwargs)
        choose('form', form, FORMS, 'JDDA')
        if min(margins) < 0 or not 0 <= rate <= 1 or (form == 'centre' and not squared):
            raise ValueError(f'JDDA: margins={margins!r} must not be negative, rate={rate!r} must be in [0, 1], and '
                             f"squared={squared!r} can only be chosen with form='instance'")
        self.num_classes, self.form, self.margins, self.squared = num_classes, form, tuple(margins), squared
        self.intra_weight, self.rate = intra_weight, rate
        for name, width in self.widths.items() if form == 'centre' else ():
            self.register_buffer(f'centres_{name}', torch.zeros(num_classes, width))

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the form chosen; ``intra`` and ``inter`` are its two parts."""
        rows = join_rows(widen(comparison.joined[comparison.source]))
        labels = join_rows(comparison.step.labels[comparison.source])
        if self.form == 'instance':
            intra, inter = self._of_instances(rows, labels)
        else:
            intra, inter = self._of_centres(rows, labels, self.get_buffer(f'centres_{comparison.name}'))
        return intra + inter, dict(intra=intra.detach(), inter=inter.detach())

    def _of_instances(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        distances = squared_distances(rows)
        if not self.squared:
            distances = (distances + epsilons.VARIANCE).sqrt()
        known = labels >= 0
        pairs = known[:, None] & known
        same = labels[:, None] == labels
        near = (distances - self.margins[0]).clamp_min(0).square() * (pairs & same)
        far = (self.margins[1] - distances).clamp_min(0).square() * (pairs & ~same)
        count = pairs.sum().clamp_min(1)
        return near.sum() / count, far.sum() / count

    def _of_centres(self, rows: Tensor, labels: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
        known = (labels >= 0).to(rows)
        members = F.one_hot(labels.clamp_min(0), self.num_classes).to(rows) * known[:, None]
        counts = members.sum(0)
        own = (rows - centres[labels.clamp_min(0)]).square().sum(1)
        with torch.autocast(rows.device.type, enabled=False):
            sums = members.T @ rows
        apart = (self.margins[1] - squared_distances(sums / counts.clamp_min(1)[:, None])).clamp_min(0)
        present = counts > 0
        pairs = (present[:, None] & present).fill_diagonal_(False)
        scale = self.num_classes * known.sum() + self.num_classes**2
        if self.training:
            # After the loss has read them; a difference keeps nothing for its backward pass.
            centres -= self.rate * (counts[:, None] * centres - sums.detach()) / (1 + counts[:, None])
        intra = self.intra_weight * ((own - self.margins[0]).clamp_min(0) * known).sum()
        return intra / scale, (apart * pairs).sum() / scale
