"""How many forward and backward passes of a whole batch through an encoder a step of a method takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope, init_default_scope

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.recipe_files import methods
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS

SIZE = 16
#: Widths, classes and source domains of the RAVDESS features, which need not be there.
SHAPES = dict(face=35, audio=116)
CLASSES, DOMAINS = 8, 3


def passes_of(name: str) -> tuple[float, float]:
    """Forward and backward passes of a method, to half a pass: AGM's one blank sample is less."""
    forward, backward = count(recipe_of(name))
    return round(2 * forward) / 2, round(2 * backward) / 2


def recipe_of(name: str) -> Config:
    """A method on RAVDESS features; with an unlabelled target where it is a method of adaptation, as in its table."""
    data = 'ravdess-adaptation' if name in methods(reads_target=True) else 'ravdess'
    return load_recipe(Path('configs', 'methods', f'{name}.py'), dataset=data)


def batch(adaptation: bool) -> dict[str, Any]:
    """Labelled samples of all source domains; for adaptation the second half is of the target, without label."""
    samples = []
    for index in range(SIZE):
        domain = index % (DOMAINS - 1 if adaptation else DOMAINS)
        sample = ActionDataSample().set_gt_label(index % CLASSES)
        sample.set_metainfo(dict(domain=f'd{domain}', domain_label=domain))
        samples.append(sample)
    for sample in samples[SIZE // 2:] if adaptation else ():
        sample.set_metainfo(dict(is_target=True, domain_label=-1))
        del sample.gt_label
    return dict(inputs={name: list(torch.randn(SIZE, width)) for name, width in SHAPES.items()}, data_samples=samples)


@contextmanager
def training_under_way() -> Iterator[None]:
    """What depends on progress is in action: the end of the ramps, the transport of A3D2."""
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    hub = MessageHub.get_instance('encoder passes')
    for key, value in dict(iter=250, max_iters=300, epoch=10, max_epochs=12).items():
        hub.update_info(key, value)
    yield
    MessageHub._instance_dict.pop('encoder passes')
    if before is None:
        DefaultScope._instance_dict.clear()


def count(cfg: Config) -> tuple[float, float]:
    """Passes of one step, in batches."""
    torch.manual_seed(0)
    forward, backward = [], []

    def noted(layer: torch.nn.Module, args: Any, out: torch.Tensor) -> None:
        forward.append(len(out))
        if out.requires_grad:
            out.register_hook(lambda gradient: backward.append(len(out)))

    with training_under_way():
        model = MODELS.build(cfg.model).train()
        options = {key: value for key, value in cfg.optim_wrapper.items() if key != 'paramwise_cfg'}
        wrapper = OPTIM_WRAPPERS.build({**options, 'optimizer': torch.optim.Adam(model.parameters(), lr=1e-3)})
        model.backbones['audio'].layers[0].register_forward_hook(noted)
        objectives = {own.type for own in cfg.model.get('objectives', ())}
        adapts = cfg.get('reads_target', False) or 'mmda_ext.InformationBottleneck' in objectives
        model.train_step(batch(adapts), wrapper)
    # The teacher's pass: it has a copy of the layer that is watched, and CMRF's is made by a hook of the runner.
    teachers = int(bool(objectives & {'mmda_ext.CrossModalDistillation', 'mmda_ext.UnimodalTeachers'}))
    return sum(forward) / SIZE + teachers, sum(backward) / SIZE


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
