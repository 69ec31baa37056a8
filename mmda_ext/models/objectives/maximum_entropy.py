"""Features of each modality that fill their space: spread in each direction, and in all together (MER-DG, 2026)."""

import math

import torch
from torch import Tensor, nn

from mmda_ext import epsilons
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import enough, join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import SkipCounter
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MaximumEntropy(SkipCounter, Objective):
    r""":math:`w \sum_m (a \, R_{\text{marg}}(h^m) + b \, R_{\text{spec}}(h^m))`, h a projection of the feature z.

    With B samples and D columns,

    .. math::
        R_{\text{marg}} = \operatorname{mean}_d \max(0, 1 - \sqrt{\operatorname{Var}_d + \epsilon}),\qquad
        R_{\text{spec}} = -\tfrac{1}{D} \log \det \big(\tfrac{1}{B - 1} X^\top X + \epsilon I \big)

    where X holds the columns of h less their mean, divided by their spread. The projection is Linear, LayerNorm, ReLU
    twice, and Linear; the encoders feel the loss through it alone. Statistics are those of the labelled samples of all
    processes; fewer than two add 0 and count as ``max_entropy_skipped``.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        marginal (float): :math:`a`.
        spectral (float): :math:`b`.
        hidden_channels (int): Width of the hidden layers of the projections.
        out_channels (int): :math:`D`.
        loss_weight (float): :math:`w`.
        task (str, optional): As in :class:`Objective`; by default ``max_entropy``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If a weight is negative.

    Source: Yarici, AlRegib, ICML 2026 (arXiv 2605.01967), in its release; the paper itself could not be read.
    Differences: the determinant in double precision, and of a B x B matrix where B is less than D.
    """

    # A step of the full weight on so few columns multiplies rounding errors.
    example = dict(hidden_channels=8, out_channels=4, loss_weight=0.1)

    def __init__(self,
                 fusion: dict,
                 marginal: float = 1.0,
                 spectral: float = 1.0,
                 hidden_channels: int = 2048,
                 out_channels: int = 128,
                 loss_weight: float = 3.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        for name, value in (('marginal', marginal), ('spectral', spectral), ('loss_weight', loss_weight)):
            if not 0 <= value < math.inf:
                raise ValueError(f'MaximumEntropy: {name}={value!r} must be a number >= 0')
        self.heads = nn.ModuleDict({name: projection(width, hidden_channels, out_channels)
                                    for name, width in fusion['in_channels'].items()})
        self.marginal, self.spectral, self.loss_weight = marginal, spectral, loss_weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_max_entropy': scalar, 'max_entropy_skipped': steps with too few samples}``."""
        known = step.labels >= 0
        rows = {name: widen(head(step.features[name][known])) for name, head in self.heads.items()}
        defined = enough(next(iter(rows.values())), least=2)
        self.skipped += not defined
        each = [self.penalty(join_rows(own)) if defined else 0.0 * own.sum() for own in rows.values()]
        return {'loss_max_entropy': self.loss_weight * torch.stack(each).sum(), **self.skips('max_entropy')}

    def penalty(self, rows: Tensor) -> Tensor:
        """Both terms of rows ``(B, D)``, a scalar."""
        return self.marginal * marginal_penalty(rows) + self.spectral * spectral_penalty(rows)


def projection(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    """Linear, LayerNorm, ReLU, twice, and a linear layer."""
    layers: list[nn.Module] = []
    for width in (in_channels, hidden_channels):
        layers += [nn.Linear(width, hidden_channels), nn.LayerNorm(hidden_channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden_channels, out_channels))


def marginal_penalty(rows: Tensor) -> Tensor:
    """How far the spread of the columns of ``(B, D)`` falls short of 1, on average (unbiased variance)."""
    return (1 - (rows.var(0) + epsilons.CORRELATION).sqrt()).clamp_min(0).mean()


def spectral_penalty(rows: Tensor) -> Tensor:
    r"""Minus the mean log eigenvalue of the correlation of the columns of ``(B, D)``, :math:`\epsilon` added.

    For :math:`B < D`: :math:`\log\det_D(X^\top X/(B-1) + \epsilon I) = (D-B) \log \epsilon +
    \log\det_B(X X^\top/(B-1) + \epsilon I)`.
    """
    count, width = rows.shape
    with torch.autocast(rows.device.type, enabled=False):
        wide = rows.double()  # eigenvalues of 0 become tiny beside others of 100
        scaled = (wide - wide.mean(0)) / (wide.std(0, unbiased=False) + epsilons.CORRELATION)
        small = scaled @ scaled.T if count < width else scaled.T @ scaled
        small = small / (count - 1)
        small = small + epsilons.CORRELATION * torch.eye(len(small), dtype=small.dtype, device=small.device)
        log_det = torch.linalg.slogdet(small)[1] + max(0, width - count) * math.log(epsilons.CORRELATION)
    return (-log_det / width).to(rows.dtype)
