"""Text models on token ids: BERT, RoBERTa, DistilBERT and others of the library with that interface."""

from typing import Any

from mmda_ext.models.backbones.hf import PretrainedEncoder
from mmda_ext.models.data_preprocessors.padding import Padded
from mmda_ext.registry import MODELS


@MODELS.register_module()
class TextEncoder(PretrainedEncoder):
    """States of a text model: token ids ``(N, L)`` -> ``(N, L, F)``.

    The ids come from the model's own tokenizer, with its special tokens. Padding gets the model's ``pad_token_id`` here
    and is never attended to. An empty text counts as one token of padding.

    Args:
        **kwargs: As in :class:`PretrainedEncoder`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_channels = self.model.config.hidden_size

    def prepare(self, inputs: Padded) -> Padded:
        """Padding ids past the end.

        Raises:
            ValueError: If the ids are no integers, or a text is longer than the model allows.
        """
        if inputs.values.is_floating_point():
            raise ValueError(f'token ids are {inputs.values.dtype}: give tensors (L, ) of int64 from the tokenizer and '
                             'use `mmda_ext.PaddingPreprocessor` for this modality')
        limit = getattr(self.model.config, 'max_position_embeddings', None) or inputs.shape[1]
        if inputs.shape[1] > limit:
            raise ValueError(f'a text of {inputs.shape[1]} tokens is longer than the {limit} of '
                             f'{type(self.model).__name__}: set max_length={limit} in the tokenizer')
        ids = inputs.values.long().masked_fill(~inputs.mask, self.model.config.pad_token_id or 0)
        return inputs._replace(values=ids, lengths=inputs.lengths.clamp(min=1))

    def encode(self, inputs: Padded, masked: bool = False) -> Padded:
        """The whole model."""
        states = self.model(inputs.values, attention_mask=inputs.mask.long()).last_hidden_state
        return inputs._replace(values=states)
