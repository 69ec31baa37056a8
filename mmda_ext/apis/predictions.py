"""Predictions outside of a run: what a finished one says of its samples, and the scores of samples, like a run's."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint

from mmda_ext.compat import allow_mmengine_checkpoints, tensors_only
from mmda_ext.engine.hooks.scored_samples import ScoredSamples
from mmda_ext.evaluation import DomainAccuracy, WeightedF1
from mmda_ext.registry import MODELS


def predicted_samples(config: str | Path, checkpoint: str | Path,
                      loaders: Sequence[str] = ('val', 'test')) -> dict[str, list[dict[str, Any]]]:
    """Predicted samples of some loaders of a run, as metrics get them.

    Args:
        config (str | Path): The config that the run wrote into its work directory.
        checkpoint (str | Path): Weights.
        loaders (Sequence[str]): Which of ``'val'`` and ``'test'``.

    Raises:
        FileNotFoundError: If one of the files is not there.
    """
    for path in (config, checkpoint):
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path} does not exist: give the command that trained this run again')
    allow_mmengine_checkpoints()
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = MODELS.build(cfg.model)
    with tensors_only():
        load_checkpoint(model, str(checkpoint), map_location='cpu', logger='silent')
    model = model.to(get_device()).eval()
    with torch.no_grad():
        return {name: [sample.to_dict() for batch in Runner.build_dataloader(cfg[f'{name}_dataloader'], seed=0)
                       for sample in model.test_step(batch)] for name in loaders}


def score_samples(samples: Sequence[dict[str, Any]], inductive_split: str | None = None) -> dict[str, Any]:
    """``test`` and ``test_set`` of predicted samples, as in the ``result.json`` of a run.

    Args:
        samples (Sequence[dict]): With ``pred_score``, ``gt_label`` and ``sample_id``.
        inductive_split (str, optional): Count samples of this split; all of them are ``_transductive``.
    """
    metrics = [metric(inductive_split=inductive_split) for metric in (DomainAccuracy, WeightedF1)]
    scored = ScoredSamples()
    scored.add(samples)
    summary = scored.summary(SimpleNamespace(evaluator=SimpleNamespace(metrics=metrics)))
    return {'test': Evaluator(metrics).offline_evaluate(samples), 'test_set': summary}
