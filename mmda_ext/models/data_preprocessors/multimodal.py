"""From the samples of a batch to one tensor per modality."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.models.data_preprocessors import ActionDataPreprocessor
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from mmda_ext.registry import MODELS


@MODELS.register_module()
class ClipPreprocessor(ActionDataPreprocessor):
    """MMAction2's preprocessor, with the views of a sample folded into the batch axis: ``(N * S, ...)``.

    Args:
        fold_frames (bool): Fold the frames of clips ``(S, C, T, H, W)`` too: ``(N * S * T, C, H, W)``, for networks
            that see single images (TSN) or shift features between the rows of a sample (TSM).
        **kwargs: Those of ``ActionDataPreprocessor`` (``mean``, ``std``, ``format_shape``, ...).
    """

    def __init__(self, fold_frames: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fold_frames = fold_frames

    def preprocess(self, inputs: list[Tensor], data_samples: Any, training: bool = False) -> tuple[Tensor, Any]:
        """Stack and normalise a list of ``(S, ...)`` to ``(N * S, ...)``; the samples pass through.

        Raises:
            ValueError: If frames are to be folded, and the inputs are no clips.
        """
        batch, samples = super().preprocess(inputs, data_samples, training)
        batch = batch.flatten(0, 1)
        if not self.fold_frames:
            return batch, samples
        if batch.dim() != 5:
            raise ValueError(f'fold_frames=True takes clips (S, C, T, H, W), not {tuple(inputs[0].shape)}: end the '
                             "pipeline with FormatShape(input_format='NCTHW'), or leave fold_frames out")
        return batch.transpose(1, 2).flatten(0, 1), samples


@MODELS.register_module()
class TensorPreprocessor(nn.Module):
    """Stack tensors of equal shape: spectrograms, feature vectors."""

    def preprocess(self, inputs: list[Tensor], data_samples: Any, training: bool = False) -> tuple[Tensor, Any]:
        """Stack a list of ``(...)`` to ``(N, ...)`` in float32 (float64 stays); the samples pass through."""
        stacked = torch.stack(inputs)
        return stacked if stacked.dtype == torch.float64 else stacked.float(), data_samples


@MODELS.register_module()
class MultimodalDataPreprocessor(BaseDataPreprocessor):
    """One preprocessor per modality.

    Args:
        preprocessors (dict[str, dict]): Modality -> config of a module with MMAction2's
            ``preprocess(inputs, data_samples, training)``. Entries
            with value ``None`` get a :class:`TensorPreprocessor`. Where the module says ``variable_length = True``, the
            samples of a batch may differ in shape.
        non_blocking (bool): Copy to the device without waiting.

    Attributes:
        may_lack (bool): Whether a test batch may lack modalities, in all of its samples alike; the recognizer says so.
    """

    may_lack = False

    def __init__(self, preprocessors: Mapping[str, dict | None], non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        default = dict(type='mmda_ext.TensorPreprocessor')
        self.preprocessors = nn.ModuleDict({name: MODELS.build(cfg or default) for name, cfg in preprocessors.items()})

    def cast_data(self, data: Any) -> Any:
        """As MMEngine's (0.10.7); on a CPU, where it copies every sample, the batch of the loader."""
        return data if self.device.type == 'cpu' else super().cast_data(data)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """``{'inputs': {m: (N * S_m, ...)}, 'data_samples': list}`` on the device of the model.

        Raises:
            ValueError: If a sample lacks a modality, or the samples of a batch differ in shape where they must not.
        """
        data = self.cast_data(data)
        samples = data.get('data_samples') or []
        inputs = {}
        preprocessor: Any
        for name, preprocessor in self.preprocessors.items():
            if self.may_lack and not training and not _holds(data['inputs'], name):
                continue
            values = self._values(data['inputs'], name, samples)
            inputs[name], samples = preprocessor.preprocess(values, samples, training)
        return {'inputs': inputs, 'data_samples': samples}

    def _values(self, inputs: Any, name: str, samples: Sequence[Any]) -> list[Tensor]:
        """The tensors of one modality; takes a dict of lists (collated) or a list of dicts."""
        if isinstance(inputs, Mapping):
            values = list(inputs.get(name, ()))
            missing = [] if values else [0]
        else:
            values = [sample[name] for sample in inputs if name in sample]
            missing = [index for index, sample in enumerate(inputs) if name not in sample]
        if missing:
            who = samples[missing[0]].get('sample_id', f'number {missing[0]} of the batch') if samples else 'the batch'
            raise ValueError(f'modality {name!r} is missing in sample {who}: remove it from `backbones` and '
                             '`preprocessors`, or leave such samples out with `missing="skip"` in the dataset')
        shapes = {tuple(value.shape) for value in values}
        if len(shapes) > 1 and not getattr(self.preprocessors[name], 'variable_length', False):
            raise ValueError(f'modality {name!r} has samples of different shapes in one batch: {sorted(shapes)}; '
                             'end its pipeline with a fixed size, or give it a mmda_ext.PaddingPreprocessor')
        return values


def _holds(inputs: Any, name: str) -> bool:
    """Whether any sample of a batch has the modality."""
    return name in inputs if isinstance(inputs, Mapping) else any(name in sample for sample in inputs)
