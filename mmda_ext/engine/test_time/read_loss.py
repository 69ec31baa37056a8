"""The loss of READ: sure predictions surer, classes in balance."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.engine.test_time.base import Learning
from mmda_ext.engine.test_time.session import Said, Session
from mmda_ext.gradients.probe import widen
from mmda_ext.models.heads.base import entropies

BALANCES = ('published', 'mean')


class ReadLoss(Learning):
    r""":math:`\frac{1}{N} \sum_i -\hat p_i \ln \hat p_i - H(\bar p)` (Yang et al., ICLR 2024).

    With :math:`\hat p_i = \max_c p_{ic}`: a prediction below :math:`1/e` is made less sure, one above it surer. READ
    moves the projections of the first attention between the modalities; here the fusion in front of its last layer
    weighs them.

    Args:
        lr (float): As in :class:`.base.Learning`, of Adam.
        params (str): As there.
        predict (str): As there.
        reset (str): As there.
        balance (str): :math:`\bar p`: the ``'published'`` softmax of the summed probabilities, or their ``'mean'``.
        **stream: As there.
    """

    def __init__(self, lr: float = 1e-4, params: str = 'fusion', predict: str = 'after', reset: str = 'domain',
                 balance: str = 'published', **stream: Any) -> None:
        super().__init__(lr, params, predict, reset, **stream)
        self.balance = choose('balance', balance, BALANCES, self.option)

    def optimizer(self, parameters: Sequence[Any]) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(parameters, lr=self.lr)

    def loss(self, session: Session, said: Said) -> tuple[Tensor, int]:
        """Of all samples."""
        log_p = widen(said.logits).log_softmax(1)
        surest = log_p.max(1)[0]
        return -(surest.exp() * surest).mean() - balance_of(log_p, self.balance), len(log_p)


def balance_of(log_p: Tensor, kind: str = 'published') -> Tensor:
    """Entropy in nats of the classes over a batch of log-probabilities ``(N, C)``; see :class:`ReadLoss`."""
    return entropies(log_p.exp().sum(0) if kind == 'published' else log_p.logsumexp(0))
