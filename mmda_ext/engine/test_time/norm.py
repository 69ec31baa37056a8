"""Batch statistics alone: what a method that moves scale and shift must beat."""

from collections.abc import Sequence
from typing import Any

from mmda_ext.engine.test_time.base import TestTimeMethod
from mmda_ext.engine.test_time.layers import batch_norms
from mmda_ext.engine.test_time.session import Said, Session


class Norm(TestTimeMethod):
    """Batch normalisation by mean and variance of the test batch (Nado et al., 2020); nothing is learned.

    Args are those of :class:`.base.TestTimeMethod`.
    """

    def parameters(self, model: Any) -> Sequence[Any]:
        """None.

        Raises:
            ValueError: If the model has no batch normalisation, so that nothing would change.
        """
        if not batch_norms(model):
            raise ValueError(f'{self.option} takes the statistics of batch normalisation from the test batch, and the '
                             'model has none: use tent with test_time.tent.params=fusion')
        return ()

    def step(self, session: Session, said: Said) -> None:
        """Nothing is learned."""
