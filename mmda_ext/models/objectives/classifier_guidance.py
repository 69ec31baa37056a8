"""An auxiliary classifier per modality that watches its features without moving them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.choices import choose
from mmda_ext.gradients import Probe
from mmda_ext.models.fusions.base import fused_width
from mmda_ext.models.heads.base import masked_cross_entropy, widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS

DIRECTIONS = ('off', 'constant', 'live')


@MODELS.register_module()
class ClassifierGuidance(Objective):
    r""":math:`\sum_m \mathrm{CE}(C^m(\mathrm{stop}(z^m)), y)` and :math:`\frac{\lambda}{M} (1 - \cos_m)`.

    (CGGM; Guo et al., NeurIPS 2024.) The classifiers tell the balancer how many samples each modality gets right, and
    the direction in which its output layer :math:`W^m` would move: :math:`\cos_m` is the cosine between
    :math:`\nabla_{W^m} \mathrm{CE}` and :math:`\nabla_W L` of the fused output layer. The balancer multiplies the
    second term by :math:`B_m` for the encoders, which makes it :math:`\lambda L_{gm}`; heads receive it as it is.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer.
        hidden_channels (int, optional): Hidden width of the classifiers (Linear, ReLU, Linear): by default that of the
            features, or, with a direction, that of the fused representation, because a cosine needs equal shapes.
        direction (str): ``'live'`` differentiates the second term; ``'constant'`` adds its value only, as the public
            code does, which moves nothing; ``'off'`` leaves it out.
        direction_weight (float): :math:`\lambda`; 0.05 (Food-101) and 0.2 (MOSI) in the paper.
        task (str): Name of the loss of the classifiers.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``direction`` is unknown, or ``hidden_channels`` does not go with it.

    Differences from the public code: MLPs on pooled features instead of transformers on sequences; trained by the one
    optimizer of the run (give the key ``auxiliary`` a learning rate of its own with ``paramwise_cfg``); cosines of
    gradients, as in the paper, instead of weights, without biases; the value of this step instead of the one before.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 hidden_channels: int | None = None,
                 direction: str = 'constant',
                 direction_weight: float = 0.05,
                 task: str = 'guidance',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, None, init_cfg)
        choose('direction', direction, DIRECTIONS, 'ClassifierGuidance')
        if direction != 'off':
            fused = fused_width(fusion)
            if hidden_channels not in (None, fused):
                raise ValueError(f'ClassifierGuidance: hidden_channels={hidden_channels} does not go with '
                                 f"direction={direction!r}: leave it out, give {fused}, or set direction='off'")
            hidden_channels = fused
        self.loss_name, self.direction, self.direction_weight = task, direction, direction_weight
        widths = fusion['in_channels']
        self.auxiliary_hidden = nn.ModuleDict(
            {name: nn.Linear(width, hidden_channels or width)
             for name, width in widths.items()})
        self.auxiliary_output = nn.ModuleDict(
            {name: nn.Linear(hidden_channels or width, num_classes)
             for name, width in widths.items()})

    def forward(self, step: Step) -> Terms:
        """``{'loss_<task>': scalar, 'loss_direction/<modality>': scalar, ...}``, and what they predict."""
        hidden = {name: own(step.features[name].detach()).relu() for name, own in self.auxiliary_hidden.items()}
        logits = {name: own(hidden[name]) for name, own in self.auxiliary_output.items()}
        losses = [masked_cross_entropy(value, step.labels) for value in logits.values()]
        out = Terms({f'loss_{self.loss_name}': torch.stack(losses).sum()},
                    probes={self.loss_name: Probe(logits, step.labels)})
        if self.direction == 'off':
            return out
        with torch.set_grad_enabled(self.direction == 'live'):
            labels, predictions = join_rows(step.labels), step.predictions
            fused = output_gradient(join_rows(predictions.logits), join_rows(predictions.fused), labels)
            for name in logits:
                own = output_gradient(join_rows(logits[name].detach()), join_rows(hidden[name].detach()), labels)
                cosine = F.cosine_similarity(own.flatten(), fused.flatten(), dim=0)
                out[f'loss_direction/{name}'] = self.direction_weight * (1 - cosine) / len(logits)
        return out


def output_gradient(logits: Tensor, hidden: Tensor, targets: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy at the weight of the last layer, in closed form and differentiable.

    Args:
        logits (Tensor): What the layer returns, ``(N, C)``.
        hidden (Tensor): What it gets, ``(N, D)``.
        targets (Tensor): Classes ``(N, )``; -1 does not count.

    Returns:
        Tensor: ``(C, D)``.
    """
    known = (targets >= 0)[:, None]
    residual = (widen(logits).softmax(1) - F.one_hot(targets.clamp_min(0), logits.shape[1])) * known
    with torch.autocast(residual.device.type, enabled=False):
        return residual.T @ hidden.to(residual) / known.sum().clamp_min(1)
