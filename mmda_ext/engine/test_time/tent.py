"""Tent: test-time entropy minimisation."""

from typing import Any

from torch import Tensor

from mmda_ext.engine.test_time.base import Learning
from mmda_ext.engine.test_time.session import Said, Session
from mmda_ext.models.heads.base import entropies


class Tent(Learning):
    r""":math:`\frac{1}{N} \sum_i H(p_i)` of the predictions (Wang et al., ICLR 2021).

    Args are those of :class:`.base.Learning`. The rate is that of published ResNets; vision transformers take 0.001.
    """

    def __init__(self, lr: float = 2.5e-4, params: str = 'norm', predict: str = 'before', reset: str = 'domain',
                 **stream: Any) -> None:
        super().__init__(lr, params, predict, reset, **stream)

    def loss(self, session: Session, said: Said) -> tuple[Tensor, int]:
        """Mean entropy in nats, of all samples."""
        return entropies(said.logits).mean(), len(said.logits)
