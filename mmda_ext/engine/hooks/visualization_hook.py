"""Predictions drawn over the frames that the model saw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class MultimodalVisualizationHook(Hook):
    """Draw every n-th sample of validation and test; ``--show`` and ``--show-dir`` of ``tools/test.py`` switch it on.

    MMAction2's own hook takes one tensor per sample, not one per modality, and hands its visualizer an argument that
    it does not have.

    Args:
        enable (bool): Whether to draw at all.
        interval (int): Draw every n-th sample.
        show (bool): Show the frames in a window.
        wait_time (float): Seconds for which the last frame stays in the window.
        out_dir (str, optional): Folder for the drawn frames; without it the visualizer's backends get them.
        modality (str): Which input to draw: RGB clips of shape ``(S, C, T, H, W)`` or ``(C, T, H, W)``.
    """

    priority = 'NORMAL'

    def __init__(self, enable: bool = False, interval: int = 5000, show: bool = False, wait_time: float = 2.0,
                 out_dir: str | None = None, modality: str = 'video') -> None:
        if interval < 1:
            raise ValueError(f'visualization hook: interval={interval} must be at least 1')
        self.enable, self.interval, self.show = enable, interval, show
        self.wait_time, self.out_dir, self.modality = wait_time, out_dir, modality

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._draw(runner, batch_idx, data_batch, outputs, step=runner.epoch)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._draw(runner, batch_idx, data_batch, outputs, step=0)

    def _draw(self, runner: Runner, batch_idx: int, data_batch: Any, outputs: Sequence[ActionDataSample],
              step: int) -> None:
        if not self.enable:
            return
        for position, sample in enumerate(outputs):
            number = batch_idx * len(outputs) + position
            if number % self.interval == 0:
                name = str(sample.get('sample_id', number)).replace('/', '_')
                path = None if self.out_dir is None else str(Path(self.out_dir) / f'{name}_{step}')
                runner.visualizer.add_datasample(
                    name, self._frames(data_batch['inputs'], position), readable(sample), show_frames=self.show,
                    wait_time=self.wait_time, out_path=path, step=step)

    def _frames(self, inputs: dict[str, Any], position: int) -> np.ndarray:
        if self.modality not in inputs:
            raise ValueError(f'visualization hook: modality={self.modality!r} is not among the inputs {list(inputs)}')
        clip = torch.as_tensor(inputs[self.modality][position])
        clip = clip[0] if clip.ndim == 5 else clip  # the first view
        if clip.ndim != 4 or clip.shape[0] != 3:
            raise ValueError(f'visualization hook: {self.modality!r} has shape {tuple(clip.shape)}; RGB clips '
                             '(C, T, H, W) can be drawn')
        return clip.permute(1, 2, 3, 0).cpu().numpy().astype(np.uint8)


def readable(sample: ActionDataSample) -> ActionDataSample:
    """Copy of a sample under the names that ``ActionVisualizer`` reads, which are not those that MMAction2 writes."""
    copy = sample.cpu().clone()
    if 'gt_label' in copy:
        copy.set_field(copy.gt_label, 'gt_labels')
    if 'pred_score' in copy:
        copy.set_field(BaseDataElement(item=copy.pred_score.argmax().reshape(1), score=copy.pred_score), 'pred_labels')
    return copy
