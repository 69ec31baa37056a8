"""Speech models on waveforms: WavLM, HuBERT, wav2vec 2.0 and others of the library with that interface."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.models.backbones.hf import PretrainedEncoder
from mmda_ext.models.data_preprocessors.padding import Padded
from mmda_ext.registry import MODELS


@MODELS.register_module()
class SpeechEncoder(PretrainedEncoder):
    """States of a speech model: waveforms ``(N, L)`` -> ``(N, T, F)``; 16 kHz gives 49 or 50 states per second.

    An utterance shorter than the receptive field of one state (400 samples) counts as padded with zeros to it.

    Args:
        attention_mask (bool, optional): Tell the model where padding is. ``None`` follows the way it was trained:
            models with ``feat_extract_norm='group'`` ("base") without, all others with. In a group-norm model padding
            also enters the statistics of its front end; ``one_by_one`` keeps it out of frozen layers.
        **kwargs: As in :class:`PretrainedEncoder`.

    Raises:
        ValueError: If the model does not take waveforms.
    """

    def __init__(self, attention_mask: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        config = self.model.config
        if not hasattr(config, 'conv_kernel') or not hasattr(self.model, '_get_feat_extract_output_lengths'):
            raise ValueError(f'{type(self.model).__name__} does not take waveforms: name a model such as WavLM, HuBERT '
                             'or wav2vec 2.0')
        self.attention_mask = getattr(config, 'feat_extract_norm', '') != 'group' if attention_mask is None \
            else attention_mask
        self.out_channels = config.hidden_size
        self.shortest, step = 1, 1
        for kernel, stride in zip(config.conv_kernel, config.conv_stride):
            self.shortest += (kernel - 1) * step
            step *= stride

    def prepare(self, inputs: Padded) -> Padded:
        """Zeros past the end, up to the receptive field at least."""
        values = inputs.values.to(next(self.model.parameters()).dtype).masked_fill(~inputs.mask, 0)
        values = nn.functional.pad(values, (0, max(0, self.shortest - values.shape[1])))
        return inputs._replace(values=values, lengths=inputs.lengths.clamp(min=self.shortest))

    def encode(self, inputs: Padded, masked: bool = False) -> Padded:
        """The whole model; lengths are those of the states."""
        mask = inputs.mask.long() if masked or self.attention_mask else None
        states = self.model(inputs.values, attention_mask=mask).last_hidden_state
        return Padded(states, self._frames(inputs.lengths), inputs.keys)

    def _frames(self, lengths: Tensor) -> Tensor:
        return self.model._get_feat_extract_output_lengths(lengths).long()

    def substitutes(self, inputs: Padded) -> dict[nn.Module, Callable]:
        """The convolutional front end, and the convolution that encodes positions."""
        frames, config = int(self._frames(inputs.lengths).max()), self.model.config
        front = inputs.values.new_zeros(len(inputs.values), config.conv_dim[-1], frames)
        answers = {getattr(self.model, 'feature_extractor', None): lambda *_, **__: front,
                   getattr(getattr(self.model, 'encoder', None), 'pos_conv_embed', None): _zeros}
        return {module: answer for module, answer in answers.items() if module is not None}


def _zeros(states: Tensor, *_: Any, **__: Any) -> Tensor:
    return torch.zeros_like(states)
