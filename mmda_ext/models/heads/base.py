"""A fusion with a cross-entropy loss and per-modality confidences."""

from collections.abc import Mapping
from functools import partial

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.gradients import Probe
from mmda_ext.gradients.probe import widen
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.step import Mix
from mmda_ext.registry import MODELS


class MultimodalHead(BaseModule):
    """Fused logits, their cross-entropy, and what each modality alone believes.

    Args:
        out_channels (int): Number of classes.
        fusion (dict): Config of a fusion without ``out_channels``; the recognizer hands its own down.
        modality_logits (str): How the prediction is split by modality: a mode of the fusion, or ``'heads'``: a linear
            head per modality on detached features, trained beside and without effect on the encoders.
        loss_weight (float): Factor of the cross-entropy.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 out_channels: int,
                 fusion: dict,
                 modality_logits: str = 'masked',
                 loss_weight: float = 1.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.fusion: Fusion = MODELS.build({**fusion, 'out_channels': out_channels})
        self.mode, self.loss_weight, self.label_smooth_eps = modality_logits, loss_weight, 0.0
        self.heads: nn.ModuleDict | None = None
        if modality_logits == 'heads':
            self.heads = nn.ModuleDict(
                {name: nn.Linear(width, out_channels)
                 for name, width in self.fusion.in_channels.items()})
        else:
            self.fusion.check_mode(modality_logits)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """``{m: (N, D_m)}`` -> fused logits ``(N, C)``."""
        return self.fusion(features)

    def modality_logits(self, features: Mapping[str, Tensor], fused: Tensor | None = None) -> dict[str, Tensor]:
        """Logits of each modality alone, ``{m: (N, C)}``, without gradient; ``fused`` as for the fusion's."""
        if self.heads is None:
            return self.fusion.modality_logits(features, self.mode, fused)
        with torch.no_grad(), evaluating(self.heads):
            dtype = next(self.heads.parameters()).dtype
            return {name: head(features[name].to(dtype)) for name, head in self.heads.items()}

    def probe(self, features: Mapping[str, Tensor], targets: Tensor, fused: Tensor | None = None) -> Probe:
        """What each modality alone predicts, beside ``targets`` ``(N, )``; ``fused`` as for :meth:`modality_logits`."""
        return Probe(partial(self.modality_logits, features, None if fused is None else fused.detach()), targets)

    def cross_entropy(self, logits: Tensor, features: Mapping[str, Tensor], targets: Tensor, name: str,
                      mix: Mix | None = None) -> dict[str, Tensor]:
        """Losses ``loss_<name>`` (and ``loss_<name>_heads`` of separate heads) and accuracy ``<name>_acc``.

        Mixed samples have two labels, and no accuracy.
        """
        loss = masked_cross_entropy(logits, targets, mix, self.label_smooth_eps)
        out = {f'loss_{name}': self.loss_weight * loss}
        if self.heads is not None:
            out[f'loss_{name}_heads'] = torch.stack([
                masked_cross_entropy(head(features[modality].detach()), targets, mix)
                for modality, head in self.heads.items()
            ]).sum()
        if mix is not None:
            return out
        known = targets >= 0
        hits = ((logits.detach().argmax(1) == targets) & known).sum()
        out[f'{name}_acc'] = 100.0 * hits / known.sum().clamp_min(1)
        return out


def masked_cross_entropy(logits: Tensor, targets: Tensor, mix: Mix | None = None,
                         label_smooth_eps: float = 0.0) -> Tensor:
    r"""Mean cross-entropy over the samples with a target; 0, still attached to the graph, where there is none.

    With ``mix``, that with the soft targets of mixed samples, :math:`\lambda y_i + (1 - \lambda) y_{\pi(i)}`.

    With ``label_smooth_eps`` the target is that share of the uniform distribution, and the class for the rest.

    Not finite if any logit is not, also one of a sample without a target: its gradient of 0 times NaN would spoil the
    encoders in a step whose loss looks well.
    """
    if mix is not None:
        # Linear in the target; a permutation among samples with a target keeps their number.
        own, other = (masked_cross_entropy(logits, part, None, label_smooth_eps)
                      for part in (targets, targets[mix.partner.to(targets.device)]))
        return mix.weight * own + (1 - mix.weight) * other
    total = F.cross_entropy(
        widen(logits), targets, ignore_index=-1, reduction='sum', label_smoothing=label_smooth_eps)
    total = total + 0 * widen(logits.detach()).sum()
    return total / (targets >= 0).sum().clamp_min(1)


def entropies(logits: Tensor, eps: float = 0.0) -> Tensor:
    r""":math:`-\sum_y p_y \log(p_y + \epsilon)` of the predictions of logits ``(..., C)``, shape ``(...)``."""
    log_p = widen(logits).log_softmax(-1)
    p = log_p.exp()
    return -(p * ((p + eps).log() if eps else log_p)).sum(-1)


def probabilities(logits: Tensor) -> Tensor:
    """Softmax of logits ``(N, C)``; a row with any logit that is not finite holds NaN, also where softmax gives 0."""
    return logits.softmax(1) + 0 * logits
