"""Encoders that overfit go back towards their initial weights at some epoch ends."""

from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmda_ext.engine.diagnosis import blend_, relearning_strength, separability
from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.engine.still_samples import is_labelled_source, labelled_features, recognizer_of, training_set_of
from mmda_ext.registry import HOOKS

#: Where the initial weights lie in a checkpoint.
STATE = 'diagnosing_relearning'
PARTS = ('train', 'val')


@HOOKS.register_module()
class DiagnosingRelearningHook(Hook):
    r"""Diagnosing & Re-learning (Wei, Li, Feng, Hu, ECCV 2024).

    .. math::
        g^m = |P^m_\text{train} - P^m_\text{val}|, \quad a^m = \tanh(\lambda g^m), \quad
        \theta^m \leftarrow a^m \theta^m_\text{init} + (1 - a^m)\, \theta^m

    with :math:`P` the purity of k-means clusters (as many as classes) of the features of modality :math:`m`, in
    evaluation mode and without augmentation. It happens after epoch :math:`e` (counted from 0) if :math:`e > 0` and
    ``interval`` divides :math:`e`. Only trainable encoder parameters move: heads, buffers and the state of the
    optimizer stay. The weights at the start of training, pre-trained ones included, travel in the checkpoints that a
    run continues from.

    Args:
        interval (int): :math:`E`, epochs between two diagnoses; 20 of 90 epochs in the authors' code.
        times (int): Largest number of diagnoses.
        scale (float): :math:`\lambda > 0`.
        train_dataloader (dict, optional): Loader of the training samples for the diagnosis. By default the training
            set with the pipeline of validation.

    Raises:
        ValueError: If an option is out of range.

    Differences from the authors' code: an epoch is validated and saved before its weights go back, so that selection
    judges weights that were trained; k-means starts ten times.
    """

    # Before the hook that seeds the sampler; random numbers are put back.
    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int = 5, times: int = 3, scale: float = 3.0,
                 train_dataloader: dict[str, Any] | None = None) -> None:
        for key, value in (('interval', interval), ('times', times)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f'DiagnosingRelearningHook: {key}={value!r} must be an integer >= 1')
        if not scale > 0:
            raise ValueError(f'DiagnosingRelearningHook: scale={scale!r} must be greater than 0')
        self.interval, self.times, self.scale = interval, times, scale
        self.train_dataloader = train_dataloader
        self._initial: dict[str, list[Tensor]] | None = None
        self._training_set: Any = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        # The best checkpoint is for testing and carries no state of the training.
        if self._initial is not None and 'optimizer' in checkpoint:
            checkpoint[STATE] = self._initial

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if runner._resume and STATE in checkpoint:
            self._initial = {name: [value.cpu() for value in own] for name, own in checkpoint[STATE].items()}

    def before_train(self, runner: Runner) -> None:
        """Keep the initial weights.

        Raises:
            TypeError: If the model has no encoder for each modality.
            ValueError: If the run counts iterations or does not validate, or was resumed without initial weights.
        """
        model = recognizer_of(runner, type(self).__name__)
        self._training_set = training_set_of(runner, self.train_dataloader, type(self).__name__)
        if self._initial is None and runner.iter:
            raise ValueError('the checkpoint to resume from holds no initial encoder weights, so it was written '
                             'without DiagnosingRelearningHook: start anew, or take the hook out')
        if self._initial is None:
            # On the host: they are needed a few times in a run.
            self._initial = {name: [value.detach().cpu().clone() for value in own]
                             for name, own in model.encoder_parameters().items()}

    def before_train_epoch(self, runner: Runner) -> None:
        last = runner.epoch - 1
        if last > 0 and last % self.interval == 0 and last // self.interval <= self.times:
            with preserved_random_state():
                diagnosis = self._diagnose(runner)
            self._relearn(runner, diagnosis)

    def _diagnose(self, runner: Runner) -> dict[str, dict[str, float]]:
        """Modality -> purities, gap and strength: computed by the main process, the same on all."""
        model, found = recognizer_of(runner, type(self).__name__), {}
        runner.logger.info('diagnosis: reading the features of the training and the source validation samples')
        for part, loader in zip(PARTS, (self._training_set, runner.val_loop.dataloader)):
            found[part] = labelled_features(model, loader, is_labelled_source, len(loader.dataset))
        message: list[Any] = [None]
        if is_main_process():
            classes = model.cls_head.fusion.out_channels
            message = [{name: self._of_modality(name, found, classes) for name in model.modalities}]
        broadcast_object_list(message)
        return message[0]

    def _of_modality(self, name: str, found: dict[str, Any], classes: int) -> dict[str, float]:
        own = {f'purity_{part}': separability(found[part][0][name], found[part][1], classes) for part in PARTS}
        gap = abs(own['purity_train'] - own['purity_val'])
        return {**own, 'gap': gap, 'strength': relearning_strength(gap, self.scale)}

    def _relearn(self, runner: Runner, diagnosis: dict[str, dict[str, float]]) -> None:
        assert self._initial is not None
        model = recognizer_of(runner, type(self).__name__)
        for name, parameters in model.encoder_parameters().items():
            blend_(parameters, self._initial[name], diagnosis[name]['strength'])
            for key, value in diagnosis[name].items():
                runner.message_hub.update_scalar(f'train/relearning/{key}_{name}', value)
            numbers = ', '.join(f'{key} {value:.3f}' for key, value in diagnosis[name].items())
            runner.logger.info(f're-learning of {name} after epoch {runner.epoch}: {numbers}')

