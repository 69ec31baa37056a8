"""Multiply-additions and parameters of a recognizer for one sample, by modality.

    python tools/analysis/get_flops.py CONFIG                                 # inputs: the first sample of the test set
    python tools/analysis/get_flops.py CONFIG --shape video=3,32,224,224 audio=1,257,1004     # without the data

Counted by MMEngine (``mmengine.analysis``) as in MMAction2's script of this name: convolutions, matrix products and
normalisations, a multiplication with its addition as one; what it does not know counts as nothing.
"""

import argparse
import sys
from typing import Any

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.stack import require_stack


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmda_ext.apis.compose import add_flags
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--shape', nargs='+', metavar='MODALITY=SIZES', help='shape of what each encoder gets')
    add_flags(parser)
    return parser.parse_args(arguments)


def inputs_of(cfg: Any, model: Any, shapes: list[str] | None) -> dict[str, Any]:
    """Inputs ``{modality: (1, ...)}`` of one sample, of the given shapes or from the test set.

    Raises:
        ValueError: If a shape cannot be read, or shapes and modalities differ.
    """
    import torch
    from mmengine.dataset import pseudo_collate

    from mmda_ext.registry import DATASETS
    if not shapes:
        sample = DATASETS.build(cfg.test_dataloader.dataset)[0]
        return model.data_preprocessor(pseudo_collate([sample]))['inputs']
    sizes = dict(shape.partition('=')[::2] for shape in shapes)
    if set(sizes) != set(model.modalities):
        raise ValueError(f'--shape names {sorted(sizes)}, {cfg.filename} has the modalities {list(model.modalities)}')
    try:
        return {name: torch.zeros(1, *map(int, sizes[name].split(','))) for name in model.modalities}
    except ValueError as error:
        raise ValueError(f'--shape {" ".join(shapes)}: sizes are whole numbers, as in audio=1,257,1004') from error


def count(model: Any, inputs: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Multiply-additions and parameters by modality, and of the whole of what predicts (``total``).

    Raises:
        ValueError: If an input is no tensor.
    """
    from mmengine.analysis import get_model_complexity_info
    from torch import Tensor, nn

    class Part(nn.Module):
        """What one sample passes of the recognizer."""

        def __init__(self, names: tuple[str, ...], head: bool) -> None:
            super().__init__()
            self.names, self.head = names, model.cls_head if head else None
            self.encoders = nn.ModuleDict({name: nn.Sequential(model.backbones[name], model.necks[name])
                                           for name in names})

        def forward(self, *tensors: Tensor) -> Any:
            features = {name: self.encoders[name][1](self.encoders[name][0](x), 1)
                        for name, x in zip(self.names, tensors)}
            return self.head(features) if self.head is not None else features[self.names[0]]

    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            raise ValueError(f'modality {name!r} has samples of different length ({type(value).__name__}): not counted')
    rows = {}
    for label, names in [*((name, (name, )) for name in inputs), ('total', tuple(inputs))]:
        found = get_model_complexity_info(Part(names, label == 'total').eval(), inputs=tuple(inputs[n] for n in names),
                                          show_table=False, show_arch=False)
        rows[label] = (int(found['flops']), int(found['params']))
    return rows


def main(arguments: list[str] | None = None) -> None:
    require_stack()
    args = parse_args(arguments)
    from mmengine.registry import init_default_scope

    from mmda_ext.apis.compose import choice_of
    from mmda_ext.apis.config_edits import load_config
    from mmda_ext.registry import MODELS
    cfg = load_config(args.config, choice=choice_of(args))
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = MODELS.build(cfg.model).eval()
    try:
        inputs = inputs_of(cfg, model, args.shape)
        rows = count(model, inputs)
    except ValueError as error:
        sys.exit(f'error: {error}')
    print(f'{"":12}{"input":24}{"GFLOPs":>12}{"M parameters":>14}')
    for name, (flops, parameters) in rows.items():
        shape = 'x'.join(map(str, inputs[name].shape)) if name in inputs else ''
        print(f'{name:12}{shape:24}{flops / 1e9:12.3f}{parameters / 1e6:14.3f}')


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
