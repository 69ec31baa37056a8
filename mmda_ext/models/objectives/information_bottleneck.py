"""A class head per modality with an entropy penalty on its features (deterministic information bottleneck)."""

import torch
from torch import Tensor, nn

from mmda_ext import epsilons
from mmda_ext.choices import choose
from mmda_ext.gradients import Probe
from mmda_ext.models.heads.base import masked_cross_entropy, widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS

OPTIONS = {'entropy': ('log_eps', 'log1p', 'off'), 'estimator': ('batch', 'ema')}


@MODELS.register_module()
class InformationBottleneck(ModalityHeads):
    r""":math:`\sum_{m=1}^{M+1} \frac{\beta}{2} \log|\Sigma_m^s| + \mathrm{CE}(O_m^s, y^s)`, less the fused CE.

    (Boomda.) :math:`\Sigma_m` is the diagonal covariance of the source features, from :math:`I(X; Z) = H(Z)` for a
    Gaussian :math:`Z`. The fused features are the concatenation, so their term equals the sum of the others: the
    entropy part is :math:`\beta \sum_m \sum_j \log \mathrm{var}_{m,j}`. The heads of the modalities and the fused
    classifier are the recognizer's; the cross-entropy of the latter is that of its ``cls_head``.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        beta (float): :math:`\beta`.
        entropy (str): ``'log_eps'``, :math:`\sum_j \log(\mathrm{var}_j + 10^{-6})`; ``'log1p'``,
            :math:`\sum_j \log(1 + \mathrm{var}_j)`, bounded below; or ``'off'``.
        estimator (str): Where the variances come from: the ``'batch'``, or ``'ema'``, a :class:`VarianceAverage` over
            batches that is saved with the model. The gradient is that of the current batch in full,
            :math:`\partial\,\mathrm{var}_j / (v_j + 10^{-6})`: the average steadies the denominator alone.
        momentum (float): :math:`\mu`.
        loss_weight (float): Factor of the cross-entropies.
        task (str, optional): As in :class:`Objective`; by default ``heads`` and ``entropy``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is unknown or out of range.

    Differences from the paper, which is silent on them: biased variance of the batch with a floor, in float32 or wider;
    0 for a batch with one source sample, which does not enter the average either.
    """

    def __init__(self,
                 fusion: dict,
                 beta: float = 5e-4,
                 entropy: str = 'log_eps',
                 estimator: str = 'batch',
                 momentum: float = 0.9,
                 loss_weight: float = 1.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        for key, value in dict(entropy=entropy, estimator=estimator).items():
            choose(key, value, OPTIONS[key], 'InformationBottleneck')
        if not 0 <= momentum < 1:
            raise ValueError(f'InformationBottleneck: momentum={momentum!r} must be in [0, 1)')
        self.beta, self.entropy, self.loss_weight = beta, entropy, loss_weight
        self.averages = nn.ModuleDict({
            name: VarianceAverage(width, momentum) if estimator == 'ema' else nn.Identity()
            for name, width in fusion['in_channels'].items()
        })

    def forward(self, step: Step) -> Terms:
        """``{'loss_heads': scalar, 'loss_entropy': scalar}``, and what the heads predict."""
        index = step.source_index
        labels = step.labels[index]
        logits = {name: value[index] for name, value in step.predictions.modality_logits.items()}
        losses = [masked_cross_entropy(value, labels) for value in logits.values()]
        out = {'loss_heads': self.loss_weight * torch.stack(losses).sum()}
        if self.entropy != 'off':
            terms = [log_determinant(join_rows(step.features[name][index]), self.entropy, self.averages[name])
                     for name in self.averages]
            # Half of beta for the modalities, the other half for the fused features, whose term is the same sum.
            out['loss_entropy'] = self.beta * torch.stack(terms).sum()
        return Terms(out, probes={self.task or 'heads': Probe(logits, labels)})


class VarianceAverage(nn.Module):
    r"""Moving average :math:`v \leftarrow \mu v + (1 - \mu) \mathrm{var}`, begun with the first batch seen.

    The variances are those of all processes, so their averages agree. A batch that is not finite does not enter.

    Args:
        width (int): Number of features.
        momentum (float): :math:`\mu`.
    """

    variance: Tensor
    batches: Tensor

    def __init__(self, width: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer('variance', torch.zeros(width))
        self.register_buffer('batches', torch.zeros(()))

    def forward(self, variance: Tensor) -> Tensor:
        """Value of the average, gradient of ``variance`` ``(d, )``; moves on in training mode only."""
        own = variance.detach()
        average = torch.where(self.batches > 0, torch.lerp(own, self.variance.to(own), self.momentum), own)
        if self.training:
            usable = own.isfinite().all()
            self.variance.copy_(torch.where(usable, average, self.variance.to(average)))
            self.batches.add_(usable)
        # Written so that the value is the average to the last bit.
        return average + (variance - own)


def log_determinant(features: Tensor, entropy: str = 'log_eps', average: nn.Module | None = None) -> Tensor:
    """Log-determinant of the diagonal covariance of ``(n, d)``, a scalar; 0 for fewer than two rows.

    Args:
        features (Tensor): ``(n, d)``.
        entropy (str): As in :class:`InformationBottleneck`, not ``'off'``.
        average (nn.Module, optional): Replaces the variances of the batch ``(d, )`` by steadier ones.
    """
    if len(features) < 2:
        return 0.0 * widen(features).sum()
    variance = widen(features).var(0, correction=0)
    variance = variance if average is None else average(variance)
    return torch.log1p(variance).sum() if entropy == 'log1p' else (variance + epsilons.VARIANCE).log().sum()
