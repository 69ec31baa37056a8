"""From a trained recognizer to a file of features, on which methods are studied in seconds."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from mmda_ext.apis.bar import bar
from mmda_ext.apis.recognizers import init_recognizer
from mmda_ext.engine.still_samples import feature_rows, is_labelled, is_labelled_source, sample_rows, still_loader

#: Parts of a feature file, and who belongs to them.
PARTS = {'train': is_labelled_source, 'val': is_labelled_source, 'test': is_labelled}


def extract_features(run: str | Path | Config, checkpoint: str | Path | None = None,
                     out: str | Path = 'features.npz', device: str | None = None, progress: bool = False,
                     **flags: Any) -> Path:
    """Write the features of all labelled samples of a config to a file that ``FeatureDataset`` reads.

    The file holds an array ``(n, D_m)`` for each modality, ``label``, ``domain``, ``classes``, ``split`` (the training
    and validation samples of the sources, and the test samples of the target) and ``sample_id``. Samples are seen as in
    a test. What trains on the file has no part in the encoders, which have seen the labels of the sources.

    Args:
        run (str | Path | Config): Folder of a run, config, or name of a method.
        checkpoint (str | Path, optional): Of a run, by default the one that it tested; of a config, by default the
            published weights that it names.
        out (str | Path): The file, ``.npz``.
        device (str, optional): By default a GPU, where there is one.
        progress (bool): Show a bar.
        **flags: ``dataset``, ``target``, ``sources``, ``modalities`` of a method.

    Returns:
        Path: The file.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the name does not end in ``.npz``, the config lacks a loader, or a feature is not finite.
    """
    out = Path(out)
    if out.suffix != '.npz':
        raise ValueError(f'{out}: the file must end in .npz')
    model: Any = init_recognizer(run, checkpoint, device, **flags)
    rows: list[tuple[dict[str, np.ndarray], Any, str]] = []
    classes: tuple[str, ...] = ()
    for part, config in _loaders(model.cfg).items():
        loader = Runner.build_dataloader(config, seed=0)
        classes = classes or tuple(map(str, getattr(loader.dataset, 'metainfo', {}).get('classes', ())))
        with bar(f'features: {part}', len(loader), progress) as advance:
            rows += [(*row, part) for row in sample_rows(model, _counted(loader, advance), _reader(model), PARTS[part])]
    _write(out, rows, classes)
    return out


def _loaders(cfg: Config) -> dict[str, dict[str, Any]]:
    missing = [name for name in PARTS if not cfg.get(f'{name}_dataloader')]
    if missing:
        raise ValueError(f'{cfg.filename} has no {missing[0]}_dataloader, of which features are asked')
    return {'train': still_loader(cfg.train_dataloader, cfg.val_dataloader), 'val': dict(cfg.val_dataloader),
            'test': dict(cfg.test_dataloader)}


def _counted(loader: Any, advance: Any) -> Any:
    for batch in loader:
        yield batch
        advance(1)


def _reader(model: Any) -> Any:
    def read(inputs: Any, samples: list[Any]) -> list[Any]:
        return list(zip(feature_rows(model.extract_feat(inputs, len(samples))), samples))
    return read


def _write(out: Path, rows: list[Any], classes: tuple[str, ...]) -> None:
    if not rows:
        raise ValueError('there is no labelled sample to take features of: check the data of the config')
    arrays = {name: np.stack([features[name] for features, _, _ in rows]) for name in rows[0][0]}
    samples = [sample for _, sample, _ in rows]
    for name, values in arrays.items():
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise ValueError(f'the features of {name} of sample {samples[bad[0]].get("sample_id")} are not finite: '
                             'look for NaN in the weights')
    labels = np.array([int(sample.gt_label) for sample in samples])
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f'.{out.stem}.{os.getpid()}.npz')
    try:
        np.savez_compressed(
            unfinished, **arrays, label=labels, domain=np.array([str(sample.domain) for sample in samples]),
            classes=np.array(classes or [str(index) for index in range(labels.max() + 1)]),
            split=np.array([part for *_, part in rows]),
            sample_id=np.array([str(sample.get('sample_id', row)) for row, sample in enumerate(samples)]))
        os.replace(unfinished, out)
    finally:
        unfinished.unlink(missing_ok=True)
