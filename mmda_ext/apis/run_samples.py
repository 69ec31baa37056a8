"""What a trained recognizer makes of the samples of its own config: features, probabilities, labels, domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.runner import Runner

from mmda_ext.apis.recognizers import init_recognizer
from mmda_ext.engine.still_samples import feature_rows, is_labelled, sample_rows
from mmda_ext.models.predictors import predict_from


@dataclass(frozen=True)
class RunSamples:
    """N samples as a run sees them in a test.

    Args:
        features (dict[str, np.ndarray]): Modality -> ``(N, D_m)``.
        probabilities (np.ndarray): ``(N, C)``, of the model's own predictor.
        labels (np.ndarray): Class index, ``(N, )``.
        domains (np.ndarray): Name of the domain, ``(N, )``.
        targets (tuple[str, ...]): Domains that are tested.
        classes (tuple[str, ...]): C names.
    """

    features: dict[str, np.ndarray]
    probabilities: np.ndarray
    labels: np.ndarray
    domains: np.ndarray
    targets: tuple[str, ...]
    classes: tuple[str, ...]


def run_samples(run: str | Path, parts: Sequence[str] = ('val', 'test'), device: str | None = None) -> RunSamples:
    """Labelled samples of the validation set (sources) and of the test set (target) of a run.

    Args:
        run (str | Path): Folder of the run.
        parts (Sequence[str]): Of ``'val'`` and ``'test'``.
        device (str, optional): By default a GPU, where there is one.

    Raises:
        FileNotFoundError: If the folder holds no config or no checkpoint.
        ValueError: If config and checkpoint do not fit, or there is no labelled sample.
    """
    if not Path(run).is_dir():
        raise FileNotFoundError(f'{run} is no folder: name the --work-dir of a training')
    model: Any = init_recognizer(run, device=device)
    rows, tested, classes = [], [], tuple(model.dataset_meta.get('classes') or ())
    for part in parts:
        loader = Runner.build_dataloader(model.cfg[f'{part}_dataloader'], seed=0)
        classes = classes or tuple(getattr(loader.dataset, 'metainfo', {}).get('classes', ()))
        own = sample_rows(model, loader, _reader(model), is_labelled)
        tested += [sample.domain for *_, sample in own] if part == 'test' else []
        rows += own
    if not rows:
        raise ValueError(f'{run}: no labelled sample in its {" and ".join(parts)} data')
    features, probabilities, samples = zip(*rows)
    count = probabilities[0].shape[0]
    return RunSamples(
        {name: np.stack([row[name] for row in features]) for name in features[0]}, np.stack(probabilities),
        np.array([int(sample.gt_label) for sample in samples]), np.array([str(sample.domain) for sample in samples]),
        tuple(dict.fromkeys(map(str, tested))), tuple(map(str, classes)) or tuple(map(str, range(count))))


def _reader(model: Any) -> Any:
    def read(inputs: Any, samples: list[Any]) -> list[Any]:
        features = model.extract_feat(inputs, len(samples))
        score, _, _ = predict_from(model, features)
        return list(zip(feature_rows(features), score.float().cpu().numpy(), samples))
    return read
