"""The one recognizer: backbones, fusion, head, objectives, for any number of modalities."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from mmengine.model import BaseModel, ModuleDict, ModuleList
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.compat import forget_missing_weights
from mmda_ext.gradients import Cut
from mmda_ext.models.freezing import evaluating, freeze, set_frozen_norm
from mmda_ext.models.misfit import told_in_one_sentence
from mmda_ext.models.missing import WITHOUT_STATISTICS, check_fill, fill_in
from mmda_ext.models.objectives.modality_heads import ModalityHeads, rename_heads
from mmda_ext.models.passes import domain_groups, encode_groups
from mmda_ext.models.predictors import PREDICTORS, classify, report
from mmda_ext.models.pretrained import load_backbone
from mmda_ext.models.step import HEAD_TRAINERS, Predictions, Step, StepRecord, labels_of, targets_of
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
        trainable (Sequence[str], optional): Names of sub-modules that train alone, such as ``['objectives.1']``: all
            else is frozen and stays in evaluation mode. For a second stage from a trained model (``load_from``).
        pretrained (dict[str, str], optional): Modality -> checkpoint of MMAction2 for its backbone; its head is left
            out. Must fit completely.
        joint_forward (bool): Pass source and target samples of a training batch through the encoders together. By
            default they pass one kind after the other, so that batch normalisation sees one domain at a time (a batch
            of one kind, or with a single sample of one, takes one pass).
        predictor (str): What predicts: the ``'fused'`` classifier, the summed log-probabilities of the heads of the
            ``'modalities'``, or of ``'all'`` of them. All that there are stay in the log.
        missing (str, optional): What stands for the features of modalities that a test batch lacks: ``'zeros'``, those
            ``'translated'`` from others, or nothing (``'left-out'``). Without it all batches are complete.
        mixing (dict, optional): Config of what mixes the samples of a training batch with each other.
        data_preprocessor (dict, optional): Config of the data preprocessor.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an argument names a modality without a backbone, the fusion's modalities differ, ``predictor``
            asks for heads that no objective trains, or a loss is not defined for mixed samples.
    """

    def __init__(self,
                 backbones: Mapping[str, dict],
                 fusion: dict,
                 cls_head: dict,
                 objectives: Sequence[dict] = (),
                 necks: Mapping[str, dict] | None = None,
                 freeze: Mapping[str, dict] | None = None,
                 trainable: Sequence[str] | None = None,
                 pretrained: Mapping[str, str] | None = None,
                 joint_forward: bool = False,
                 predictor: str = 'fused',
                 missing: str | None = None,
                 mixing: dict | None = None,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.modalities = tuple(backbones)
        self._check_modalities(fusion.get('in_channels', {}), necks or {}, freeze or {}, pretrained or {})
        self.backbones = ModuleDict({name: MODELS.build(cfg) for name, cfg in backbones.items()})
        default_neck = dict(type='mmda_ext.PoolNeck')
        self.necks = ModuleDict({name: MODELS.build((necks or {}).get(name, default_neck)) for name in backbones})
        self.cls_head = MODELS.build({'fusion': fusion, **cls_head})
        self.objectives, self.modality_heads = ModuleList(), ModuleDict()
        for cfg in objectives:
            self.objectives.append(MODELS.build({'fusion': fusion, **cfg}))
            if isinstance(self.objectives[-1], ModalityHeads) and not self.modality_heads:
                classes = self.cls_head.fusion.out_channels
                self.modality_heads.update(
                    {name: nn.Linear(width, classes) for name, width in fusion['in_channels'].items()})
        self.predictor = choose('predictor', predictor, PREDICTORS, 'MultimodalRecognizer')
        if predictor != 'fused' and not self.modality_heads:
            raise ValueError(f'model.predictor={predictor!r} needs a class head for every modality: add '
                             f"{HEAD_TRAINERS}, or set it to 'fused'")
        self._frozen_norm = {name: dict(cfg).get('norm', 'train') for name, cfg in (freeze or {}).items()}
        self._trainable = None if trainable is None else tuple(trainable)
        self._apply_freeze(freeze or {})
        self._pretrained = dict(pretrained or {})
        self.joint_forward = joint_forward
        self.mixing: Any = MODELS.build(mixing) if mixing else None
        self.missing = missing and check_fill(self, choose('missing', missing, WITHOUT_STATISTICS), 'model.missing')
        self.data_preprocessor.may_lack = bool(missing)
        self.step_record: StepRecord | None = None
        #: Which samples of the last training batch have finite logits, ``(N, )`` bool, for who must name the others.
        self.finite_rows: Tensor | None = None
        self._cuts = False
        self._probed: Callable[[str], bool] | None = None
        self._register_load_state_dict_pre_hook(rename_heads)
        for objective in self.objectives:
            objective.bind(self)
        if self.mixing is not None:
            self._check_mixing()

    def _check_mixing(self) -> None:
        for part in (self.cls_head, *self.objectives):
            if not getattr(part, 'takes_mixed', False):
                raise ValueError(f'{type(part).__name__} is not defined for mixed samples, which have two labels: take '
                                 'it out, or leave out model.mixing')

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
            freeze(self.backbones[name], option.get('trainable'), f'freeze.{name}.trainable')
        freeze(self, self._trainable, 'trainable')

    def init_weights(self) -> None:
        """As in MMEngine, then the published weights of ``pretrained``."""
        for backbone in self.backbones.values():
            forget_missing_weights(backbone)
        super().init_weights()
        for name, path in self._pretrained.items():
            load_backbone(self.backbones[name], path)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out the record: it belongs to a step, and its graph cannot be copied."""
        return {**self.__dict__, 'step_record': None}

    def train(self, mode: bool = True) -> 'MultimodalRecognizer':
        """As in PyTorch, but for what ``freeze`` and ``trainable`` hold still."""
        super().train(mode and self._trainable is None)
        for name in (self._trainable or ()) if mode else ():
            self.get_submodule(name).train()
        for name, norm in self._frozen_norm.items() if self.training else ():
            set_frozen_norm(self.backbones[name], norm)
        return self

    def encoder_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters in front of the features, by modality: what a balancer moves."""
        return {
            name: [p for part in (self.backbones[name], self.necks[name]) for p in part.parameters() if p.requires_grad]
            for name in self.modalities
        }

    def local_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters behind the features that objectives balance with a modality's encoder."""
        local: dict[str, list[nn.Parameter]] = {name: [] for name in self.modalities}
        for objective in self.objectives:
            for name, parameters in objective.local_parameters(self.modality_heads).items():
                local[name] += [p for p in parameters if p.requires_grad]
        return local

    def extract_feat(self, inputs: Mapping[str, Tensor], num_samples: int,
                     is_target: Tensor | None = None) -> dict[str, Tensor]:
        """Features ``{m: (N, D_m)}`` of inputs ``{m: (N * S_m, ...)}``; in two passes where ``is_target`` tells.

        Raises:
            ValueError: If a modality has no input, in training or where ``missing`` does not say what stands for it.
        """
        absent = self._absent(inputs)
        if absent and (self.missing is None or is_target is not None or len(absent) == len(self.modalities)):
            raise ValueError(f'the batch lacks modality {absent[0]!r}: inputs are {sorted(inputs)}; a test can do '
                             'without some where model.missing says what stands for them (docs/robustness.md)')
        groups = () if is_target is None or self.joint_forward else domain_groups(is_target)
        found = {
            name: encode_groups(partial(self._encode, name), inputs[name], groups, num_samples)
            for name in self.modalities if name in inputs
        }
        return fill_in(self, found, self.missing) if self.missing else found

    def _absent(self, inputs: Mapping[str, Any]) -> list[str]:
        return [name for name in self.modalities if name not in inputs]

    def _encode(self, name: str, inputs: Any, num_samples: int) -> Tensor:
        with told_in_one_sentence(name, self.backbones[name], inputs):
            outputs = self.backbones[name](inputs)
        return self.necks[name](outputs, num_samples)

    def _encode_further(self, inputs: Mapping[str, Any], num_samples: int, evaluation: bool) -> dict[str, Tensor]:
        """Features of the modalities that ``inputs`` holds; see :meth:`Step.encode`."""
        with evaluating(self.backbones, self.necks) if evaluation else nullcontext():
            return {name: self._encode(name, inputs[name], num_samples) for name in self.modalities if name in inputs}

    def forward(self, inputs: Mapping[str, Tensor], data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        """As in MMEngine: ``'loss'`` -> dict of losses, ``'predict'`` -> samples with scores, ``'tensor'`` -> logits.

        The logits are those of ``predictor``; of several, the mean of their log-probabilities.

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples or [])
        if mode == 'predict':
            return self.predict(inputs, data_samples or [])
        if mode == 'tensor':
            rows = min(value.shape[0] for value in inputs.values())
            return classify(self, self.extract_feat(inputs, len(data_samples or ()) or rows), self._absent(inputs))
        raise ValueError(f'mode={mode!r} is unknown: choose "loss", "predict" or "tensor"')

    def loss(self, inputs: Mapping[str, Tensor], data_samples: list[Any]) -> dict[str, Tensor]:
        """Losses and diagnostics of head and objectives, whatever their order; keeps the record of the step."""
        # A stock wrapper takes no record: that of the step before goes before this one fills the memory.
        self.step_record = None
        is_target = targets_of(data_samples)
        mix = self.mixing(data_samples) if self.mixing is not None and self.training else None
        if mix is not None:
            inputs = self.mixing.mix_inputs(inputs, mix)
        features = self.extract_feat(inputs, len(data_samples), is_target)
        if mix is not None:
            features = self.mixing.mix_features(features, mix)
        labels, domains = labels_of(data_samples, next(iter(features.values())).device)
        cut = Cut(features) if self._cuts else None
        features = cut.features if cut else features
        dropout = getattr(self.cls_head, 'feature_dropout', None)
        predictions = Predictions(features, self.cls_head.fusion, self.modality_heads, dropout)
        step = Step(features, labels, domains, predictions, data_samples, is_target, inputs, self._encode_further, cut,
                    mix)
        record = StepRecord(step)
        out = dict(record.add(self.cls_head.loss(step)))
        self.finite_rows = predictions.logits.detach().isfinite().all(1)
        for objective in sorted(self.objectives, key=lambda own: own.reads_losses):
            told = (dict(record.losses), ) if objective.reads_losses else ()
            out.update(record.add(objective(step, *told), objective.task))
        if self._probed is not None:
            record.look(self._probed)
        self.step_record = record
        return out

    def predict(self, inputs: Mapping[str, Tensor], data_samples: list[Any]) -> list[Any]:
        """Add ``pred_score`` ``(C, )``, ``pred_label`` and ``modality_scores`` ``{m: (C, )}`` to each sample.

        The score is that of ``predictor``. All predictors of a model with heads, and further ones of objectives, are
        added as ``predictor_scores`` ``{name: (C, )}``; those of objectives and of absent modalities only where the
        batch is complete.
        """
        features, absent = self.extract_feat(inputs, len(data_samples)), self._absent(inputs)
        return report(self, inputs, features, absent, data_samples)

    @contextmanager
    def cutting(self, probed: Callable[[str], bool] | None = None) -> Iterator[None]:
        """Inside, the graph of a training step ends at the features: :attr:`Step.cut` has the rest.

        Args:
            probed (Callable, optional): Task -> whether somebody will read what each modality alone predicts.
        """
        self._cuts, self._probed = True, probed
        try:
            yield
        finally:
            self._cuts, self._probed = False, None

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """As in MMEngine; a loss that a subclass or a hook added to the dict is filed in the record, too."""
        if self.step_record is not None:
            self.step_record.add_unfiled(losses)
        return super().parse_losses(losses)

    def take_step_record(self) -> StepRecord:
        """Hand over the record of the last training step, once.

        Raises:
            RuntimeError: If no training step went before.
        """
        record, self.step_record = self.step_record, None
        if record is None:
            raise RuntimeError('there is no record of a training step: call the model in "loss" mode first')
        return record
