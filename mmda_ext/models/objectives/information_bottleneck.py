"""A class head per modality with an entropy penalty on its features (deterministic information bottleneck)."""

import torch
from torch import Tensor, nn

from mmda_ext.models.alignment import EPS
from mmda_ext.models.heads.base import masked_cross_entropy, true_class_sums, widen
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import StepRecord
from mmda_ext.registry import MODELS

ENTROPIES = ('log_eps', 'log1p', 'off')


@MODELS.register_module()
class InformationBottleneck(Objective):
    r""":math:`\sum_{m=1}^{M+1} \frac{\beta}{2} \log|\Sigma_m^s| + \mathrm{CE}(O_m^s, y^s)`, less the fused CE.

    (Boomda.) :math:`\Sigma_m` is the diagonal covariance of the source features, from :math:`I(X; Z) = H(Z)` for a
    Gaussian :math:`Z`. The fused features are the concatenation, so their term equals the sum of the others: the
    entropy part is :math:`\beta \sum_m \sum_j \log \mathrm{var}_{m,j}`. This objective owns the :math:`M` heads of the
    modalities and files their logits for those who vote; the fused classifier and its cross-entropy are the
    recognizer's ``cls_head``.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        beta (float): :math:`\beta`.
        entropy (str): ``'log_eps'``, :math:`\sum_j \log(\mathrm{var}_j + 10^{-6})`; ``'log1p'``,
            :math:`\sum_j \log(1 + \mathrm{var}_j)`, bounded below; or ``'off'``.
        loss_weight (float): Factor of the cross-entropies.
        task (str, optional): As in :class:`Objective`; by default ``heads`` and ``entropy``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``entropy`` is unknown.

    Differences from the paper, which is silent on them: biased variance of the batch with a floor, in float32 or wider;
    0 for a batch with one source sample.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 beta: float = 5e-4,
                 entropy: str = 'log_eps',
                 loss_weight: float = 1.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if entropy not in ENTROPIES:
            raise ValueError(f'InformationBottleneck: entropy={entropy!r} is unknown: choose one of {ENTROPIES}')
        self.beta, self.entropy, self.loss_weight = beta, entropy, loss_weight
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, num_classes)
             for name, width in fusion['in_channels'].items()})

    def forward(self, record: StepRecord) -> dict[str, Tensor]:
        """``{'loss_heads': scalar, 'loss_entropy': scalar}``; files logits and confidences of the heads."""
        logits = {name: head(record.features[name]) for name, head in self.heads.items()}
        record.modality_logits, record.modality_classifiers = logits, dict(self.heads.items())
        rows = record.source_rows
        labels = record.labels[rows]
        record.confidences[self.task or 'heads'] = lambda: true_class_sums(logits, record.labels)
        losses = [masked_cross_entropy(value[rows], labels) for value in logits.values()]
        out = {'loss_heads': self.loss_weight * torch.stack(losses).sum()}
        if self.entropy != 'off':
            terms = [log_determinant(record.features[name][rows], self.entropy) for name in self.heads]
            # Half of beta for the modalities, the other half for the fused features, whose term is the same sum.
            out['loss_entropy'] = self.beta * torch.stack(terms).sum()
        return out


def log_determinant(features: Tensor, entropy: str = 'log_eps') -> Tensor:
    """Log-determinant of the diagonal covariance of ``(n, d)``, a scalar; 0 for fewer than two rows."""
    if len(features) < 2:
        return 0.0 * widen(features).sum()
    variance = widen(features).var(0, correction=0)
    return torch.log1p(variance).sum() if entropy == 'log1p' else (variance + EPS).log().sum()
