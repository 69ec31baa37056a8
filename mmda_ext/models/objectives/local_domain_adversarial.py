"""A domain projection per modality in front of one shared discriminator."""

import torch
from torch import nn

from mmda_ext.gradients import Probe
from mmda_ext.models.heads.base import masked_cross_entropy
from mmda_ext.models.heads.gradient_reversal import reverse_gradient
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class LocalDomainAdversarial(Objective):
    r""":math:`w \sum_m \mathrm{CE}(D(P^m(\mathrm{reverse}_\lambda(z^m))), d)` with one discriminator :math:`D` for all.

    The form of GMP in the first author's later release, but with a discriminator that learns: there it never received
    a gradient. Projection: Linear, ReLU, dropout; discriminator: Linear, BatchNorm, ReLU, Linear.

    Args:
        num_domains (int): Number of source domains; with fewer than two the objective says so once and adds no loss.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        reversal (float): :math:`\lambda`; 0.3 in the release.
        loss_weight (float): :math:`w`; 0.5 in the release.
        projection_channels (int): Width of the projections; 512 in the release.
        hidden_channels (int): Width inside the discriminator; 256 in the release.
        dropout (float): Dropout after the projections.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.
    """

    takes_mixed = True
    example = dict(projection_channels=8, hidden_channels=8)

    def __init__(self,
                 num_domains: int,
                 fusion: dict,
                 reversal: float = 0.3,
                 loss_weight: float = 0.5,
                 projection_channels: int = 512,
                 hidden_channels: int = 256,
                 dropout: float = 0.5,
                 task: str = 'domain',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.loss_name = task
        self.reversal, self.loss_weight = reversal, loss_weight
        self.active = self.can_discriminate(num_domains)
        if not self.active:
            return
        self.project = nn.ModuleDict({
            name: nn.Sequential(nn.Linear(width, projection_channels), nn.ReLU(), nn.Dropout(dropout))
            for name, width in fusion['in_channels'].items()
        })
        self.discriminator = nn.Sequential(
            nn.Linear(projection_channels, hidden_channels), nn.BatchNorm1d(hidden_channels), nn.ReLU(),
            nn.Linear(hidden_channels, num_domains))

    def forward(self, step: Step) -> Terms:
        """``{'loss_<task>': scalar}``, and the train-time logits."""
        if not self.active:
            return Terms({})
        logits = {
            name: self.discriminator(project(reverse_gradient(step.features[name], self.reversal)))
            for name, project in self.project.items()
        }
        domains = step.domain_labels
        losses = [masked_cross_entropy(value, domains, step.mix) for value in logits.values()]
        total = self.loss_weight * torch.stack(losses).sum()
        return Terms({f'loss_{self.loss_name}': total}, probes={self.loss_name: Probe(logits, domains)})
