"""One number for the spread of a batch in all directions."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.choices import choose
from mmda_ext.models.heads.base import widen


def generalised_variance(rows: Tensor, root: bool = True) -> Tensor:
    r""":math:`|C + \epsilon I|^{1/d}` of the covariance ``C`` (divisor n - 1), or the plain determinant :math:`|C|`.

    A determinant of 256 features is 0 or infinite in floating point, and exactly 0 where ``n <= d``. The root has the
    size of a variance and the same order; :math:`\epsilon = 10^{-6}` keeps it off 0. Both come from the logarithm of
    the determinant, in float64, of the smaller of :math:`A^T A` and :math:`A A^T`, :math:`A = Z_c / \sqrt{n - 1}`.

    Args:
        rows (Tensor): :math:`Z`, at least two, ``(n, d)``.
        root (bool): Which of the two. :math:`|C|` is cut off at the largest float32, with no gradient beyond, and has
            none where it is 0.

    Returns:
        Tensor: Scalar in float32 or wider.
    """
    count, width = rows.shape
    dtype, rows = widen(rows).dtype, rows.double()
    with torch.autocast(rows.device.type, enabled=False):
        a = (rows - rows.mean(0)) / (count - 1)**.5
        gram = a @ a.T if count < width else a.T @ a
    ones = torch.eye(len(gram), dtype=a.dtype, device=a.device)
    if root:
        # The directions that the batch does not reach have variance epsilon each.
        unreached = (width - len(gram)) * math.log(epsilons.VARIANCE)
        return ((torch.linalg.slogdet(gram + epsilons.VARIANCE * ones)[1] + unreached) / width).exp().to(dtype)
    if count <= width:
        return 0.0 * a.sum().to(dtype)
    sign, log = torch.linalg.slogdet(gram.detach())
    singular = (sign <= 0) | log.isinf()
    log = torch.linalg.slogdet(torch.where(singular, ones, gram))[1]
    largest = math.log(torch.finfo(torch.float32).max) - 1
    return torch.where(singular, 0.0, log.clamp_max(largest).exp()).to(dtype)


@dataclass(frozen=True)
class SpreadPenalty:
    r""":math:`\sum_m |C(Z_m)|`, which keeps the spread of features small.

    Args:
        form (str): ``'root'``, :math:`|C + 10^{-6} I|^{1/d}`, of the size of a variance; ``'plain'``, as published: 0
            without gradient where the batch has no more samples than features.
        weight (float): Factor of the term; 0 leaves it out.

    Raises:
        ValueError: If the form is unknown.
    """

    form: str = 'root'
    weight: float = 1e-3

    forms: ClassVar[tuple[str, ...]] = ('root', 'plain')

    def __post_init__(self) -> None:
        choose('form', self.form, self.forms, 'determinant')

    def __call__(self, parts: Iterable[Tensor]) -> Tensor:
        """Scalar, without the factor, of the rows ``(n, d_m)`` of each modality."""
        return torch.stack([generalised_variance(rows, root=self.form == 'root') for rows in parts]).sum()
