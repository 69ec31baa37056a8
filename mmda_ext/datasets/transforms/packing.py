"""The last step of a pipeline: tensors by modality, and what is known of the sample."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform, to_tensor

from mmda_ext.datasets.transforms.per_modality import get_modality, modalities_of
from mmda_ext.registry import TRANSFORMS

#: Where a modality's data may lie, the first that is there counts. ``inputs`` comes from MMAction2's PackActionInputs.
DATA_KEYS = ('inputs', 'imgs', 'audios', 'feature')
META_KEYS = ('domain', 'domain_label', 'is_target', 'sample_id', 'split', 'monitor_label')


@TRANSFORMS.register_module()
class PackMultimodalInputs(BaseTransform):
    """Return ``{'inputs': {modality: Tensor}, 'data_samples': ActionDataSample}``.

    Image tensors keep MMAction2's leading axis of views and their uint8; sound and features are as they come. The
    sample has ``gt_label``, unless it is unlabelled, and as metainfo ``domain``, ``domain_label``, ``is_target``,
    ``sample_id`` and, where the data set gives them, ``split`` and ``monitor_label``; and, where a modality has less
    than was asked for, ``incomplete``: modality -> what ``LoadAudio`` says of it.

    Args:
        modalities (Sequence[str] | None): Modalities to pack, in this order; None: all that the sample has.
        meta_keys (Sequence[str]): More keys of the sample for the metainfo.

    Raises:
        KeyError: If the sample lacks a modality or a modality has no data; the message names both.
        ValueError: If data hold NaN or infinity: here, on the host, one sample can still be told from its batch.
    """

    def __init__(self, modalities: Sequence[str] | None = None, meta_keys: Sequence[str] = ()) -> None:
        self.modalities = None if modalities is None else tuple(modalities)
        self.meta_keys = (*META_KEYS, *meta_keys)

    def transform(self, results: dict) -> dict[str, Any]:
        names = self.modalities or tuple(modalities_of(results))
        inputs = {name: _finite(self._tensor(results, name), name, results) for name in names}
        sample = ActionDataSample()
        if 'gt_label' in results:
            sample.set_gt_label(int(results['gt_label']))
        for key in self.meta_keys:
            if key in results:
                # Not `set_metainfo`, which copies deeply: a data set hands out dicts that are nobody else's.
                sample.set_field(results[key], key, field_type='metainfo')
        entries = {name: get_modality(results, name, 'PackMultimodalInputs') for name in names}
        incomplete = {name: entry['incomplete'] for name, entry in entries.items() if 'incomplete' in entry}
        if incomplete:
            sample.set_metainfo({'incomplete': incomplete})
        return {'inputs': inputs, 'data_samples': sample}

    @staticmethod
    def _tensor(results: dict, name: str) -> torch.Tensor:
        entry = get_modality(results, name, 'PackMultimodalInputs')
        for key in DATA_KEYS:
            data = entry.get(key)
            if isinstance(data, np.ndarray):
                return torch.from_numpy(np.ascontiguousarray(data))
            if isinstance(data, torch.Tensor):
                return data
            if data is not None:
                return to_tensor(data) if not isinstance(data, dict) else _only(data, name, results)
        raise KeyError(f'PackMultimodalInputs: modality {name!r} of sample {results.get("sample_id")!r} has none of '
                       f'{DATA_KEYS} but {sorted(entry)}: end its pipeline with FormatShape, LogSpectrogram or '
                       'PackActionInputs')


def _only(data: dict[str, torch.Tensor], name: str, results: dict) -> torch.Tensor:
    """The one tensor that ``PackActionInputs(collect_keys=...)`` collected."""
    if len(data) != 1:
        raise KeyError(f'PackMultimodalInputs: modality {name!r} of sample {results.get("sample_id")!r} holds several '
                       f'tensors {list(data)}: let `collect_keys` of its PackActionInputs name one')
    return next(iter(data.values()))


def _finite(data: torch.Tensor, name: str, results: dict) -> torch.Tensor:
    # A sum is finite only if every value is, and costs a third; where large values overflow, they are looked at.
    if data.is_floating_point() and not math.isfinite(data.sum()) and not torch.isfinite(data).all():
        bad = data.numel() - int(torch.isfinite(data).sum())
        raise ValueError(f'PackMultimodalInputs: modality {name!r} of sample {results.get("sample_id")!r} holds NaN or '
                         f'infinity ({bad} of {data.numel()} values): repair its file, or the step of the pipeline '
                         'that makes them')
    return data
