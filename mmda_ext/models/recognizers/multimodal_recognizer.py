"""The one recognizer: backbones, fusion, head, objectives, for any number of modalities."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from mmengine.model import BaseModel, ModuleDict, ModuleList
from torch import Tensor, nn

from mmda_ext.models.freezing import evaluating, freeze, set_frozen_norm
from mmda_ext.models.pretrained import load_backbone
from mmda_ext.models.step import StepRecord, labels_of, targets_of
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MultimodalRecognizer(BaseModel):
    """Backbone and neck per modality, a fused classifier, and any number of further objectives.

    The losses are ordinary: under a stock ``OptimWrapper`` the model trains on their sum. :attr:`step_record` keeps
    what a balancing wrapper needs of the last training step.

    Args:
        backbones (dict[str, dict]): Modality -> config of a backbone (MMAction2's or any other). The order is the order
            of the modalities everywhere.
        fusion (dict): Config of a fusion without ``out_channels``: the predictor of head and objectives.
        cls_head (dict): Config of the classifier.
        objectives (Sequence[dict]): Configs of further objectives.
        necks (dict[str, dict], optional): Modality -> config of its neck; ``PoolNeck`` where nothing is named.
        freeze (dict[str, dict], optional): Modality -> ``dict(trainable=[sub-modules], norm='train' | 'eval')``: what
            trains in its backbone, and the mode of normalisation layers that do not.
        pretrained (dict[str, str], optional): Modality -> checkpoint of MMAction2 for its backbone; its head is left
            out. Must fit completely.
        data_preprocessor (dict, optional): Config of the data preprocessor.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an argument names a modality without a backbone, or the fusion's modalities differ.
    """

    def __init__(self,
                 backbones: Mapping[str, dict],
                 fusion: dict,
                 cls_head: dict,
                 objectives: Sequence[dict] = (),
                 necks: Mapping[str, dict] | None = None,
                 freeze: Mapping[str, dict] | None = None,
                 pretrained: Mapping[str, str] | None = None,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.modalities = tuple(backbones)
        self._check_modalities(fusion.get('in_channels', {}), necks or {}, freeze or {}, pretrained or {})
        self.backbones = ModuleDict({name: MODELS.build(cfg) for name, cfg in backbones.items()})
        default_neck = dict(type='mmda_ext.PoolNeck')
        self.necks = ModuleDict({name: MODELS.build((necks or {}).get(name, default_neck)) for name in backbones})
        self.cls_head = MODELS.build({'fusion': fusion, **cls_head})
        self.objectives = ModuleList([MODELS.build({'fusion': fusion, **cfg}) for cfg in objectives])
        self._frozen_norm = {name: dict(cfg).get('norm', 'train') for name, cfg in (freeze or {}).items()}
        self._apply_freeze(freeze or {})
        self._pretrained = dict(pretrained or {})
        self.step_record: StepRecord | None = None

    def _check_modalities(self, *named: Mapping[str, Any]) -> None:
        in_channels, *others = named
        if tuple(in_channels) != self.modalities:
            raise ValueError(f'fusion.in_channels names {tuple(in_channels)}, backbones name {self.modalities}: '
                             'both need the same modalities in the same order')
        for mapping in others:
            unknown = set(mapping) - set(self.modalities)
            if unknown:
                raise ValueError(f'{sorted(unknown)} have no backbone; modalities are {self.modalities}')

    def _apply_freeze(self, options: Mapping[str, dict]) -> None:
        for name, option in options.items():
            freeze(self.backbones[name], option.get('trainable'), name)

    def init_weights(self) -> None:
        """As in MMEngine, then the published weights of ``pretrained``."""
        super().init_weights()
        for name, path in self._pretrained.items():
            load_backbone(self.backbones[name], path)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out the record: it belongs to a step, and its graph cannot be copied."""
        return {**self.__dict__, 'step_record': None}

    def train(self, mode: bool = True) -> 'MultimodalRecognizer':
        """As in PyTorch; normalisation layers of frozen parts follow ``freeze``."""
        super().train(mode)
        if mode:
            for name, norm in self._frozen_norm.items():
                set_frozen_norm(self.backbones[name], norm)
        return self

    def modality_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters in front of the features, by modality: what a balancer moves."""
        return {
            name: [p for part in (self.backbones[name], self.necks[name]) for p in part.parameters() if p.requires_grad]
            for name in self.modalities
        }

    def local_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters behind the features that objectives balance with a modality's encoder."""
        local: dict[str, list[nn.Parameter]] = {name: [] for name in self.modalities}
        for objective in self.objectives:
            for name, parameters in objective.modality_parameters().items():
                local[name] += [p for p in parameters if p.requires_grad]
        return local

    def extract_feat(self, inputs: Mapping[str, Tensor], num_samples: int) -> dict[str, Tensor]:
        """Features ``{m: (N, D_m)}`` of inputs ``{m: (N * S_m, ...)}``.

        Raises:
            ValueError: If a modality has no input.
        """
        missing = [name for name in self.modalities if name not in inputs]
        if missing:
            raise ValueError(f'the batch lacks modality {missing[0]!r}: inputs are {sorted(inputs)}')
        return self._encode(inputs, num_samples)

    def _encode(self, inputs: Mapping[str, Tensor], num_samples: int, evaluation: bool = False) -> dict[str, Tensor]:
        """Features of the modalities that ``inputs`` holds; in evaluation mode if asked."""
        with evaluating(self.backbones, self.necks) if evaluation else nullcontext():
            return {name: self.necks[name](self.backbones[name](inputs[name]), num_samples)
                    for name in self.modalities if name in inputs}

    def forward(self, inputs: Mapping[str, Tensor], data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        """As in MMEngine: ``'loss'`` -> dict of losses, ``'predict'`` -> samples with scores, ``'tensor'`` -> logits.

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples or [])
        if mode == 'predict':
            return self.predict(inputs, data_samples or [])
        if mode == 'tensor':
            rows = min(value.shape[0] for value in inputs.values())
            return self.cls_head(self.extract_feat(inputs, len(data_samples or ()) or rows))
        raise ValueError(f'mode={mode!r} is unknown: choose "loss", "predict" or "tensor"')

    def loss(self, inputs: Mapping[str, Tensor], data_samples: list[Any]) -> dict[str, Tensor]:
        """Losses and diagnostics of head and objectives; keeps the record of the step."""
        features = self.extract_feat(inputs, len(data_samples))
        labels, domains = labels_of(data_samples, next(iter(features.values())).device)
        record = StepRecord(features, labels, domains, data_samples, is_target=targets_of(data_samples), inputs=inputs,
                            encoder=self._encode)
        out = self.cls_head.loss(record)
        record.add_losses(out)
        for objective in self.objectives:
            terms = objective(record)
            record.add_losses(terms, objective.task)
            clash = out.keys() & terms.keys()
            if clash:
                raise ValueError(f'{type(objective).__name__} returns {sorted(clash)}, which another part of the model '
                                 'returns already: give one of them another `task`')
            out.update(terms)
        self.step_record = record
        return out

    def predict(self, inputs: Mapping[str, Tensor], data_samples: list[Any]) -> list[Any]:
        """Add ``pred_score`` ``(C, )``, ``pred_label`` and ``modality_scores`` ``{m: (C, )}`` to each sample."""
        features = self.extract_feat(inputs, len(data_samples))
        scores, by_modality = self.cls_head.predict(features)
        for index, sample in enumerate(data_samples):
            sample.set_pred_score(scores[index])
            sample.set_pred_label(scores[index].argmax().reshape(1))
            own = {name: value[index] for name, value in by_modality.items()}
            sample.set_field(own, 'modality_scores', dtype=dict)
        return data_samples

    def take_step_record(self) -> StepRecord:
        """Hand over the record of the last training step, once.

        Raises:
            RuntimeError: If no training step went before.
        """
        record, self.step_record = self.step_record, None
        if record is None:
            raise RuntimeError('there is no record of a training step: call the model in "loss" mode first')
        return record
