"""Alignment of second moments of source and target, one loss per modality and one for their concatenation (CORAL)."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.dist import get_world_size
from torch import Tensor

from mmda_ext.models.adaptation.comparison import FUSED
from mmda_ext.models.alignment import SecondMoments, attach
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows, joined_sum, own_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import SkipCounter
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS

OPTIONS = {
    'statistic': ('covariance', 'correlation'), 'normalize': ('none', 'deep_coral', 'mean'),
    'grad_on': ('both', 'source', 'target'), 'form': ('auto', 'direct', 'low_rank'),
    'objectives': ('modalities+fused', 'modalities', 'fused')}


@MODELS.register_module()
class CorrelationAlignment(SkipCounter, Objective):
    r""":math:`\alpha_2 k_m \lVert C(Z_m^s) - C(Z_m^t) \rVert_F^2` for each modality and the fused one.

    (Boomda Eq. 10.) The tasks are ``align/<modality>`` and ``align/fused``; a balancer gives them :math:`\gamma_m`, and
    without one their sum trains. Gradients at the features come in closed form: no autograd pass is spent on them.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        alpha2 (float | str): :math:`\alpha_2`; ``'auto'`` chooses it on the first batches so that the mean gradient of
            the alignment at the features has ``auto_fraction`` of the length of the classifier's.
        statistic (str): ``'covariance'`` (divisor n - 1) or ``'correlation'``.
        normalize (str): :math:`k_m`: ``'none'`` (1, as printed), ``'deep_coral'`` (:math:`1/(4 d_m^2)`) or ``'mean'``
            (:math:`1/d_m^2`). It changes gamma and, by orders of magnitude, the size of the term.
        mean_term (bool): Align the means too, as DomainBed does; :math:`k_m` does not apply to it.
        form (str): ``'direct'``, ``'low_rank'`` (cheaper where the batch is smaller than the width) or ``'auto'``.
        grad_on (str): Rows that receive the gradient: ``'both'`` domains, ``'source'`` or ``'target'``.
        objectives (str): ``'modalities+fused'`` (paper); ``'modalities'``, whose Gramian is exactly diagonal; or
            ``'fused'`` alone, which with ``normalize='deep_coral'`` is Deep CORAL.
        auto_fraction (float): See ``alpha2``.
        auto_batches (int): Number of batches that choose ``alpha2='auto'``.
        class_task (str): The loss that ``alpha2='auto'`` compares with.
        init_cfg (dict, optional): As in MMEngine.

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
                 statistic: str = 'covariance',
                 normalize: str = 'none',
                 mean_term: bool = False,
                 form: str = 'auto',
                 grad_on: str = 'both',
                 objectives: str = 'modalities+fused',
                 auto_fraction: float = 0.1,
                 auto_batches: int = 10,
                 class_task: str = 'cls',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, None, init_cfg)
        given = dict(statistic=statistic, normalize=normalize, grad_on=grad_on, form=form, objectives=objectives)
        for key, value in given.items():
            if value not in OPTIONS[key]:
                raise ValueError(f'CorrelationAlignment: {key}={value!r} is unknown: choose one of {OPTIONS[key]}')
        if isinstance(alpha2, str) and alpha2 != 'auto':
            raise ValueError(f"CorrelationAlignment: alpha2={alpha2!r} must be a number or 'auto'")
        self.statistic, self.normalize, self.mean_term, self.grad_on = statistic, normalize, mean_term, grad_on
        self.low_rank = {'auto': None, 'direct': False, 'low_rank': True}[form]
        self.names = tuple(fusion['in_channels'])
        self.groups = {} if objectives == 'fused' else {name: (name, ) for name in self.names}
        if objectives == 'fused' or (objectives == 'modalities+fused' and len(self.names) > 1):
            self.groups[FUSED] = self.names
        self.auto_fraction, self.class_task = auto_fraction, class_task
        self.alpha2: float | Tensor
        if isinstance(alpha2, str):
            self.register_buffer('alpha2', torch.zeros(()))
            # Batches seen and sums of the lengths of both gradients: what a resumed run needs to go on choosing.
            self.register_buffer('_lengths', torch.zeros(3))
        else:
            self.alpha2 = float(alpha2)
        self.auto_batches, self._done = auto_batches, False

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
            self._choose(alpha2, step, (losses or {}).get(self.class_task), own_gradients)
            out['align_alpha2'] = alpha2 = alpha2.clone()
        known = {}
        for name, (value, gradients) in terms.items():
            own = {modality: gradient.mul_(alpha2) for modality, gradient in gradients.items()}
            known[f'align/{name}'] = own
            out[f'loss_align/{name}'] = attach(alpha2 * value, step.features, own)
        return Terms(out, gradients=known)

    def _terms(self, step: Step) -> dict[str, tuple[Tensor, dict[str, Tensor]]]:
        """Value and gradients at whole features ``{m: (N, D_m)}`` of each task, without :math:`\\alpha_2`."""
        domains = (step.source_rows, step.target_rows)
        features = {name: widen(step.features[name].detach()) for name in self.names}
        if not self.enough(*domains):
            zeros = {name: torch.zeros_like(value) for name, value in features.items()}
            return {task: (zeros[members[0]].new_zeros(()), {name: zeros[name].clone() for name in members})
                    for task, members in self.groups.items()}
        whole, widths = torch.cat(list(features.values()), dim=1), [value.shape[1] for value in features.values()]
        joined = [join_rows(whole.index_select(0, rows)) for rows in domains]
        source, target = (dict(zip(self.names, rows.split(widths, dim=1))) for rows in joined)
        moments, places = SecondMoments(source, target, self.statistic), _places(domains, joined)
        return {task: self._term(moments, members, places) for task, members in self.groups.items()}

    def _term(self, moments: SecondMoments, members: tuple[str, ...],
              places: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Value and gradients of one task; ``places`` ``(N, )`` are those of the own samples in the joined rows."""
        # As much as the mean over processes takes away again.
        source, target = (get_world_size() * (self.grad_on in ('both', domain)) for domain in ('source', 'target'))
        value, gradients = moments.distance(members, self.mean_term, self._factor(moments.width(members)),
                                            self.low_rank, (source, target))
        return value, {name: gradient.index_select(0, places) for name, gradient in gradients.items()}

    def _factor(self, width: int) -> float:
        return {'none': 1.0, 'deep_coral': 1 / (4 * width**2), 'mean': 1 / width**2}[self.normalize]

    def _choose(self, alpha2: Tensor, step: Step, loss: Tensor | None,
                gradients: list[dict[str, Tensor]]) -> None:
        """Compare the lengths of both gradients at the features, on the average of the first batches.

        Raises:
            ValueError: If no loss is filed under the classifier's task.
        """
        if loss is None:
            raise ValueError(f'CorrelationAlignment: alpha2="auto" compares with the gradient of task '
                             f'{self.class_task!r}, which has no loss: set class_task')
        wanted = [value for value in step.features.values() if value.requires_grad]
        if not self.training or not wanted or not loss.requires_grad or self._chosen():
            return
        classifier = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
        mean = [torch.stack([own[name] for own in gradients if name in own]).sum(0) / len(gradients)
                for name in self.names]
        squares = joined_sum(torch.stack([_square(classifier), _square(mean)]).to(alpha2))
        # Those of the joined batch: a process has its own rows multiplied by the number of processes.
        self._lengths += torch.cat([alpha2.new_ones(1), squares.sqrt() / get_world_size()])
        ratio = self.auto_fraction * self._lengths[1] / self._lengths[2].clamp_min(torch.finfo(alpha2.dtype).tiny)
        alpha2.copy_(torch.where(self._lengths[2] > 0, ratio, 0.0))

    def _chosen(self) -> bool:
        """Whether enough batches were seen; asks the device only until then."""
        if not self._done:
            self._done = bool(self._lengths[0] >= self.auto_batches)
        return self._done


def _square(parts: list[Tensor] | tuple[Tensor | None, ...]) -> Tensor:
    return torch.stack([part.float().square().sum() for part in parts if part is not None]).sum()


def _places(domains: Sequence[Tensor], joined: Sequence[Tensor]) -> Tensor:
    """Where each sample of this process stands among the joined rows of the source, then of the target, ``(N, )``."""
    rows = torch.arange(sum(map(len, joined)), device=joined[0].device).split([len(part) for part in joined])
    own = [own_rows(part, len(positions)) for part, positions in zip(rows, domains)]
    return torch.cat(own)[torch.cat(list(domains)).argsort()]
