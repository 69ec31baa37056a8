"""Discriminator of source domains behind a gradient reversal."""

from collections.abc import Mapping

from torch import Tensor

from mmda_ext.models.heads.base import MultimodalHead
from mmda_ext.models.heads.gradient_reversal import reverse_gradient
from mmda_ext.models.step import Mix, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DomainDiscriminatorHead(MultimodalHead):
    r"""Which source domain does the fused feature come from? It minimises :math:`L_d`; encoders climb it.

    The reversal sits between encoders and discriminator: encoders receive :math:`-\lambda \nabla L_d`, the
    discriminator :math:`+\nabla L_d`.

    Args:
        num_domains (int): Number of source domains.
        fusion (dict): As in :class:`MultimodalHead`; an MLP with a hidden layer of 256 by default.
        reversal (float): :math:`\lambda`, factor of the reversed gradient.
        modality_logits (str): As in :class:`MultimodalHead`.
        loss_weight (float): Factor of the cross-entropy.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 num_domains: int,
                 fusion: dict,
                 reversal: float = 0.5,
                 modality_logits: str = 'masked',
                 loss_weight: float = 1.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(num_domains, fusion, modality_logits, loss_weight, init_cfg)
        self.reversal = reversal

    def loss(self, features: Mapping[str, Tensor], domains: Tensor, task: str = 'domain',
             mix: Mix | None = None) -> Terms:
        """Cross-entropy of the source domain; samples of a target domain (-1) do not count."""
        fused = self.fusion.fuse({name: reverse_gradient(value, self.reversal) for name, value in features.items()})
        values = self.cross_entropy(self.fusion.classify(fused), features, domains, task, mix)
        return Terms(values, probes={task: self.probe(features, domains, fused)})
