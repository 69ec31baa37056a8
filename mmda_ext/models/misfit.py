"""One sentence for a backbone that cannot take its input."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

#: What torch's messages say when a tensor has the wrong form; other faults keep their own.
_FORM = re.compile(r'conv\dd|channels|dimension|must match the size|shape')


@contextmanager
def told_in_one_sentence(modality: str, backbone: nn.Module, inputs: Any) -> Iterator[None]:
    """Name modality, backbone and input where torch names only sizes.

    Raises:
        ValueError: In the place of torch's error about the form of a tensor.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(inputs, Tensor) or not _FORM.search(str(error)):
            raise
        raise ValueError(
            f'{type(backbone).__name__}, the backbone of {modality!r}, cannot take inputs of shape '
            f'{tuple(inputs.shape)}: {str(error).splitlines()[0]}; docs/backbones.md says what each backbone takes, '
            'and that networks on single images need `fold_frames=True` in their preprocessor') from error
