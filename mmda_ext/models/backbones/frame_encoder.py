"""One feature vector per frame of a sequence of images."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.models.backbones.hf import PretrainedEncoder
from mmda_ext.models.data_preprocessors.padding import Padded
from mmda_ext.registry import MODELS

OUTPUTS = ('cls', 'mean')


@MODELS.register_module()
class FrameEncoder(PretrainedEncoder):
    """Features of each frame: ``(N, L, C, H, W)`` -> ``(N, L, F)``. Padding frames never enter the model.

    Args:
        model (dict, optional): Config of any module ``(R, C, H, W) -> (R, F)``, ``(R, F, H, W)`` (averaged) or
            ``(R, tokens, F)`` (see ``output``), in place of ``pretrained`` and ``config``, which build a vision model
            of transformers. Its own ``init_weights`` is called.
        out_channels (int, optional): ``F``; needed where the module does not say so itself (``out_channels``).
        output (str): ``'cls'``: the first token; ``'mean'``: the average of all tokens.
        **kwargs: As in :class:`PretrainedEncoder`.

    Raises:
        ValueError: If the width is unknown, or an option is.
    """

    def __init__(self,
                 model: dict | None = None,
                 out_channels: int | None = None,
                 output: str = 'cls',
                 **kwargs: Any) -> None:
        self.module_config, self.output = model, output
        choose('output', output, OUTPUTS)
        if model is not None and (kwargs.get('pretrained') or kwargs.get('config')):
            raise ValueError('`model` goes without `pretrained` and `config`: put the weights into `model`')
        super().__init__(**kwargs)
        self.library = model is None
        owner = self.model.config if self.library else self.model
        width = out_channels or getattr(owner, 'out_channels' if not self.library else 'hidden_size', None)
        if not isinstance(width, int):
            raise ValueError(f'the feature width of {type(self.model).__name__} is unknown: set `out_channels`')
        self.out_channels = width

    def build(self, config: Mapping[str, Any] | None) -> nn.Module:
        """The module of ``model``, or as the parent."""
        return super().build(config) if self.module_config is None else MODELS.build(self.module_config)

    def init_weights(self) -> None:
        """As the parent, or by the module itself."""
        super().init_weights()
        if not self.library and hasattr(self.model, 'init_weights'):
            self.model.init_weights()

    def encode(self, inputs: Padded, masked: bool = False) -> Padded:
        """The frames inside the sequences as one batch of images, put back into their places."""
        features = self._features(inputs.values[inputs.mask])
        values = features.new_zeros(*inputs.shape[:2], features.shape[1])
        return inputs._replace(values=values.masked_scatter(inputs.mask[..., None], features))

    def _features(self, frames: Tensor) -> Tensor:
        """``(R, C, H, W)`` -> ``(R, F)``."""
        if not self.library:
            return self._pooled(self.model(frames))
        options = {}
        size = getattr(self.model.config, 'image_size', None)
        if size not in (None, frames.shape[-1]) and 'interpolate_pos_encoding' in inspect.signature(
                self.model.forward).parameters:
            options = dict(interpolate_pos_encoding=True)
        return self._pooled(self.model(frames, **options).last_hidden_state)

    def _pooled(self, out: Tensor) -> Tensor:
        if out.dim() == 4:
            return out.mean((2, 3))
        if out.dim() == 3:
            return out[:, 0] if self.output == 'cls' else out.mean(1)
        return out

    def merge(self, states: list[Tensor]) -> Tensor:
        """All frames of the batch in one row of images; none is padding."""
        return torch.cat(states)
