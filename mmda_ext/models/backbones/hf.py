"""What the pre-trained encoders share: weights, frozen layers, stored states."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from importlib import metadata
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmda_ext.models.backbones.hf_layers import Trainable
from mmda_ext.models.backbones.hf_loading import build_model, load_weights, read_config
from mmda_ext.models.backbones.hf_split import Resume, states_before
from mmda_ext.models.data_preprocessors.padding import Padded, as_padded
from mmda_ext.models.feature_cache import FeatureCache, Fingerprint
from mmda_ext.models.freezing import evaluating


class PretrainedEncoder(BaseModule):
    """A partly trained model on sequences: :class:`Padded` ``(N, L, ...)`` -> :class:`Padded` ``(N, T, F)``.

    Frozen layers keep no graph and stay in evaluation mode whatever :meth:`train` is told.

    Args:
        pretrained (str, optional): Folder written by ``save_pretrained``, or a name in the library's own cache. The
            weights are read by :meth:`init_weights`, which MMEngine's runner calls before training.
        config (dict, optional): Architecture, ``dict(model_type='wavlm', hidden_size=...)``; without it, that of
            ``pretrained``.
        trainable_layers (int | Sequence[str], optional): The last so many transformer blocks (final norms stay frozen);
            or names of sub-modules; or ``None``: everything.
        allow_download (bool): Let ``pretrained`` be fetched from the hub.
        one_by_one (bool): Run the frozen layers on each sample alone, without padding.
        cache (dict | str, optional): Arguments (or ``root``) of a :class:`FeatureCache` for the states behind the
            frozen layers; implies ``one_by_one``. Needs ``trainable_layers`` to be a number.

    Raises:
        ValueError: If an option is impossible.
    """

    def __init__(self,
                 pretrained: str | None = None,
                 config: Mapping[str, Any] | None = None,
                 trainable_layers: int | Sequence[str] | None = 3,
                 allow_download: bool = False,
                 one_by_one: bool = False,
                 cache: dict | str | None = None) -> None:
        super().__init__()
        self.pretrained, self.allow_download = pretrained, allow_download
        self.model: Any = self.build(config)
        self.trainable = Trainable(self.model, trainable_layers)
        self.cache = FeatureCache(**({'root': cache} if isinstance(cache, str) else cache)) if cache else None
        self.one_by_one = one_by_one or cache is not None
        if self.one_by_one and self.trainable.parts and not self.trainable.frozen:
            raise ValueError(f'`cache` and `one_by_one` need frozen blocks, trainable_layers={trainable_layers!r} '
                             'leaves none that are known: give a smaller number, or leave both out')
        self.resume: Resume | None = None
        if self.one_by_one and self.trainable.blocks is not None:
            self.resume = Resume(list(self.trainable.blocks), len(self.trainable.frozen))
        self._fingerprint, self._resume_checked = Fingerprint(), False
        self._filled = pretrained is None
        self.train()

    def build(self, config: Mapping[str, Any] | None) -> nn.Module:
        """The model with random weights."""
        return build_model(read_config(config, self.pretrained, self.allow_download))

    def init_weights(self) -> None:
        """Read ``pretrained``. Nothing else: the library has initialised its models, and would do it over again."""
        if self.pretrained is not None:
            load_weights(self.model, self.pretrained, self.allow_download)
            self._filled = True
        self._is_init = True

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        self._filled |= any(key.startswith(f'{prefix}model.') for key in state_dict)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def train(self, mode: bool = True) -> 'PretrainedEncoder':
        """As in PyTorch; frozen layers stay in evaluation mode."""
        super().train(mode)
        self.trainable.set_mode(self.model, mode)
        return self

    def prepare(self, inputs: Padded) -> Padded:
        """Inputs as the model wants them; padding gets the value that it is trained with."""
        return inputs

    def encode(self, inputs: Padded, masked: bool = False) -> Padded:
        """The whole model on prepared inputs; ``masked``: padding must not be attended to, whatever the habit."""
        raise NotImplementedError

    def substitutes(self, inputs: Padded) -> dict[nn.Module, Callable]:
        """Costly frozen modules in front of the blocks -> cheap functions whose result plays no part."""
        return {}

    def merge(self, states: list[Tensor]) -> Tensor:
        """States of single samples ``(1, T_n, F)`` -> those of the batch ``(N, T, F)``."""
        return pad_sequence([state[0] for state in states], batch_first=True)

    def forward(self, inputs: Padded | Tensor) -> Padded:
        """Features ``(N, T, F)`` with their lengths.

        Raises:
            RuntimeError: If the weights of ``pretrained`` were never read.
        """
        if not self._filled:
            raise RuntimeError(f'the weights of pretrained={self.pretrained!r} were never read: call '
                               '`model.init_weights()`, as the runner does before training, or load a checkpoint')
        inputs = self.prepare(as_padded(inputs))
        with nullcontext() if self.trainable.parts else torch.no_grad():
            return self._encode_alone(inputs) if self.one_by_one else self.encode(inputs)

    def _encode_alone(self, inputs: Padded) -> Padded:
        """As :meth:`encode`, the frozen layers on each sample alone."""
        items = inputs.sequences()
        keys = inputs.keys if self.cache and inputs.keys else [None] * len(items)
        folder = self._fingerprint(self._frozen_tensors(), self._context(items[0])) if any(keys) else ''
        states = [self._states(item, folder, key) for item, key in zip(items, keys)]
        if self.resume is None:
            lengths = torch.tensor([len(state[0]) for state in states], device=inputs.lengths.device)
            return Padded(pad_sequence([state[0] for state in states], batch_first=True), lengths, inputs.keys)
        self._check_resume(items[0])
        return self._go_on(self.merge(states), inputs._replace(values=pad_sequence(items, batch_first=True)))

    def _go_on(self, states: Tensor, inputs: Padded) -> Padded:
        assert self.resume is not None
        return self.resume(states, lambda: self.encode(inputs, masked=True), self.substitutes(inputs))

    @torch.no_grad()
    def _states(self, item: Tensor, folder: str, key: str | None) -> Tensor:
        """States of one sample behind the frozen layers, from the cache where it has them."""
        if self.cache is None or key is None:
            return self._compute(item)
        states = self.cache.read(folder, key, item)
        if states is None:
            states = self._compute(item)
            self.cache.write(folder, key, item, states)
        return states

    def _compute(self, item: Tensor) -> Tensor:
        alone = as_padded(item[None])
        if self.resume is None:
            return self.encode(alone).values
        return states_before(self.trainable.parts[0], lambda: self.encode(alone))

    @torch.no_grad()
    def _check_resume(self, item: Tensor) -> None:
        """Once: going on from stored states gives what the whole model gives.

        Raises:
            RuntimeError: If it does not.
        """
        if self._resume_checked:
            return
        alone = as_padded(item[None])
        with evaluating(self.model):
            whole = self.encode(alone, masked=True).values
            resumed = self._go_on(self.merge([self._compute(item)]), alone).values
        if not torch.allclose(whole, resumed, rtol=1e-2, atol=1e-2 * float(whole.abs().max())):
            raise RuntimeError(f'{type(self.model).__name__} cannot be taken apart in front of its last '
                               f'{len(self.trainable.parts)} blocks: set `cache=None` and `one_by_one=False`, or '
                               '`trainable_layers=0`')
        self._resume_checked = True

    def _frozen_tensors(self) -> list[tuple[str, Tensor]]:
        trained = {id(value) for part in self.trainable.parts for value in (*part.parameters(), *part.buffers())}
        named = [*self.model.named_parameters(), *self.model.named_buffers()]
        return [(name, value) for name, value in named if id(value) not in trained]

    def _context(self, item: Tensor) -> str:
        """All but the weights that the states depend on, down to the last bit."""
        one = torch.ones(1, 1, device=item.device)
        precision = f'{item.dtype} {(one @ one).dtype}'  # the second is that of mixed precision, where it is on
        config = self.model.config.to_json_string() if hasattr(self.model, 'config') else repr(self.model)
        versions = f'torch {torch.__version__} transformers {metadata.version("transformers")}'
        return f'{type(self).__name__} {config} {len(self.trainable.frozen)} {versions} {item.device.type} {precision}'
