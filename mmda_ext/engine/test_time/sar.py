"""SAR: entropy minimisation on reliable samples, at a flat place."""

from math import log
from typing import Any

from torch import Tensor

from mmda_ext.engine.test_time.base import Learning
from mmda_ext.engine.test_time.session import Said, Session
from mmda_ext.epsilons import SAM_NORM
from mmda_ext.models.heads.base import entropies

#: Share of ``ln C`` below which an entropy is reliable.
RELIABLE = .4
#: Published for 1000 classes: mean entropy below which the model has collapsed.
COLLAPSED, CLASSES = .2, 1000
#: Weight of the past in the mean of the losses.
PAST = .9
#: Length of the step up.
RHO = .05


class Sar(Learning):
    r"""Entropy of the samples with :math:`H < 0.4 \ln C`, at a flat place (Niu et al., ICLR 2023).

    With :math:`g` the gradient of their mean entropy, the step is that of a second pass at
    :math:`\theta + 0.05\, g / \lVert g \rVert`, over those that are still reliable there. A batch without any is
    skipped. Where the running mean of the losses, :math:`e \leftarrow 0.9 e + 0.1 L`, falls below
    :math:`0.2 \ln C / \ln 1000`, the model has collapsed and is reset: 0.2 was published for 1000 classes, and a good
    model of few would fall below it at once.

    Of each encoder, the last quarter of the normalisation layers does not move; published: the last stage of a ResNet,
    the last three blocks of a transformer and its last layer.

    Args are those of :class:`.base.Learning`; a sample alone in its batch takes twice the step, as published.
    """

    front = .75

    def __init__(self, lr: float = 2.5e-4, params: str = 'norm', predict: str = 'before', reset: str = 'domain',
                 **stream: Any) -> None:
        super().__init__(lr, params, predict, reset, **stream)

    def rate(self, size: int) -> float:
        """As in :class:`.base.Learning`, and twice that for one sample."""
        return super().rate(size) * (2 if size == 1 else 1)

    def step(self, session: Session, said: Said) -> None:
        """Up, a second pass, down."""
        first = entropies(said.logits)
        bound = RELIABLE * log(said.logits.shape[1])
        reliable = first < bound
        if not reliable.any():
            return session.skip()
        slope = session.gradients(first[reliable].mean())
        length = sum((value**2).sum() for value in slope if value is not None)**.5
        with session.moved([None if value is None else RHO * value / (length + SAM_NORM) for value in slope]):
            second = entropies(session.forward().logits)[reliable]
            second = second[second < bound]
            if not len(second):
                return session.skip()
            loss = second.mean()
            found = session.gradients(loss)
        session.descend(found, len(second))
        return self._recover(session, loss.detach(), said.logits.shape[1])

    def _recover(self, session: Session, loss: Tensor, classes: int) -> None:
        past = session.memory.get('loss')
        mean = loss.item() if past is None else PAST * past + (1 - PAST) * loss.item()
        session.memory['loss'] = mean
        if mean < COLLAPSED * log(classes) / log(CLASSES):
            session.reset()
