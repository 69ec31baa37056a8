"""The engine for a training loop of one's own."""

from collections.abc import Mapping

from torch import Tensor

from mmda_ext.balancing import Balancer
from mmda_ext.gradients.cut import Cut
from mmda_ext.gradients.parameters import Owner, Parameters
from mmda_ext.gradients.probe import Probe
from mmda_ext.gradients.update import BalancedUpdate


class BalancedStep:
    r"""One training step whose losses are balanced by modality.

    .. code-block:: python

        step = BalancedStep({'video': video(v), 'audio': audio(a)}, encoders={'video': video, 'audio': audio})
        losses = {'cls': ..., 'domain': ...}      # computed from step.features
        optimizer.zero_grad()
        step.backward(losses, balancer)           # in the place of sum(losses.values()).backward()
        optimizer.step()

    Args:
        features (dict[str, Tensor]): Modality -> features with their graph, ``(N, D_m)``.
        encoders (dict[str, Module | Iterable[Parameter]]): Modality -> what made its features.
        local (dict[str, Module | Iterable[Parameter]], optional): Modality -> heads behind its features that are
            balanced with the encoder instead of receiving the plain gradient.
        others (Module | Iterable[Parameter], optional): All other parameters that train. Needed with several
            processes only, whose gradients are averaged here: no module may be wrapped in
            ``DistributedDataParallel``.

    Raises:
        ValueError: If two encoders share a parameter.
    """

    def __init__(self, features: Mapping[str, Tensor], encoders: Mapping[str, Owner],
                 local: Mapping[str, Owner] | None = None, others: Owner | None = None) -> None:
        if tuple(features) != tuple(encoders):
            raise ValueError(f'features of {list(features)} but encoders of {list(encoders)}: both need the same '
                             'modalities in the same order')
        self.cut = Cut(features)
        self.parameters = Parameters(encoders, local, others)

    @property
    def features(self) -> dict[str, Tensor]:
        """What heads and losses are to be computed from, ``{m: (N, D_m)}``."""
        return self.cut.features

    def further(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features of a further pass through the encoders (a second view) that losses are computed from, too."""
        return self.cut.add(features)

    def backward(self, losses: Mapping[str, Tensor], balancer: Balancer, probes: Mapping[str, Probe] | None = None,
                 epoch: int | None = None) -> Tensor:
        """Add the gradients of the step to ``.grad`` of every parameter.

        Args:
            losses (dict[str, Tensor]): Task -> scalar.
            balancer (Balancer): The rule; keep one object for the whole training.
            probes (dict[str, Probe], optional): Task -> what each modality alone predicts, for balancers that ask.
            epoch (int, optional): From 0, for balancers that ask.

        Returns:
            Tensor: Weights ``(M, T)``: rows are modalities, columns the balanced tasks.
        """
        update = BalancedUpdate(balancer, self.parameters)
        update.add(self.cut, losses, probes)
        return update.finish(epoch=epoch)[1]
