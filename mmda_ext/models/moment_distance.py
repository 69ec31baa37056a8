"""Which distance of second moments is meant, and how much of it trains which domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mmengine.dist import get_world_size
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.alignment import SecondMoments


@dataclass(frozen=True)
class MomentDistance:
    r""":math:`k \lVert C(Z^s) - C(Z^t) \rVert_F^2` of modalities side by side, and its gradients.

    Args:
        statistic (str): ``'covariance'`` (divisor n - 1) or ``'correlation'``.
        normalize (str): :math:`k` for ``d`` features: ``'none'`` (1, as printed), ``'deep_coral'``
            (:math:`1/(4 d^2)`) or ``'mean'`` (:math:`1/d^2`). It changes gamma and, by orders of magnitude, the size
            of the term.
        mean_term (bool): Align the means too, as DomainBed does; :math:`k` does not apply to it.
        form (str): ``'direct'``, ``'low_rank'`` (cheaper where the batch is smaller than the width) or ``'auto'``.
        grad_on (str): Rows that receive the gradient: ``'both'`` domains, ``'source'`` or ``'target'``.

    Raises:
        ValueError: If an option is unknown.
    """

    statistic: str = 'covariance'
    normalize: str = 'none'
    mean_term: bool = False
    form: str = 'auto'
    grad_on: str = 'both'

    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        'statistic': ('covariance', 'correlation'), 'normalize': ('none', 'deep_coral', 'mean'),
        'form': ('auto', 'direct', 'low_rank'), 'grad_on': ('both', 'source', 'target')}

    def __post_init__(self) -> None:
        for name, allowed in self.allowed.items():
            choose(name, getattr(self, name), allowed)

    def moments(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> SecondMoments:
        """Of both domains, modality -> ``(n, d_m)``."""
        return SecondMoments(source, target, self.statistic)

    def __call__(self, moments: SecondMoments, names: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Scalar, and modality -> gradient ``(n_s + n_t, d_m)``, of the modalities ``names`` side by side."""
        low_rank = {'auto': None, 'direct': False, 'low_rank': True}[self.form]
        # As much as the mean over processes takes away again.
        source, target = (get_world_size() * (self.grad_on in ('both', domain)) for domain in ('source', 'target'))
        return moments.distance(names, self.mean_term, self._factor(moments.width(names)), low_rank, (source, target))

    def _factor(self, width: int) -> float:
        return {'none': 1.0, 'deep_coral': 1 / (4 * width**2), 'mean': 1 / width**2}[self.normalize]
