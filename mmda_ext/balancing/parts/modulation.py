"""By how much a modality that is ahead is slowed down (OGM-GE, CVPR 2022; GMP, AAAI 2026)."""

import torch
from torch import Tensor


def suppress(ratio: Tensor, alpha: float, smooth: bool = False) -> Tensor:
    r""":math:`1 - \tanh(\alpha r)` where the ratio exceeds 1, else 1; ``smooth`` takes :math:`r - 1` in the tanh."""
    suppressed = 1 - torch.tanh(alpha * (ratio - 1 if smooth else ratio))
    return torch.where(ratio > 1, suppressed, torch.ones_like(ratio))
