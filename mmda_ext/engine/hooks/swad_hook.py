"""The weights of a whole stretch of training, chosen by the source validation loss, averaged and tested (SWAD)."""

from itertools import islice
from typing import Any

import torch
from mmengine.dist import all_reduce_params, broadcast_object_list, is_main_process
from mmengine.hooks import DistSamplerSeedHook, EMAHook, Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from mmda_ext.engine.loss_valley import LossValley, RunningMean
from mmda_ext.engine.random_state import preserved_random_state, seed_epoch
from mmda_ext.engine.still_samples import is_labelled_source, recognizer_of, sample_rows
from mmda_ext.models.step import targets_of
from mmda_ext.registry import HOOKS

from .last_best_checkpoint_hook import LastBestCheckpointHook

#: Where averages and window lie in a checkpoint.
STATE = 'swad'
#: How often the loss is measured, where no interval is given.
MEASUREMENTS = 20
#: Training batches behind the new statistics of BatchNorm.
BATCHES = 500


@HOOKS.register_module()
class SWADHook(Hook):
    r"""SWAD (Cha et al., NeurIPS 2021): dense averages inside the flat part of the source validation loss.

    At regular intervals the cross-entropy of the predicted scores is measured over the labelled source
    samples of validation; :class:`~mmda_ext.engine.loss_valley.LossValley` judges the mean of the weights after all
    optimizer steps since the measurement before. At the end the average becomes the model, its BatchNorm statistics
    are computed anew (where they move in training at all), it is validated, and the test takes it as the best
    checkpoint, ``swad.pth``. Checkpoints to continue from hold all averages.

    Args:
        interval (int, optional): Iterations between two measurements; by default a twentieth of the training.
        converge (int): :math:`N_s`.
        tolerance (int): :math:`N_e`.
        ratio (float): :math:`r`.

    Raises:
        ValueError: If an option is out of range.

    Differences from the authors' code: the window begins where the loss converged, as published, and that entry
    counts once (in the code it may count twice, or together with earlier ones); training goes on to its end.
    """

    #: Before checkpoints, which must hold the average of this step.
    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int | None = None, converge: int = 3, tolerance: int = 6, ratio: float = 0.3) -> None:
        for key, value in (('interval', interval), ('converge', converge), ('tolerance', tolerance)):
            fits = value is None and key == 'interval' or type(value) is int and value >= 1
            if not fits:
                raise ValueError(f'SWADHook: {key}={value!r} must be an integer >= 1')
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not ratio >= 0:
            raise ValueError(f'SWADHook: ratio={ratio!r} must be a number >= 0')
        self._asked, self.interval = interval, interval or 1
        self.valley, self.segment = LossValley(converge, tolerance, ratio), RunningMean()
        self._resumed = False

    def before_train(self, runner: Runner) -> None:
        """Look for what it needs.

        Raises:
            TypeError: If the model has no encoder for each modality.
            ValueError: If the run is too short, does not validate, averages weights otherwise, has no checkpoint hook
                of this package, or was resumed without averages.
        """
        self._model = recognizer_of(runner, type(self).__name__)
        if runner.val_loop is None:
            raise ValueError('SWADHook reads the source validation loss, and this run has no validation: add '
                             '`val_dataloader`, `val_cfg` and `val_evaluator`, and do not pass --no-validate')
        self.interval = self._asked or max(runner.max_iters // MEASUREMENTS, 1)
        if runner.max_iters < self.interval:
            raise ValueError(f'SWADHook: interval={self.interval} is longer than the training of {runner.max_iters} '
                             'iterations: lower it')
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ValueError('SWADHook and a hook that averages weights (`default_hooks.average`) are both in the '
                             'config: take one of them out')
        checkpoints = [hook for hook in runner.hooks if isinstance(hook, LastBestCheckpointHook)]
        if not checkpoints:
            raise ValueError('SWADHook hands its average to mmda_ext.LastBestCheckpointHook, which the config does not '
                             'have: name it in default_hooks.checkpoint')
        self._checkpoints = checkpoints[0]
        if runner.iter and not self._resumed:
            raise ValueError('the checkpoint to resume from holds no averages, so it was written without SWADHook: '
                             'start anew, or take the hook out')

    def _moving(self) -> dict[str, Tensor]:
        """Weights that train, and statistics."""
        frozen = {name for name, value in self._model.named_parameters() if not value.requires_grad}
        return {name: value for name, value in self._model.state_dict().items()
                if name not in frozen and value.is_floating_point()}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Any] | None = None) -> None:
        if self.valley.closed:
            return
        if runner.optim_wrapper.should_update():
            self.segment.add(self._moving())
        if (runner.iter + 1) % self.interval == 0 and self.segment.count:
            loss = self._source_loss(runner)
            runner.message_hub.update_scalar('train/swad/source_loss', loss)
            self.valley.add(loss, {name: value.cpu() for name, value in self.segment.weights.items()})
            self.segment = RunningMean()

    def _source_loss(self, runner: Runner) -> float:
        """Mean cross-entropy over the labelled source samples of validation, the same on all processes."""

        def read(inputs: Any, samples: list[Any]) -> list[float]:
            scored = self._model(inputs, samples, mode='predict')
            return [_cross_entropy(sample) if is_labelled_source(sample) else 0.0 for sample in scored]

        loader = runner.val_loop.dataloader
        with preserved_random_state():
            rows = sample_rows(self._model, loader, read, is_labelled_source, len(loader.dataset))
        if is_main_process() and not rows:
            raise ValueError('SWADHook: validation has no labelled source sample: name the source domains in '
                             '`val_dataloader.dataset.domains`')
        message = [sum(rows) / len(rows) if rows else 0.0]
        broadcast_object_list(message)
        return message[0]

    def after_train(self, runner: Runner) -> None:
        average = self.valley.finish()
        if not average:
            return
        if self.valley.threshold is None:
            runner.logger.warning('SWAD: the source validation loss fell to the end, so that no window opened: the '
                                  'average of the last iterations is taken')
        else:
            runner.logger.info(f'SWAD: average of {self.valley.mean.count} x {self.interval} iterations')
        self._model.load_state_dict(average, strict=False)
        self._renew_statistics(runner)
        self._checkpoints.replace_best(runner, 'swad.pth', 'swad')

    @torch.no_grad()
    def _renew_statistics(self, runner: Runner) -> None:
        """Running means of BatchNorm as plain means over training batches; layers that are frozen keep theirs."""
        model = self._model.train()
        layers = [layer for part in (model.backbones, model.necks, model.cls_head) for layer in part.modules()
                  if isinstance(layer, _BatchNorm) and layer.training and layer.track_running_stats]
        if not layers:
            return
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        with preserved_random_state():
            # A finished run that is resumed draws the same batches.
            seed_epoch(runner.seed, runner.epoch)
            DistSamplerSeedHook().before_train_epoch(runner)
            for batch in islice(runner.train_dataloader, BATCHES):
                data = model.data_preprocessor(batch, True)
                samples = data['data_samples']
                model.cls_head(model.extract_feat(data['inputs'], len(samples), targets_of(samples)))
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum
        all_reduce_params([value for layer in layers for value in layer.buffers() if value.is_floating_point()],
                          op='mean')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        # The best checkpoint is for testing and carries no state of the training.
        if 'optimizer' in checkpoint:
            checkpoint[STATE] = {'valley': self.valley.state_dict(), 'segment': self.segment.state_dict()}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if runner._resume and STATE in checkpoint:
            self._resumed = True
            self.valley.load_state_dict(checkpoint[STATE]['valley'])
            self.segment.load_state_dict(checkpoint[STATE]['segment'])
            device = next(iter(runner.model.parameters())).device
            self.segment.weights = {name: value.to(device) for name, value in self.segment.weights.items()}


def _cross_entropy(sample: Any) -> float:
    score = sample.pred_score[int(sample.gt_label)]
    return -float(score.clamp_min(torch.finfo(score.dtype).tiny).log())
