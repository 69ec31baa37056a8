"""Weights of the heads' losses, estimated between epochs from overfitting and generalisation."""

import time
from datetime import timedelta
from typing import Any

import torch
from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.choices import choose
from mmda_ext.engine.blend_weights import GAINS, blend_weights
from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.engine.still_samples import is_labelled_source, recognizer_of, sample_rows, training_set_of
from mmda_ext.engine.trial import train_epochs, trial
from mmda_ext.models.heads.base import widen
from mmda_ext.models.objectives import BlendedClassification, InformationBottleneck, LocalClassification
from mmda_ext.registry import HOOKS

MODES = ('online', 'offline', 'boundaries')
#: Losses of the last boundary, in the message hub and so in every checkpoint.
LAST = 'blending_last_boundary'
_SAY_EVERY_S = 30


@HOOKS.register_module()
class GradientBlendingHook(Hook):
    r"""Gradient-Blending (Wang, Tran, Feiszli, CVPR 2020): sets the weights of ``BlendedClassification``.

    The weights come from the losses of each head at two times (:func:`~mmda_ext.engine.blend_weights.blend_weights`),
    as means per sample over the training set and over source validation, in evaluation mode without augmentation.

    * ``'offline'``: once, before the first epoch. Each head alone is trained for all epochs, then taken back.
    * ``'online'``: before every ``super_epoch`` epochs. Each head alone is trained for as many, from the present
      weights and state of the optimizer, then taken back: :math:`K = M + 1` short trainings.
    * ``'boundaries'``: no training beside the run. The two times are consecutive boundaries, ``super_epoch`` epochs
      apart, of the jointly trained heads: an approximation, because each head's losses then depend on the others.

    A trial sees the samples and random numbers of the epochs that it stands before, and leaves no trace. A run that is
    killed is resumed from its last epoch, and an estimate that was under way is made anew.

    Args:
        mode (str): See above.
        super_epoch (int): :math:`n`; unused by ``'offline'``.
        gain (str): See :func:`~mmda_ext.engine.blend_weights.blend_weights`.
        train_dataloader (dict, optional): Loader of the training samples that are measured. By default the training
            set with the pipeline of validation.

    Raises:
        ValueError: If an option is unknown or out of range.

    Differences from the paper: losses that belong to no head (a domain-adversarial one) stay in a trial; a head whose
    validation loss grew gets weight 0, where public code takes the absolute value (``gain='absolute'``).
    """

    # Before the hook that seeds the sampler; random numbers are put back.
    priority = 'ABOVE_NORMAL'

    def __init__(self, mode: str = 'online', super_epoch: int = 5, gain: str = 'clamp',
                 train_dataloader: dict[str, Any] | None = None) -> None:
        for key, value, known in (('mode', mode, MODES), ('gain', gain, GAINS)):
            choose(key, value, known, 'GradientBlendingHook')
        if isinstance(super_epoch, bool) or not isinstance(super_epoch, int) or super_epoch < 1:
            raise ValueError(f'GradientBlendingHook: super_epoch={super_epoch!r} must be an integer >= 1')
        self.mode, self.super_epoch, self.gain = mode, super_epoch, gain
        self.train_dataloader = train_dataloader
        self._training_set: Any = None

    def before_train(self, runner: Runner) -> None:
        """Look for the objective whose weights are set.

        Raises:
            TypeError: If the model has no encoder for each modality.
            ValueError: If the run counts iterations or does not validate, the objective is missing or not alone, or a
                cross-entropy would count twice.
        """
        model = recognizer_of(runner, type(self).__name__)
        self._objective(runner)
        owners = [objective for objective in model.objectives
                  if isinstance(objective, (LocalClassification, InformationBottleneck))]
        for owner in (model.cls_head, *owners):
            if owner.loss_weight:
                raise ValueError(f'{type(owner).__name__}: loss_weight={owner.loss_weight} must be 0.0 beside '
                                 'BlendedClassification, which counts the cross-entropies of its heads already')
        self._training_set = training_set_of(runner, self.train_dataloader, type(self).__name__)
        if runner.iter == 0:
            runner.message_hub.pop_info(LAST, None)

    def before_train_epoch(self, runner: Runner) -> None:
        due = runner.epoch == 0 if self.mode == 'offline' else runner.epoch % self.super_epoch == 0
        if not due:
            return
        with preserved_random_state():
            times = self._boundaries(runner) if self.mode == 'boundaries' else self._trials(runner)
        if times is not None:
            self._set(runner, blend_weights(times[:, 0], times[:, 1], self.gain))

    def _boundaries(self, runner: Runner) -> Tensor | None:
        last = runner.message_hub.runtime_info.get(LAST)
        now = self._measure(runner)
        runner.message_hub.update_info(LAST, now.tolist())
        return None if last is None else torch.stack([torch.tensor(last, dtype=now.dtype), now])

    def _trials(self, runner: Runner) -> Tensor:
        """Losses before and after training each head alone, ``(2, 2, K)``: time, part, head."""
        objective = self._objective(runner)
        left = runner.max_epochs - runner.epoch
        epochs = left if self.mode == 'offline' else min(self.super_epoch, left)
        before = self._measure(runner)
        after = torch.empty_like(before)
        progress = _Progress(runner.logger, len(objective.predictors) * epochs * len(runner.train_loop.dataloader))
        for head, name in enumerate(objective.predictors):
            progress.start(f'blending: {name} alone ({head + 1} of {len(objective.predictors)}) for {epochs} epochs')
            with trial(runner):
                objective.weights.zero_()
                objective.weights[head] = 1
                train_epochs(runner, epochs, progress.tick)
                after[:, head] = self._measure(runner)[:, head]
        return torch.stack([before, after])

    def _measure(self, runner: Runner) -> Tensor:
        """Mean cross-entropy of each head on training and source validation samples, ``(2, K)``, on all processes."""
        model, objective = recognizer_of(runner, type(self).__name__), self._objective(runner)

        def read(inputs: Any, samples: list[Any]) -> list[Tensor]:
            model(inputs, samples, mode='loss')
            step = model.take_step_record().step
            terms = [F.cross_entropy(widen(value), step.labels, ignore_index=-1, reduction='none')
                     for value in objective.head_logits(step).values()]
            return list(torch.stack(terms, 1).double().cpu())

        found = [sample_rows(model, loader, read, is_labelled_source, len(loader.dataset))
                 for loader in (self._training_set, runner.val_loop.dataloader)]
        # Only the main process has the rows.
        message = [torch.stack([torch.stack(rows).mean(0) for rows in found]).tolist() if all(found) else None]
        broadcast_object_list(message)
        if message[0] is None:
            raise ValueError('Gradient-Blending needs labelled source samples in training and in validation: add the '
                             'source domains to val_dataloader')
        return torch.tensor(message[0], dtype=torch.float64)

    def _set(self, runner: Runner, weights: Tensor) -> None:
        objective = self._objective(runner)
        objective.weights.copy_(weights)
        named = dict(zip(objective.predictors, weights.tolist()))
        for name, value in named.items():
            runner.message_hub.update_scalar(f'train/blending/weight_{name}', value)
        runner.logger.info('blending: weights from epoch %d on: %s', runner.epoch + 1,
                           ', '.join(f'{name} {value:.3f}' for name, value in named.items()))

    def _objective(self, runner: Runner) -> BlendedClassification:
        model = recognizer_of(runner, type(self).__name__)
        found = [objective for objective in model.objectives if isinstance(objective, BlendedClassification)]
        if len(found) != 1:
            raise ValueError(f'GradientBlendingHook sets the weights of one mmda_ext.BlendedClassification, the model '
                             f'has {len(found)}: put one at the end of model.objectives')
        return found[0]


class _Progress:
    """A line now and then about trials that take as long as training."""

    def __init__(self, logger: MMLogger, total: int) -> None:
        self.logger, self.total, self.done, self.name = logger, total, 0, ''
        self.started = self.said = time.monotonic()

    def start(self, name: str) -> None:
        self.name = name
        self.logger.info(name)

    def tick(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.said >= _SAY_EVERY_S:
            self.said = now
            left = timedelta(seconds=int((now - self.started) / self.done * (self.total - self.done)))
            self.logger.info(f'{self.name}: iteration {self.done} of {self.total} of all trials, {left} left')
