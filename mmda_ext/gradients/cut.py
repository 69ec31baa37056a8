"""Where the graph of a step is cut: features between the encoders that made them and everything behind."""

from collections.abc import Mapping

from torch import Tensor


class Cut:
    r"""Features as leaves of the graph behind them, beside the outputs of the encoders that they were cut from.

    Losses act on features, features on parameters: :math:`J_m^T (dL_t / dz^m)` falls apart at :math:`z^m`. Behind the
    cut, the gradient of a loss at its features costs a pass through the heads alone, and whatever reaches an encoder by
    another way (a penalty on its weights, an inner activation) shows as an ordinary gradient of its parameters.

    Args:
        features (dict[str, Tensor]): Modality -> features with their graph, ``(N, D_m)``.

    Attributes:
        features (dict[str, Tensor]): Modality -> the same values for heads and losses, ``(N, D_m)``.
        outputs (dict[str, list[Tensor]]): Modality -> everything that left its encoder with a graph.
        leaves (dict[str, list[Tensor]]): Modality -> the leaf that stands for each of them.
    """

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        self.outputs: dict[str, list[Tensor]] = {name: [] for name in features}
        self.leaves: dict[str, list[Tensor]] = {name: [] for name in features}
        self.features = self.add(features)

    def add(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cut the features of a further pass through the encoders, of any of the modalities; returns the leaves.

        Features without a graph (a frozen encoder, a pass under ``no_grad``) are handed back as they are.

        Raises:
            ValueError: If a modality is not one of the first pass.
        """
        unknown = sorted(set(features) - set(self.outputs))
        if unknown:
            raise ValueError(f'features of {unknown}: the modalities of this step are {list(self.outputs)}')
        return {name: self._cut(name, value) for name, value in features.items()}

    def _cut(self, name: str, value: Tensor) -> Tensor:
        if not value.requires_grad:
            return value
        leaf = value.detach().requires_grad_()
        self.outputs[name].append(value)
        self.leaves[name].append(leaf)
        return leaf
