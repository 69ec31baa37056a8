"""Run an ordinary MMAction2 pipeline on one modality of a sample."""

from collections.abc import Callable, Sequence
from typing import Any

from mmaction.registry import TRANSFORMS as MMACTION_TRANSFORMS
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.errors import FILE_KEYS, MediaError, reports_bad_file
from mmda_ext.registry import TRANSFORMS

#: What other modalities, and the last step, may ask of this one after its data are packed.
KEPT_KEYS = ('frame_inds', 'avg_fps', 'frame_times', 'time_offset', 'filename', 'total_frames', 'incomplete')
Step = dict[str, Any] | Callable[[dict], dict | None]


@TRANSFORMS.register_module()
class PerModality(BaseTransform):
    """Run one pipeline on each ``results['modalities'][name]``, in the order written.

    Every transform of MMAction2 works inside, up to a whole pipeline that ends in ``PackActionInputs``, because the
    nested dict has the keys that MMAction2's own data sets write. Names are looked up from MMAction2's registry, so
    they need no prefix there; ours have the prefix ``mmda_ext.``.

    Args:
        **pipelines (list[dict]): Name of a modality -> its pipeline.

    Raises:
        KeyError: If a sample lacks a modality that has a pipeline.
        MediaError: If a file of the modality cannot be used.
    """

    def __init__(self, **pipelines: Sequence[Step]) -> None:
        if not pipelines:
            raise ValueError('PerModality needs at least one pipeline, such as PerModality(video=[...], audio=[...])')
        self.pipelines = {name: [_build(step) for step in steps] for name, steps in pipelines.items()}

    def transform(self, results: dict) -> dict | None:
        modalities = modalities_of(results)
        for name, steps in self.pipelines.items():
            entry = self._run(steps, get_modality(results, name, 'PerModality'), name, results)
            if entry is None:
                return None
            modalities[name] = entry
        return results

    @staticmethod
    def _run(steps: list[Callable[[dict], dict | None]], entry: dict | None, name: str, results: dict) -> dict | None:
        """Run the steps; a step of another package reports a bad file in its own way, so translate."""
        source = entry or {}
        file = next((source[key] for key in FILE_KEYS if source.get(key)), '?')
        try:
            for step in steps:
                if entry is None:
                    break
                entry = _keep(entry, step(entry))
        except MediaError as error:
            raise MediaError(error.path, f'{error.reason} [{name} of sample {results.get("sample_id")!r}]') from error
        except Exception as error:
            if not reports_bad_file(error):
                raise
            raise MediaError(str(file), f'{type(error).__name__}: {error} [{name} of sample '
                             f'{results.get("sample_id")!r}]') from error
        return entry

    def __repr__(self) -> str:
        return f'PerModality({self.pipelines})'


def _build(step: Step) -> Callable[[dict], dict | None]:
    # MMEngine's Compose would look in the root registry, where mmcv keeps other transforms of the same names.
    return step if callable(step) else MMACTION_TRANSFORMS.build(step)


def _keep(before: dict, after: dict | None) -> dict | None:
    """``PackActionInputs`` returns a new dict; sound may still have to follow the frames that were chosen."""
    if after is None or after is before:
        return after
    return {**{key: before[key] for key in KEPT_KEYS if key in before}, **after}


def modalities_of(results: dict) -> dict[str, dict]:
    """The nested dicts of a sample.

    Raises:
        ValueError: If there are none, because a tool hands over the path of one file.
    """
    if 'modalities' not in results:
        raise ValueError(f'the sample has {sorted(results)} and no `modalities`: MMAction2Inferencer and other tools '
                         'for one file cannot feed this model; call inference_recognizer(model, dict(modalities=dict('
                         "video=dict(filename='a.mp4'), audio=dict(audio_path='a.wav')))), see docs/analysis.md")
    return results['modalities']


def get_modality(results: dict, name: str, user: str) -> dict:
    """Nested dict of a modality.

    Args:
        results (dict): The sample.
        name (str): The modality.
        user (str): Who asks, for the message.

    Returns:
        dict: The nested dict itself.

    Raises:
        KeyError: If the sample lacks it; the message names sample, modality and remedy.
    """
    modalities = modalities_of(results)
    if name not in modalities:
        raise KeyError(f'{user} needs modality {name!r}, but sample {results.get("sample_id")!r} has '
                       f'{list(modalities)}: set `modalities` of the data set and the pipeline alike')
    return modalities[name]
