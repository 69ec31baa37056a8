"""Any weighting of TorchJD that reads a Gramian, as a balancer. TorchJD is optional: ``pip install torchjd``."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.parts.draws import Draws
from mmda_ext.balancing.parts.gramian_weights import GramianWeights
from mmda_ext.choices import choose


class TorchJDWeighting(GramianWeights):
    r"""``torchjd.aggregation.<name>Weighting`` (Quinton and Rey, arXiv 2406.16232) of :math:`Q / \operatorname{tr} Q`.

    The trace is divided out because several weightings compare with fixed thresholds, and the inner products of
    alignment gradients can be as small as 1e-15.

    Args:
        name (str): ``'IMTLG'``, ``'AlignedMTL'``, ``'MGDA'``, ``'PCGrad'``, ``'DualProj'``, ``'Random'``, ... Some need
            extras of TorchJD, such as ``torchjd[cagrad]``; ``UPGrad``, ``CAGrad`` and ``NashMTL`` of this package need
            nothing.
        options (dict, optional): Arguments of the weighting; sequences of numbers become tensors.
        seed (int): Of the weightings that draw; all processes find the same weights, and so does a resumed run. No
            other random number of the run depends on them.
        kwargs: As :class:`GramianWeights`: ``scope``, ``normalize``, ``task_prefix``, ``tasks``, ``space``.

    Raises:
        ImportError: If TorchJD, or the extra that a weighting needs, is not installed.
        ValueError: If TorchJD has no such weighting, or one with a memory, which no checkpoint would hold.
    """

    example = dict(name='IMTLG')

    def __init__(self, name: str, options: Mapping[str, Any] | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        aggregation = _import()
        suffix = 'Weighting'
        known = [key.removesuffix(suffix) for key in vars(aggregation) if key.endswith(suffix) and key != suffix]
        self.name, self.options = choose('name', name, tuple(sorted(known))), dict(options or {})
        self.draws = Draws(seed)
        arguments = {key: torch.tensor(value, dtype=torch.float64) if isinstance(value, (list, tuple)) else value
                     for key, value in self.options.items()}
        self._weighting = getattr(aggregation, name + suffix)(**arguments)
        if hasattr(self._weighting, 'reset'):
            raise ValueError(f'name={name!r} remembers earlier steps, and a resumed run would not: choose a weighting '
                             'without memory, or a balancer of this package')

    def rule(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )`` as TorchJD gives them."""
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which would start the generators of all devices anew as well.
            torch.default_generator.set_state(self.draws.on(Q.device).get_state())
            return self._weighting(Q / Q.trace())

    def solve(self, Q: Tensor) -> Tensor:
        """As :class:`GramianWeights`; counts the step."""
        self.draws.next_step()
        return super().solve(Q)

    def state_dict(self) -> dict[str, Any]:
        """Where the draws stand."""
        return self.draws.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.draws.load_state_dict(state)


def _import() -> ModuleType:
    try:
        from torchjd import aggregation
    except ImportError as error:
        raise ImportError(f'TorchJDWeighting needs TorchJD: pip install "torchjd>=0.12,<1" ({error})') from error
    return aggregation
