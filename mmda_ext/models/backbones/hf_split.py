"""A model taken apart at its first trainable block, without knowing its architecture.

The model's own ``forward`` always runs, so masks, final normalisation and output format are its own. To get the states
in front of a block, the block is made to stop the pass; to go on from stored states, the frozen blocks are made to
answer with them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Run = Callable[[], Any]


class _Reached(Exception):
    """Carries the states out of a pass that need not go on."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


@contextmanager
def answering(answers: Mapping[nn.Module, Callable]) -> Iterator[None]:
    """Let functions answer in place of the ``forward`` of some modules; they stay registered as they are."""
    before = {module: module.__dict__.get('forward') for module in answers}
    try:
        for module, function in answers.items():
            module.__dict__['forward'] = function
        yield
    finally:
        for module, previous in before.items():
            module.__dict__.pop('forward', None)
            if previous is not None:
                module.__dict__['forward'] = previous


@torch.no_grad()
def states_before(block: nn.Module, run: Run) -> Tensor:
    """The hidden states that ``run`` (a forward pass of the whole model) hands to ``block``; what follows is not run.

    Raises:
        RuntimeError: If the pass never reaches the block.
    """

    def stop(*args: Any, **kwargs: Any) -> None:
        raise _Reached(args[0] if args else kwargs['hidden_states'])

    try:
        with answering({block: stop}):
            run()
    except _Reached as reached:
        return reached.states
    raise RuntimeError(f'the forward pass never calls its block {type(block).__name__}: set `cache=None` and '
                       '`one_by_one=False`')


class Resume:
    """Runs a model from stored states on.

    The first frozen block runs once more where it makes something for the blocks behind it (WavLM's relative positions
    lie there), or as long as the format of its result is unknown; its states are replaced.

    Args:
        blocks (Sequence[nn.Module]): All blocks of the model.
        num_frozen (int): How many of them, 1 or more, lie in front of the first trainable one.
    """

    def __init__(self, blocks: Sequence[nn.Module], num_frozen: int) -> None:
        self.frozen = list(blocks[:num_frozen])
        first, second = ({name for name, _ in blocks[index].named_parameters()} for index in range(2))
        self.shares = first != second
        self.in_tuple: bool | None = None

    def __call__(self, states: Tensor, run: Run, cheap: Mapping[nn.Module, Callable] | None = None) -> Any:
        """Result of ``run`` with ``states`` behind the frozen blocks.

        Args:
            states (Tensor): As :func:`states_before` gave them.
            run (Callable): A forward pass of the whole model.
            cheap (dict, optional): Further frozen modules -> functions that answer with zeros of the right shape.
        """
        first = self.frozen[0]
        original = first.forward
        extras: list[Any] = []

        def answer(*args: Any, **kwargs: Any) -> Any:
            return (states, *extras) if self.in_tuple else states

        def answer_first(*args: Any, **kwargs: Any) -> Any:
            if self.shares or self.in_tuple is None:
                with torch.no_grad():
                    out = original(*args, **kwargs)
                self.in_tuple = isinstance(out, tuple)
                extras.extend(out[1:] if self.in_tuple else ())
            return answer()

        with answering({**(cheap or {}), **dict.fromkeys(self.frozen, answer), first: answer_first}):
            return run()
