"""Class prototypes of the features, made anew before every epoch."""

from itertools import islice
from math import ceil
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.engine.still_samples import is_labelled_source, recognizer_of, training_set_of
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.joining import joined_sum
from mmda_ext.models.objectives import PrototypeClassification
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class PrototypesHook(Hook):
    r"""PMR (Fan et al., CVPR 2023): sets the prototypes of ``PrototypeClassification`` before every epoch.

    .. math:: c_y^m \leftarrow (1 - \mu) \operatorname{mean}_{i: y_i = y} z_i^m + \mu \, c_y^m

    over a share of the labelled source samples, drawn anew for each epoch, in evaluation mode and without augmentation.
    The first prototypes of a class are its means; a class without a sample keeps the old ones. All processes together
    read the share, and have the same prototypes. These are part of the model, so a resumed run goes on from them.

    Args:
        share (float): Of the batches of the training set, in (0, 1].
        momentum (float): :math:`\mu`, weight of the old prototypes, in [0, 1).
        train_dataloader (dict, optional): Loader of the samples. By default the training set with the pipeline of
            validation.

    Raises:
        ValueError: If an option is out of range.
    """

    # Before the hook that seeds the sampler; random numbers are put back.
    priority = 'ABOVE_NORMAL'

    def __init__(self, share: float = 0.1, momentum: float = 0.2,
                 train_dataloader: dict[str, Any] | None = None) -> None:
        if not 0 < share <= 1:
            raise ValueError(f'PrototypesHook: share={share!r} must be in (0, 1]')
        if not 0 <= momentum < 1:
            raise ValueError(f'PrototypesHook: momentum={momentum!r} must be in [0, 1)')
        self.share, self.momentum, self.train_dataloader = share, momentum, train_dataloader
        self._training_set: Any = None

    def before_train(self, runner: Runner) -> None:
        """Look for the objective whose prototypes are set.

        Raises:
            TypeError: If the model is no multimodal recognizer.
            ValueError: If the objective is missing, or the run counts iterations or does not validate.
        """
        self._objective(runner)
        self._training_set = training_set_of(runner, self.train_dataloader, type(self).__name__, shuffled=True)

    def before_train_epoch(self, runner: Runner) -> None:
        loader = self._training_set
        loader.sampler.set_epoch(runner.epoch)
        with preserved_random_state():
            sums, counts = self._read(runner, islice(loader, ceil(self.share * len(loader))))
        self._set(self._objective(runner), sums, counts)

    def _objective(self, runner: Runner) -> PrototypeClassification:
        model = recognizer_of(runner, type(self).__name__)
        found = [own for own in model.objectives if isinstance(own, PrototypeClassification)]
        if not found:
            raise ValueError('PrototypesHook has nothing to set: add mmda_ext.PrototypeClassification to `objectives`, '
                             'or take the hook out of custom_hooks')
        return found[0]

    def _read(self, runner: Runner, batches: Any) -> tuple[dict[str, Tensor], Tensor]:
        """Sums of the features ``{m: (C, D_m)}`` and numbers ``(C, )`` of each class's samples, of all processes."""
        objective, model = self._objective(runner), recognizer_of(runner, type(self).__name__)
        sums = {name: torch.zeros_like(objective.prototypes(name), dtype=torch.float64) for name in objective.names}
        counts = torch.zeros(len(objective.known), dtype=torch.float64, device=objective.known.device)
        with torch.no_grad(), evaluating(model):
            for batch in batches:
                data = model.data_preprocessor(batch, False)
                samples = data['data_samples']
                kept = [row for row, sample in enumerate(samples) if is_labelled_source(sample)]
                labels = torch.tensor([int(samples[row].gt_label) for row in kept], device=counts.device).long()
                counts += torch.bincount(labels, minlength=len(counts))
                for name, value in model.extract_feat(data['inputs'], len(samples)).items():
                    sums[name].index_add_(0, labels, value[kept].double())
        return {name: joined_sum(value) for name, value in sums.items()}, joined_sum(counts)

    def _set(self, objective: PrototypeClassification, sums: dict[str, Tensor], counts: Tensor) -> None:
        seen = counts > 0
        for name, total in sums.items():
            old = objective.prototypes(name)
            new = (total / counts.clamp_min(1)[:, None]).to(old)
            moved = torch.where(objective.known[:, None], (1 - self.momentum) * new + self.momentum * old, new)
            old.copy_(torch.where(seen[:, None], moved, old))
        objective.known |= seen
