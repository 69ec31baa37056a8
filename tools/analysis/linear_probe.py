"""What a linear classifier can read out of the frozen features of each modality.

Features of the train, val and test loaders are taken from a trained recognizer; a logistic regression per modality and
on all of them together is fitted on the source-train features and scored on source-val and target-test.

Example: python tools/analysis/linear_probe.py CONFIG CHECKPOINT --out probe.json
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.apis.one_line_errors import run_with_one_line_errors

FUSED = 'fused'


class Part:
    """Features ``(N, D)`` by modality and labels ``(N, )`` of one loader."""

    def __init__(self, features: dict[str, np.ndarray], labels: np.ndarray) -> None:
        lengths = {name: len(values) for name, values in features.items()}
        if not lengths or set(lengths.values()) != {len(labels)}:
            raise ValueError(f'features {lengths} do not go with {len(labels)} labels')
        self.labels = labels
        self.features = {**features, FUSED: np.concatenate(list(features.values()), axis=1)}


def fit_probe(train: Part, val: Part, test: Part, strength: float = 1.0) -> dict[str, dict[str, float]]:
    """Fit one logistic regression per modality and on all modalities together.

    Args:
        train (Part): Source features that the probes learn from; their mean and spread standardise all parts.
        val (Part): Features of the sources' validation files.
        test (Part): Features of the target.
        strength (float): Inverse of the regularisation; larger fits closer.

    Returns:
        dict: Accuracy in percent, ``{modality or 'fused': {'train': ..., 'val': ..., 'test': ...}}``.

    Raises:
        ValueError: If fewer than two classes are in ``train``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(train.labels)) < 2:
        raise ValueError(f'a probe needs two classes, the training features have {np.unique(train.labels).tolist()}')
    scores = {}
    for name, features in train.features.items():
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        probe.fit(features, train.labels)
        parts = {'train': train, 'val': val, 'test': test}
        scores[name] = {key: 100 * float(probe.score(part.features[name], part.labels)) for key, part in parts.items()}
    return scores


def extract(model: Any, batches: Iterable[Any]) -> Part:
    """Run a recognizer over a loader and keep features and labels; samples without a label are passed over."""
    from mmda_ext.engine.still_samples import labelled_features

    return Part(*labelled_features(model, batches))


def load(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """Recognizer with its weights, and the three loaders; training samples are seen as in a test, in order."""
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner, load_checkpoint

    from mmda_ext.apis.compose import choice_of
    from mmda_ext.apis.config_edits import load_config
    from mmda_ext.compat import allow_mmengine_checkpoints
    from mmda_ext.registry import MODELS

    allow_mmengine_checkpoints()
    config = load_config(args.config, args.cfg_options, args.new_options, choice_of(args))
    init_default_scope(config.get('default_scope', 'mmaction'))
    model = MODELS.build(config.model)
    load_checkpoint(model, args.checkpoint, map_location='cpu')
    loaders = {name: Runner.build_dataloader(loader, seed=0) for name, loader in loader_configs(config).items()}
    return model.to(args.device), loaders


def loader_configs(config: Any) -> dict[str, dict[str, Any]]:
    """Configurations of the loaders; train gets val's sampling, batch and pipeline, so that nothing is augmented."""
    from mmda_ext.engine.still_samples import still_loader

    return {
        'train': still_loader(config.train_dataloader, config.val_dataloader),
        'val': dict(config.val_dataloader),
        'test': dict(config.test_dataloader),
    }


def show(scores: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table('features', 'source train', 'source val', 'target test', title='linear probe, accuracy (%)')
    for name, row in scores.items():
        table.add_row(name, *(f'{row[part]:.1f}' for part in ('train', 'val', 'test')))
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    from mmda_ext.apis.compose import add_flags
    from mmda_ext.apis.options import add_option_flags

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', type=Path, help='JSON file for the numbers')
    parser.add_argument('--strength', type=float, default=1.0, help='inverse regularisation of the probes')
    parser.add_argument('--device', default='cpu')
    add_option_flags(parser)
    add_flags(parser)
    args = parser.parse_args(arguments)
    if not Path(args.checkpoint).is_file():
        print(f'error: {args.checkpoint} does not exist', file=sys.stderr)
        return 2
    from rich.progress import track

    model, loaders = load(args)
    parts = {name: extract(model, track(loader, f'features: {name}')) for name, loader in loaders.items()}
    scores = fit_probe(parts['train'], parts['val'], parts['test'], args.strength)
    show(scores)
    if args.out:
        about = {'config': args.config, 'checkpoint': args.checkpoint, 'strength': args.strength,
                 'samples': {name: len(part.labels) for name, part in parts.items()}}
        args.out.write_text(json.dumps({**about, 'accuracy': scores}, indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
