"""Alignment of second moments of source and target, one loss per modality and one for their concatenation (CORAL)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.adaptation.comparison import FUSED
from mmda_ext.models.alignment import SecondMoments, attach
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows, own_rows
from mmda_ext.models.moment_distance import MomentDistance
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import SkipCounter
from mmda_ext.models.step import Step, Terms
from mmda_ext.models.strength import StrengthChoice
from mmda_ext.registry import MODELS

OBJECTIVES = ('modalities+fused', 'modalities', 'fused')


@MODELS.register_module()
class CorrelationAlignment(SkipCounter, Objective):
    r""":math:`\alpha_2 k_m \lVert C(Z_m^s) - C(Z_m^t) \rVert_F^2` for each modality and the fused one.

    (Boomda Eq. 10.) The tasks are ``align/<modality>`` and ``align/fused``; a balancer gives them :math:`\gamma_m`, and
    without one their sum trains. Gradients at the features come in closed form: no autograd pass is spent on them.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        alpha2 (float | str): :math:`\alpha_2`; ``'auto'`` chooses it on the first batches so that the mean gradient of
            the alignment at the features has ``auto_fraction`` of the length of the classifier's.
        objectives (str): ``'modalities+fused'`` (paper); ``'modalities'``, whose Gramian is exactly diagonal; or
            ``'fused'`` alone, which with ``normalize='deep_coral'`` is Deep CORAL.
        auto_fraction (float): See ``alpha2``.
        auto_batches (int): Number of batches that choose ``alpha2='auto'``.
        class_task (str): The loss that ``alpha2='auto'`` compares with.
        init_cfg (dict, optional): As in MMEngine.
        distance: As :class:`MomentDistance`: ``statistic``, ``normalize``, ``mean_term``, ``form``, ``grad_on``.

    Raises:
        ValueError: If an option is unknown.

    Differences from the paper: "correlation matrix" is read as covariance, as in the papers it cites; with one modality
    the fused loss would repeat it and is left out; a batch with fewer than two samples of a domain gives 0 and counts.
    Under data-parallel training the covariances are those of the batches of all processes together.
    """

    _lengths: Tensor

    def __init__(self,
                 fusion: dict,
                 alpha2: float | str = 0.1,
                 objectives: str = 'modalities+fused',
                 auto_fraction: float = 0.1,
                 auto_batches: int = 10,
                 class_task: str = 'cls',
                 init_cfg: dict | None = None,
                 **distance: Any) -> None:
        super().__init__(fusion, None, init_cfg)
        choose('objectives', objectives, OBJECTIVES, type(self).__name__)
        if isinstance(alpha2, str) and alpha2 != 'auto':
            raise ValueError(f"CorrelationAlignment: alpha2={alpha2!r} must be a number or 'auto'")
        self.distance, self.choice = MomentDistance(**distance), StrengthChoice(auto_fraction, auto_batches, class_task)
        self.modalities = tuple(fusion['in_channels'])
        self.groups = {} if objectives == 'fused' else {name: (name, ) for name in self.modalities}
        if objectives == 'fused' or (objectives == 'modalities+fused' and len(self.modalities) > 1):
            self.groups[FUSED] = self.modalities
        self.alpha2: float | Tensor
        if isinstance(alpha2, str):
            self.register_buffer('alpha2', torch.zeros(()))
            self.register_buffer('_lengths', self.choice.start())
        else:
            self.alpha2 = float(alpha2)

    @property
    def reads_losses(self) -> bool:  # type: ignore[override]
        """Only to choose its strength by the gradient of the classification."""
        return isinstance(self.alpha2, Tensor)

    def forward(self, step: Step, losses: Mapping[str, Tensor] | None = None) -> Terms:
        """``{'loss_align/<modality>': scalar, ..., 'loss_align/fused': scalar}``, and their gradients."""
        terms = self._terms(step)
        out = self.skips('align')
        alpha2 = self.alpha2
        if isinstance(alpha2, Tensor):
            own_gradients = [own for _, own in terms.values()]
            self._choose(alpha2, step, (losses or {}).get(self.choice.task), own_gradients)
            out['align_alpha2'] = alpha2 = alpha2.clone()
        known = {}
        for name, (value, gradients) in terms.items():
            own = {modality: gradient.mul_(alpha2) for modality, gradient in gradients.items()}
            known[f'align/{name}'] = own
            out[f'loss_align/{name}'] = attach(alpha2 * value, step.features, own)
        return Terms(out, gradients=known)

    def _terms(self, step: Step) -> dict[str, tuple[Tensor, dict[str, Tensor]]]:
        """Value and gradients at whole features ``{m: (N, D_m)}`` of each task, without :math:`\\alpha_2`."""
        domains = (step.source_index, step.target_index)
        features = {name: widen(step.features[name].detach()) for name in self.modalities}
        if not self.enough(*domains):
            zeros = {name: torch.zeros_like(value) for name, value in features.items()}
            return {task: (zeros[members[0]].new_zeros(()), {name: zeros[name].clone() for name in members})
                    for task, members in self.groups.items()}
        whole, widths = torch.cat(list(features.values()), dim=1), [value.shape[1] for value in features.values()]
        joined = [join_rows(whole.index_select(0, rows)) for rows in domains]
        source, target = (dict(zip(self.modalities, rows.split(widths, dim=1))) for rows in joined)
        moments, places = self.distance.moments(source, target), _places(domains, joined)
        return {task: self._term(moments, members, places) for task, members in self.groups.items()}

    def _term(self, moments: SecondMoments, members: tuple[str, ...],
              places: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Value and gradients of one task; ``places`` ``(N, )`` are those of the own samples in the joined rows."""
        value, gradients = self.distance(moments, members)
        return value, {name: gradient.index_select(0, places) for name, gradient in gradients.items()}

    def _choose(self, alpha2: Tensor, step: Step, loss: Tensor | None,
                gradients: list[dict[str, Tensor]]) -> None:
        """Compare the lengths of both gradients at the features, on the average of the first batches.

        Raises:
            ValueError: If no loss is filed under the classifier's task.
        """
        if loss is None:
            raise ValueError(f'CorrelationAlignment: alpha2="auto" compares with the gradient of task '
                             f'{self.choice.task!r}, which has no loss: set class_task')
        wanted = [value for value in step.features.values() if value.requires_grad]
        if not self.training or not wanted or not loss.requires_grad or self.choice.done(self._lengths[0]):
            return
        classifier = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
        mean = [torch.stack([own[name] for own in gradients if name in own]).sum(0) / len(gradients)
                for name in self.modalities]
        self.choice.move(alpha2, self._lengths, classifier, mean)


def _places(domains: Sequence[Tensor], joined: Sequence[Tensor]) -> Tensor:
    """Where each sample of this process stands among the joined rows of the source, then of the target, ``(N, )``."""
    rows = torch.arange(sum(map(len, joined)), device=joined[0].device).split([len(part) for part in joined])
    own = [own_rows(part, len(positions)) for part, positions in zip(rows, domains)]
    return torch.cat(own)[torch.cat(list(domains)).argsort()]
