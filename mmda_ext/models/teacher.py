"""A copy of a model whose state is the average of the model's states over the steps."""

from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_swa_multi_avg_fn


class AveragedTeacher(nn.Module):
    r"""Simple moving average of all parameters and buffers of a student; never trains.

    With :math:`t` the number of optimizer steps and :math:`t_0` = ``start``:

    .. math::
        t \le t_0:\ \text{teacher} \leftarrow \text{student},\qquad
        t > t_0:\ \text{teacher} \leftarrow \frac{n\,\text{teacher} + \text{student}}{n + 1},\ n = t - t_0

    Buffers (BatchNorm statistics) are averaged like parameters; integer ones are copied. It is always in evaluation
    mode, its parameters ask for no gradient, and its state is part of the model's. The average is a function of
    PyTorch; its ``AveragedModel`` is not used, because it reads its counter on the host at each step, pairs tensors by
    position and, on some devices, cannot average the integer buffers of BatchNorm.

    Args:
        student (nn.Module): Copied as it is.
        start (int): :math:`t_0`, at least 1.

    Raises:
        ValueError: If ``start`` is below 1.

    Attributes:
        module (nn.Module): The copy.
        updates (Tensor): :math:`t`, a buffer.
    """

    updates: Tensor

    def __init__(self, student: nn.Module, start: int) -> None:
        super().__init__()
        if start < 1:
            raise ValueError(f'averaged teacher: start={start} must be at least 1: the first step fills the teacher')
        self.start = start
        self.module: Any = deepcopy(student).requires_grad_(False)
        self.register_buffer('updates', torch.zeros((), dtype=torch.long))
        # The buffer on the host, so that no step waits for the device; None until it is read.
        self._updates: int | None = 0
        self.eval()

    @property
    def num_updates(self) -> int:
        """Number of optimizer steps behind this state."""
        if self._updates is None:
            self._updates = int(self.updates)
        return self._updates

    def train(self, mode: bool = True) -> 'AveragedTeacher':
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Take in the state of ``student`` after an optimizer step."""
        self._updates = self.num_updates + 1
        self.updates += 1
        count = max(self._updates - self.start, 0)
        theirs = dict(chain(student.named_parameters(), student.named_buffers()))
        own = list(chain(self.module.named_parameters(), self.module.named_buffers()))
        averaged = [(value, theirs[name]) for name, value in own if count and value.is_floating_point()]
        if averaged:
            mine, new = (list(values) for values in zip(*averaged))
            get_swa_multi_avg_fn()(mine, new, count)
        for name, value in own:
            if not (count and value.is_floating_point()):
                value.copy_(theirs[name])

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._updates = None
