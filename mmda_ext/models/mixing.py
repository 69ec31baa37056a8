"""Samples of a batch mixed with each other (Mixup; Zhang et al., ICLR 2018), alike in all modalities."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.models.data_preprocessors.padding import Padded
from mmda_ext.models.step import Mix
from mmda_ext.registry import MODELS

LEVELS = ('input', 'feature')


@MODELS.register_module()
class Mixup(nn.Module):
    r""":math:`\tilde x_i^m = \lambda x_i^m + (1 - \lambda) x_{\pi(i)}^m`, with the same :math:`\lambda, \pi` for all m.

    One :math:`\lambda` of :math:`\mathrm{Beta}(\alpha, \alpha)` and one permutation for each batch and process, from
    the generator that dropout draws from too. The larger of :math:`\lambda` and :math:`1 - \lambda` falls to sample i:
    that is the same batch in another order, and its own label and domain are then those that dominate. Samples without
    a label stay as they are.

    Args:
        alpha (float): :math:`\alpha \ge 0`; 0.2 in DomainBed. At 0, which Beta approaches with :math:`\lambda` 0 or 1,
            nothing is drawn or mixed.
        level (str): ``'input'``: what goes into the encoders; ``'feature'``: what comes out (after Verma et al., ICML
            2019).

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(self, alpha: float = 0.2, level: str = 'input') -> None:
        super().__init__()
        if not 0 <= alpha < float('inf'):
            raise ValueError(f'Mixup: alpha={alpha!r} must be a number >= 0')
        self.alpha, self.level = alpha, choose('level', level, LEVELS, 'Mixup')

    def forward(self, data_samples: Sequence[Any]) -> Mix | None:
        """Draw weight and partners for one batch; None if alpha is 0."""
        if not self.alpha:
            return None
        weight = float(torch.distributions.Beta(self.alpha, self.alpha).sample())
        labelled = torch.tensor([i for i, sample in enumerate(data_samples) if 'gt_label' in sample], dtype=torch.long)
        partner = torch.arange(len(data_samples))
        partner[labelled] = labelled[torch.randperm(len(labelled))]
        return Mix(max(weight, 1 - weight), partner)

    def mix_inputs(self, inputs: Mapping[str, Any], mix: Mix) -> dict[str, Any]:
        """Inputs ``{m: (N * S_m, ...)}``, mixed if that is the level; of two sequences the longer one tells the length.

        Raises:
            ValueError: If a modality consists of token ids.
        """
        return {name: _mix_input(name, value, mix) for name, value in inputs.items()} \
            if self.level == 'input' else dict(inputs)

    def mix_features(self, features: Mapping[str, Tensor], mix: Mix) -> dict[str, Tensor]:
        """Features ``{m: (N, D_m)}``, mixed if that is the level."""
        return {name: mix.rows(value) for name, value in features.items()} \
            if self.level == 'feature' else dict(features)


def _mix_input(name: str, inputs: Any, mix: Mix) -> Any:
    values = inputs.values if isinstance(inputs, Padded) else inputs
    if not values.is_floating_point():
        raise ValueError(f'Mixup: modality {name!r} holds whole numbers, such as token ids, which have no mixture: '
                         "set model.mixing.level='feature', or leave the modality out")
    if not isinstance(inputs, Padded):
        return mix.rows(inputs)
    inside = inputs.mask.to(values.device).view(*values.shape[:2], *[1] * (values.dim() - 2))
    partner = mix.partner.to(inputs.lengths.device, non_blocking=True)
    # Without keys: nothing may be filed under the name of a sample that it is only a part of.
    return Padded(mix.rows(values.where(inside, 0)), torch.maximum(inputs.lengths, inputs.lengths[partner]))
