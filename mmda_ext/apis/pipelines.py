"""The test pipeline of a config, for samples that no data set lists, and that may lack modalities."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose

from mmda_ext.engine.still_samples import pipeline_in

#: Arguments of transforms that map modalities to something, and those that name one.
_BY_MODALITY, _ONE = ('clips', 'follow'), ('modality', 'reference', 'target')
Step = Mapping[str, Any]


def test_pipeline(cfg: Config) -> list[Any]:
    """Pipeline of ``test_dataloader``.

    Raises:
        ValueError: If there is none.
    """
    found = pipeline_in((cfg.get('test_dataloader') or {}).get('dataset') or {})
    if found is None:
        raise ValueError(f'{cfg.filename} has no test_dataloader with a `pipeline`, which says how samples are read: '
                         'add one, as in the configs of docs/own_data.md')
    return list(found)


test_pipeline.__test__ = False  # type: ignore[attr-defined]  # no test case, whatever the name suggests to pytest


def modalities_with(pipeline: Sequence[Step], transforms: tuple[str, ...]) -> Iterator[str]:
    """Modalities of which a step is of one of these types."""
    for step in filter(_is_per_modality, pipeline):
        for name, steps in step.items():
            if name != 'type' and any(str(own.get('type')).endswith(transforms) for own in steps):
                yield name


def without(pipeline: Sequence[Step], absent: Sequence[str]) -> list[Step]:
    """The pipeline for samples that lack modalities."""
    return [changed for step in pipeline if (changed := _without(step, absent))] if absent else list(pipeline)


def _is_per_modality(step: Step) -> bool:
    return str(step.get('type')).endswith('PerModality')


def _without(step: Step, absent: Sequence[str]) -> Step | None:
    if _is_per_modality(step):
        left = {name: own for name, own in step.items() if name not in absent}
        return left if len(left) > 1 else None
    if any(step.get(key) in absent for key in _ONE):
        return None
    changed = dict(step)
    if step.get('modalities') is not None:
        changed['modalities'] = [name for name in step['modalities'] if name not in absent]
    for key in _BY_MODALITY:
        if step.get(key):
            changed[key] = {name: rule for name, rule in step[key].items()
                            if name not in absent and rule.get('reference') not in absent}
    return changed


def run(pipeline: Compose, data: dict[str, Any]) -> Any:
    """What a pipeline makes of a sample.

    Raises:
        ValueError: If the sample lacks what a step reads.
    """
    try:
        return pipeline(data)
    except KeyError as error:
        known = {name: sorted(entry) for name, entry in data['modalities'].items() if isinstance(entry, dict)}
        raise ValueError(f'{data["sample_id"]}: the pipeline reads {error.args[0]!r:.200}, and the input has {known}: '
                         'give a file of the kind that was trained on, or the dict that the pipeline reads') from error
