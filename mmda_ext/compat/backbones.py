"""Backbones of MMAction2 that are built without published weights."""

from typing import Any


def forget_missing_weights(backbone: Any) -> None:
    """``pretrained2d`` is on by default, and then TSM, Swin and others read ``pretrained`` even where it is None.

    Their ``init_weights`` ends in ``TypeError: expected string or bytes-like object`` (MMAction2 1.2.0).
    """
    if getattr(backbone, 'pretrained2d', False) and not getattr(backbone, 'pretrained', None):
        backbone.pretrained2d = False
