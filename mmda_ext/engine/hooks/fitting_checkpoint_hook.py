"""Refuses a checkpoint that does not fit, and lets a resumed run go on under the conditions of its config."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import EMAHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner

from mmda_ext.engine.resuming import adopt_present_conditions, describe_run
from mmda_ext.engine.seen_domains import check_start, domains_seen_by
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class FittingCheckpointHook(Hook):
    """MMEngine loads what fits and only prints the rest; here, a resumed or tested model must fit.

    Resuming needs every tensor; testing needs every tensor that predicts (objectives are for training only). The
    ``load_from`` of a new training run may fill a part of the model, but it must not have seen the tested domain. A
    resumed run follows the rates and the schedule of its config, which the log says wherever they are not those of the
    checkpoint.

    Args:
        training_only (tuple[str, ...]): Prefixes of parameters that a test does not need.
    """

    def __init__(self, training_only: tuple[str, ...] = ('objectives.', )) -> None:
        self.training_only = tuple(training_only)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: Naming the file, how much does not fit and the first tensor that does not, or the order of the
                modalities where that differs, or what else cannot be continued under the present config.
        """
        trains = isinstance(runner._train_loop, BaseLoop)
        if trains and not runner._resume:
            if not runner._has_loaded:
                metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', {})
                check_start(runner.cfg, checkpoint, metainfo.get('classes'))
            return
        if trains and not runner._has_loaded:
            _check_average(runner, checkpoint)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        found = checkpoint.get('state_dict', checkpoint)
        wanted = {key: value for key, value in model.state_dict().items()
                  if trains or not key.startswith(self.training_only)}
        check_fit(wanted, found, str(getattr(runner, '_load_from', None) or 'of the work dir'))
        if not trains:
            _warn_of_seen_domains(runner, checkpoint)
        # After training, the best checkpoint is loaded, too.
        resumes = trains and not runner._has_loaded
        for sentence in adopt_present_conditions(runner, checkpoint) if resumes else []:
            runner.logger.warning(f'--resume: {sentence}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        describe_run(checkpoint)


def check_fit(wanted: Mapping[str, Any], found: Mapping[str, Any], name: str) -> None:
    """Compare the tensors that a model needs with those that a checkpoint has.

    Args:
        wanted (Mapping): Those of the model.
        found (Mapping): Those of the checkpoint.
        name (str): Of the checkpoint, for messages.

    Raises:
        ValueError: As :meth:`FittingCheckpointHook.after_load_checkpoint`.
    """
    bad = [key for key, value in wanted.items()
           if key not in found or getattr(found[key], 'shape', None) != value.shape]
    if bad:
        shape = tuple(getattr(found[bad[0]], 'shape', ())) if bad[0] in found else 'nothing'
        none = '' if {*wanted} & {*found} else '; it has none of their names, so another package may have written it'
        raise ValueError(
            f'checkpoint {name} is one of another architecture than the config describes: {len(bad)} of {len(wanted)} '
            f'tensors do not fit, first {bad[0]}: {tuple(wanted[bad[0]].shape)} wanted, {shape} found{none}; use the '
            'config that the checkpoint was trained with (it lies beside it in the work dir)')
    orders = [_modalities(state) for state in (found, wanted)]
    if orders[0] != orders[1]:
        raise ValueError(
            f'checkpoint {name} was trained with the modalities in the order {orders[0]}, the config names '
            f'{orders[1]}: its classifier would read the features of one as those of another; write `model.backbones` '
            'and `model.fusion.in_channels` in that order')


def _check_average(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Refuse to train averaged weights on with the optimizer of the raw ones."""
    if 'ema_state_dict' in checkpoint and not any(isinstance(hook, EMAHook) for hook in runner.hooks):
        raise ValueError(
            f'--resume: checkpoint {runner._load_from or "of the work dir"} holds averaged weights beside those that '
            'train, and the config has no hook that averages: continue with the `default_hooks.average` that it was '
            'trained with, or start a new run from it with load_from')


def _warn_of_seen_domains(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """A test of a domain whose labels were trained on is allowed, but no test of generalization."""
    seen = domains_seen_by(checkpoint, getattr(runner.test_dataloader.dataset, 'metainfo', {}))
    if seen:
        runner.logger.warning(f'checkpoint {runner._load_from} was trained on the labels of {seen}, which this test '
                              'reads: its scores there are not those of an unseen domain')


def _modalities(state: Mapping[str, Any]) -> list[str]:
    """Modalities in the order of their encoders, which is the order of the tensors in a file."""
    return list(dict.fromkeys(key.split('.')[1] for key in state if key.startswith('backbones.')))
