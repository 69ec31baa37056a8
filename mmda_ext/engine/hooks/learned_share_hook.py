"""The share of a loss, learnt from source validation before every epoch."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.engine.still_samples import is_labelled_source, recognizer_of, training_set_of
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.objectives import ModalityGap
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class LearnedShareHook(Hook):
    r"""Moves the share *a* of ``ModalityGap(share='learned')`` down its gradient, once per epoch.

    With the objective :math:`L = a L_1 + (1 - a) L_2` (both with its factor 2 w) and one step
    :math:`\theta' = \theta - \eta \nabla L(\theta)`, the validation loss has the exact derivative

    .. math::
        \frac{\partial L_1^{val}(\theta')}{\partial a} =
        -\eta \left\langle \nabla L_1^{val}(\theta'), \nabla L_1(\theta) - \nabla L_2(\theta) \right\rangle

    of which *a* takes a step of length ``rate``. One batch of the training set and one of source validation, drawn anew
    for each epoch, in evaluation mode and without augmentation; :math:`\eta` is the learning rate of the first group of
    parameters. Gradients are averaged over processes. The model is left as it was.

    Args:
        rate (float): Factor of the derivative, > 0.
        bounds (Sequence[float]): Least and largest share.

    Raises:
        ValueError: If an option is out of range.

    Source: after Yang et al. (LFM), NeurIPS 2024. The release moves *a* by the mean of a Hessian-vector product over
    its first parameter tensor, measured on a training batch; that is not the derivative of anything, and is not here.
    The model itself trains by its own optimizer, of which a plain gradient step is an approximation.
    """

    # Before the hook that seeds the sampler; random numbers are put back.
    priority = 'ABOVE_NORMAL'

    def __init__(self, rate: float = 10.0, bounds: Sequence[float] = (0.05, 0.95)) -> None:
        if not rate > 0:
            raise ValueError(f'LearnedShareHook: rate={rate!r} must be a number > 0')
        if len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] <= 1:
            raise ValueError(f'LearnedShareHook: bounds={bounds!r} must be the least and the largest share, in [0, 1]')
        self.rate, self.bounds = rate, (float(bounds[0]), float(bounds[1]))
        self._loaders: dict[str, DataLoader] = {}

    def before_train(self, runner: Runner) -> None:
        """Look for the objective whose share is learnt.

        Raises:
            TypeError: If the model is no multimodal recognizer.
            ValueError: If the objective is missing, or the run counts iterations or does not validate.
        """
        self._objective(runner)
        own, who = runner.cfg.val_dataloader, type(self).__name__
        self._loaders = {'train': training_set_of(runner, None, who, shuffled=True),
                         'val': training_set_of(runner, own, who, shuffled=True)}

    def before_train_epoch(self, runner: Runner) -> None:
        model, objective = recognizer_of(runner, type(self).__name__), self._objective(runner)
        with preserved_random_state():
            batches = {name: self._batch(model, loader, runner.epoch) for name, loader in self._loaders.items()}
        rate = next(iter(runner.optim_wrapper.get_lr().values()))[0]
        slope = share_slope(model, objective, batches, rate)
        objective.learned.sub_(self.rate * slope).clamp_(*self.bounds)
        runner.message_hub.update_scalar('train/share_slope', float(slope))

    def _objective(self, runner: Runner) -> ModalityGap:
        model = recognizer_of(runner, type(self).__name__)
        found = [own for own in model.objectives if isinstance(own, ModalityGap) and isinstance(own.share, str)]
        if not found:
            raise ValueError("LearnedShareHook has nothing to learn: add mmda_ext.ModalityGap with share='learned' to "
                             '`objectives`, or take the hook out of custom_hooks')
        return found[0]

    @staticmethod
    def _batch(model: Any, loader: DataLoader, epoch: int) -> tuple[Any, Tensor]:
        """Inputs and labels of the first batch in the order of an epoch; -1 for what is no labelled source sample."""
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        data = model.data_preprocessor(next(iter(loader)), False)
        labels = [int(own.gt_label) if is_labelled_source(own) else -1 for own in data['data_samples']]
        return data['inputs'], torch.tensor(labels, device=next(model.parameters()).device)


def share_slope(model: Any, objective: ModalityGap, batches: dict[str, tuple[Any, Tensor]], rate: float) -> Tensor:
    r""":math:`\partial L_1^{val}(\theta') / \partial a`, a scalar.

    Args:
        model (MultimodalRecognizer): The model; weights that are moved are put back.
        objective (ModalityGap): Of that model.
        batches (dict[str, tuple]): Inputs and labels ``(N, )`` of ``train`` and ``val``.
        rate (float): :math:`\eta`.
    """
    weights = [value for value in model.parameters() if value.requires_grad]
    with torch.enable_grad(), evaluating(model):
        first, second = _parts(model, objective, batches['train'])
        own, other = _gradients(first, weights, keep=True), _gradients(second, weights)
        kept = [value.detach().clone() for value in weights]
        share = float(objective.learned)
        try:
            with torch.no_grad():
                for value, one, two in zip(weights, own, other):
                    value.sub_(rate * (share * one + (1 - share) * two))
            outer = _gradients(_parts(model, objective, batches['val'])[0], weights)
        finally:
            with torch.no_grad():
                for value, before in zip(weights, kept):
                    value.copy_(before)
    return -rate * torch.stack([(value * (one - two)).sum() for value, one, two in zip(outer, own, other)]).sum()


def _parts(model: Any, objective: ModalityGap, batch: tuple[Any, Tensor]) -> tuple[Tensor, Tensor]:
    inputs, labels = batch
    features = model.extract_feat(inputs, len(labels))
    logits = {name: head(features[name]) for name, head in model.modality_heads.items()}
    first, second = objective.parts(logits, labels)
    return 2 * objective.loss_weight * first, 2 * objective.loss_weight * second


def _gradients(loss: Tensor, weights: Sequence[nn.Parameter], keep: bool = False) -> list[Tensor]:
    """Mean over processes; zeros where a parameter takes no part."""
    found = torch.autograd.grad(loss, weights, retain_graph=keep, allow_unused=True)
    values = [torch.zeros_like(own) if value is None else value for own, value in zip(weights, found)]
    for value in values:
        all_reduce(value, 'mean')
    return values
