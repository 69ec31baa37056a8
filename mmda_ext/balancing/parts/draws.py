"""Random numbers that all processes draw alike and that a resumed run draws again."""

from typing import Any

import torch


class Draws:
    """A generator that starts anew in every step, from a seed and the number of the step.

    Its whole memory is that number: small enough for a checkpoint, valid on any device, and taken back with it when
    mixed precision skips a step.

    Args:
        seed (int): The same on all processes.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.steps = seed, 0
        self._generators: dict[torch.device, torch.Generator] = {}

    def next_step(self) -> None:
        """Start the numbers of the next step."""
        self.steps += 1
        self._generators = {}

    def on(self, device: torch.device) -> torch.Generator:
        """The generator of this step on ``device``; it goes on where the last call of the step left it."""
        if device not in self._generators:
            # Multiplied first, because generators on a CPU keep the lower 32 bits of a seed only.
            mixed = (self.seed * 0x9E3779B1 + self.steps) % 2**32
            self._generators[device] = torch.Generator(device).manual_seed(mixed)
        return self._generators[device]

    def state_dict(self) -> dict[str, Any]:
        """The number of the step."""
        return {'steps': self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the step that ``state`` was taken in; from the start if it is empty."""
        self.steps = int(state.get('steps', 0))
        self._generators = {}

    def __repr__(self) -> str:
        return f'{type(self).__name__}(seed={self.seed})'
