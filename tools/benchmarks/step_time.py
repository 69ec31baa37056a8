"""Step time and peak memory of balanced training, as ratios to the first row of a table, measured in turns.

    python tools/benchmarks/step_time.py [--rounds 7] [--doc docs/performance.md]
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from interleaved import one_step, parse, parser_of, peak_bytes, ratios, span, write
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS

register_all_modules()

LAST_STAGE = dict(
    video=dict(trainable=['slow_path.layer4', 'fast_path.layer4']), audio=dict(trainable=['layer4'], norm='eval'))
ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))
ALIGNMENT = dict(type='mmda_ext.CorrelationAlignment')
BALANCERS = {
    'IGDM only': dict(type='GMP', projection='none'),
    'GMP feature': dict(type='GMP', space='feature'),
    'GMP parameter': dict(type='GMP', space='parameter'),
    'uniform CORAL': dict(type='MGDA', solver='uniform'),
    'Boomda': dict(type='MGDA', solver='closed_form'),
    'Boomda, exact MGDA': dict(type='MGDA', solver='exact'),
    'MGDA parameter': dict(type='MGDA', solver='exact', space='parameter'),
}
ADVERSARIAL = ('Base', 'IGDM only', 'GMP feature', 'GMP parameter', 'three backwards')
#: Title -> what trains, the objective, and the rows; ratios are to the first.
TABLES = {
    'trained: all': (None, ADVERSARY, ADVERSARIAL),
    'trained: last stage': (LAST_STAGE, ADVERSARY, ADVERSARIAL),
    'correlation alignment, trained: all': (
        None, ALIGNMENT, ('uniform CORAL', 'Boomda', 'Boomda, exact MGDA', 'MGDA parameter')),
}


def pathway(base_channels: int, lateral: bool, stem: tuple[int, int, int]) -> dict:
    """One path of a small SlowFast, with the strides and inflations of the real one."""
    return dict(type='resnet3d', depth=18, pretrained=None, lateral=lateral, base_channels=base_channels,
                conv1_kernel=stem, conv1_stride_t=1, pool1_stride_t=1, norm_eval=False,
                **(dict(inflate=(0, 0, 1, 1), fusion_kernel=7) if lateral else {}))


def slowfast(width: int) -> dict:
    """SlowFast-18 with ``width`` channels in its first stage."""
    return dict(type='ResNet3dSlowFast', pretrained=None, resample_rate=4, speed_ratio=4, channel_ratio=8,
                slow_pathway=pathway(width, True, (1, 7, 7)), fast_pathway=pathway(width // 8, False, (5, 7, 7)))


def build_model(trainable: dict | None, objective: dict, width: int) -> nn.Module:
    """SlowFast-18 and the audio ResNet-18 with ``width`` channels in their first stages."""
    torch.manual_seed(0)
    features = dict(video=width * 8 + width, audio=width * 8)
    model = MODELS.build(dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones=dict(
            video=slowfast(width),
            audio=dict(type='mmda_ext.AudioResNet', base_channels=width)),
        freeze=trainable or {},
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels=features),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=8),
        objectives=[objective],
        data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(video=None, audio=None))))
    return model.train()


class ThreeBackwards(OptimWrapper):
    """The form of the first author's release: two gradients by modality and task, then the fused backward."""

    def update_params(self, loss: Tensor, *_: object, **__: object) -> None:
        record = self.model.take_step_record()
        for parameters in self.model.encoder_parameters().values():
            for task in ('cls', 'domain'):
                torch.autograd.grad(record.losses[task], parameters, retain_graph=True, allow_unused=True)
        loss.backward()
        self.step()
        self.zero_grad()


def wrapper_for(name: str, model: nn.Module) -> OptimWrapper:
    """The optimizer wrapper of one row."""
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-4)
    if name in BALANCERS:
        return OPTIM_WRAPPERS.build(
            dict(type='mmda_ext.BalancedOptimWrapper', optimizer=optimizer, balancer=BALANCERS[name]))
    wrapper = ThreeBackwards(optimizer) if name == 'three backwards' else OptimWrapper(optimizer)
    wrapper.model = model
    return wrapper


def batch_for(args: argparse.Namespace, targets: bool) -> dict:
    """Random clips and spectrograms; with ``targets``, half of them of the target."""
    samples = []
    for index in range(args.batch):
        sample = ActionDataSample().set_gt_label(index % 8)
        sample.set_metainfo(dict(domain_label=index % 2, is_target=targets and index >= args.batch // 2))
        samples.append(sample)
    inputs = dict(video=list(torch.randn(args.batch, 3, args.frames, args.size, args.size)),
                  audio=list(torch.randn(args.batch, 1, 257, args.audio_frames)))
    return dict(inputs=inputs, data_samples=samples)


def measure(args: argparse.Namespace, trainable: dict | None, objective: dict,
            names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Rows of one table."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    batch, steps = batch_for(args, targets=objective is ALIGNMENT), {}
    for name in names:
        model = build_model(trainable, objective, args.width).to(device)
        wrapper = wrapper_for(name, model)
        steps[name] = one_step(partial(model.train_step, batch, wrapper), model)
    encoder_bytes = sum(p.numel() * p.element_size() for ps in model.encoder_parameters().values() for p in ps)
    rows = ratios(steps, args.rounds, args.steps)
    for name, row in rows.items():
        row['peak_bytes'] = peak_bytes(steps[name])
    base = rows[names[0]]['peak_bytes']
    for row in rows.values():
        row['memory_ratio'] = row['peak_bytes'] / base
        row['extra_over_encoder_gradients'] = (row['peak_bytes'] - base) / encoder_bytes
    return rows


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print one table."""
    print(title)
    base = next(iter(rows))
    print(f'  {"":20}{"time / " + base:>24}{"memory / " + base:>24}{"extra / encoder gradients":>27}')
    for name, row in rows.items():
        print(f'  {name:20}{span(row):>24}{row["memory_ratio"]:24.2f}{row["extra_over_encoder_gradients"]:27.2f}')


def markdown(tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """The tables for docs/performance.md."""
    lines = []
    for title, rows in tables.items():
        base = next(iter(rows))
        lines += [f'| {title} | step time / {base} | peak memory / {base} | extra memory, in encoder gradients |',
                  '|---|---|---|---|']
        for name, row in rows.items():
            lines.append(f'| {name} | {span(row)} | {row["memory_ratio"]:.2f} | '
                         f'{row["extra_over_encoder_gradients"]:.2f} |')
        lines.append('')
    return '\n'.join(lines)


def main() -> None:
    """Measure the tables, print them, write them."""
    parser = parser_of(__doc__, 'step_time', steps=6)
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--frames', type=int, default=16)
    parser.add_argument('--size', type=int, default=64)
    parser.add_argument('--audio-frames', type=int, default=126)
    parser.add_argument('--width', type=int, default=16, help='channels of the first stages; 64 is the real network')
    args = parse(parser)
    tables = {}
    for title, (trainable, objective, names) in TABLES.items():
        tables[title] = measure(args, trainable, objective, names)
        show(title, tables[title])
    write(args, tables, {args.section: markdown(tables)})


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
