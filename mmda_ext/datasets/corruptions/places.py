"""Where in the pipeline of a data set the data of each modality can be corrupted, and what is known of them there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.dataset import Compose

from mmda_ext.datasets.corruptions import KINDS, Facts, Kind
from mmda_ext.datasets.corruptions.entries import KEYS, frames_of, kind_of


@dataclass(frozen=True)
class Place:
    """A step of a pipeline whose steps serve one modality each (:func:`single_steps`).

    Args:
        index (int): Of the step in front of which the data are corrupted.
        kind (Kind): Of the data there.
        data (Any): Those of the first sample.
        facts (Facts): What is known of the data.
        neighbours (Callable, optional): See ``CorruptModality``.
    """

    index: int
    kind: Kind
    data: Any
    facts: Facts
    neighbours: Callable[[str, str, np.random.Generator], np.ndarray] | None = None

    def obstacle(self, family: str) -> str:
        """Why the data do not admit a family; empty if they do."""
        facts = self.facts if self.neighbours is None else replace(self.facts, other=lambda _: self.data)
        return self.kind.obstacle(family, self.data, facts)


def single_steps(pipeline: Sequence[Any]) -> list[Any]:
    """The same pipeline with one ``PerModality`` for each step of each modality."""
    steps: list[Any] = []
    for step in pipeline:
        kind = step.get('type') if isinstance(step, Mapping) else None
        if getattr(kind, '__name__', str(kind)).rpartition('.')[2] != 'PerModality':
            steps.append(step)
            continue
        parts = {name: part for name, part in step.items() if name != 'type'}
        steps += [{'type': kind, name: [inner]} for name, part in parts.items() for inner in part]
    return steps


def find_places(dataset: Any, steps: Sequence[Any]) -> dict[str, Place | None]:
    """Run the steps on the first sample, and find for each modality the last one before its data change their kind.

    So pictures are corrupted when they are cropped and still in bytes, sound before it is a spectrogram, words before
    they are tokens. None for a modality that has no data which can be corrupted.

    Args:
        dataset (Any): A data set of this package.
        steps (Sequence): Of its pipeline, as :func:`single_steps` has them.

    Raises:
        ValueError: If the samples have no modalities.
    """
    info = dataset.get_data_info(0)
    if 'modalities' not in info:
        raise ValueError(f'{type(dataset).__name__} has samples without `modalities`, so there is nothing to corrupt '
                         'by itself: use a data set of mmda_ext')
    transforms = Compose(list(steps)).transforms
    found: dict[str, tuple[int, str, Any] | None] = dict.fromkeys(info['modalities'])
    for index, transform in enumerate(transforms):
        for name, entry in info['modalities'].items():
            kind, before = kind_of(entry), found.get(name)
            if kind is not None and (before is None or before[1] == kind):
                found[name] = index, kind, _data(entry, kind)
        info = transform(info)
        if not isinstance(info, dict) or 'modalities' not in info:
            break
    unknown = next(filter(None, map(_unknown_token, transforms)), None)
    return {name: None if place is None else _place(dataset, name, *place, unknown) for name, place in found.items()}


def _data(entry: Mapping[str, Any], kind: str) -> Any:
    return frames_of(entry['imgs']) if kind == 'video' else entry[KEYS[kind]]


def _unknown_token(transform: Any) -> str | None:
    inner = [step for steps in getattr(transform, 'pipelines', {}).values() for step in steps]
    return next((token for step in inner if (token := getattr(step, 'unknown_token', None))), None)


def _place(dataset: Any, modality: str, index: int, kind: str, data: Any, unknown: str | None) -> Place:
    facts, others = Facts(modality, unknown=unknown or Facts.unknown), None
    if kind == 'features':
        statistics = _statistics(dataset, modality)
        if statistics is not None and np.shape(statistics.deviation) == data.shape:
            facts = Facts(modality, statistics=statistics)
        others = neighbours(dataset, modality, data.shape)
    return Place(index, KINDS[kind], data, facts, others)


def _statistics(dataset: Any, modality: str) -> Any:
    """Of the features in training, None where the data set cannot tell."""
    try:
        return dataset.source_statistics(modality)
    except (AttributeError, ValueError):
        return None


def neighbours(dataset: Any, modality: str,
               shape: tuple[int, ...]) -> Callable[[str, str, np.random.Generator], np.ndarray] | None:
    """Draws the features of another sample of the same domain; None where a domain has one sample, or no features.

    Args:
        dataset (Any): Where the samples come from.
        modality (str): Whose features.
        shape (tuple[int, ...]): Of the features where they are corrupted: the data set must hand them out so.
    """
    members: dict[str, list[tuple[str, int]]] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if np.shape(info['modalities'][modality].get('feature')) != shape:
            return None
        members.setdefault(info['domain'], []).append((info['sample_id'], index))
    if min(map(len, members.values())) < 2:
        return None

    # A function, not an object: copies of a pipeline's config would copy the data set.
    def draw(domain: str, sample_id: str, rng: np.random.Generator) -> np.ndarray:
        others = [index for name, index in members[domain] if name != sample_id]
        chosen = others[int(rng.integers(len(others)))]
        return dataset.get_data_info(chosen)['modalities'][modality]['feature']

    return draw
