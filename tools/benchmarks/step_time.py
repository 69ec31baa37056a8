"""Step time and peak memory of balanced training, as ratios to the plain sum, measured in one interleaved run.

    python tools/benchmarks/step_time.py [--rounds 7] [--doc docs/performance.md]
"""

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmda_ext.registry import MODELS, OPTIM_WRAPPERS
from mmda_ext.visualization.marks import replace_between

register_all_modules()

TRAINABLE = {
    'all': None,
    'last stage': dict(
        video=dict(trainable=['slow_path.layer4', 'fast_path.layer4']), audio=dict(trainable=['layer4'], norm='eval')),
}
BALANCERS = {
    'IGDM only': dict(type='GMP', projection='none'),
    'GMP feature': dict(type='GMP', space='feature'),
    'GMP parameter': dict(type='GMP', space='parameter'),
}


def pathway(base_channels: int, lateral: bool, stem: tuple[int, int, int]) -> dict:
    """One path of a small SlowFast, with the strides and inflations of the real one."""
    return dict(type='resnet3d', depth=18, pretrained=None, lateral=lateral, base_channels=base_channels,
                conv1_kernel=stem, conv1_stride_t=1, pool1_stride_t=1, norm_eval=False,
                **(dict(inflate=(0, 0, 1, 1), fusion_kernel=7) if lateral else {}))


def build_model(trainable: dict | None, width: int) -> nn.Module:
    """SlowFast-18 and the audio ResNet-18 with ``width`` channels in their first stages."""
    torch.manual_seed(0)
    features = dict(video=width * 8 + width, audio=width * 8)
    model = MODELS.build(dict(
        type='mmda_ext.MultimodalRecognizer',
        backbones=dict(
            video=dict(type='ResNet3dSlowFast', pretrained=None, resample_rate=4, speed_ratio=4, channel_ratio=8,
                       slow_pathway=pathway(width, True, (1, 7, 7)),
                       fast_pathway=pathway(width // 8, False, (5, 7, 7))),
            audio=dict(type='mmda_ext.AudioResNet', base_channels=width)),
        freeze=trainable or {},
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels=features),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=8),
        objectives=[dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2))],
        data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(video=None, audio=None))))
    return model.train()


class ThreeBackwards(OptimWrapper):
    """The form of the first author's release: two gradients by modality and task, then the fused backward."""

    def update_params(self, loss: Tensor, *_: object, **__: object) -> None:
        record = self.model.take_step_record()
        for parameters in self.model.modality_parameters().values():
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


def batch_for(args: argparse.Namespace) -> dict:
    """Random clips and spectrograms."""
    samples = []
    for index in range(args.batch):
        sample = ActionDataSample().set_gt_label(index % 8)
        sample.set_metainfo(dict(domain_label=index % 2))
        samples.append(sample)
    inputs = dict(video=list(torch.randn(args.batch, 3, args.frames, args.size, args.size)),
                  audio=list(torch.randn(args.batch, 1, 257, args.audio_frames)))
    return dict(inputs=inputs, data_samples=samples)


def clock() -> float:
    """Seconds: of the wall behind a GPU; of this process on a CPU, so that neighbours on the machine do not count."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def peak_bytes(step: Callable[[], object]) -> int:
    """Largest sum of live tensor memory that one step adds to what lives before it."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    activity = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activity, profile_memory=True) as profile:
        step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == '[memory]']
    live = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def measure(args: argparse.Namespace, trainable: dict | None) -> dict[str, dict[str, float]]:
    """Rows of one table; every round takes some steps of each row in turn, so that drift hits all alike."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    batch, steps = batch_for(args), {}
    for name in ('Base', *BALANCERS, 'three backwards'):
        model = build_model(trainable, args.width).to(device)
        wrapper = wrapper_for(name, model)
        steps[name] = lambda model=model, wrapper=wrapper: model.train_step(batch, wrapper)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(args.rounds + 1):
        for name, step in steps.items():
            step()  # warms caches and allocator, which the row before has left to itself
            start = clock()
            for _ in range(args.steps):
                step()
            if round_:
                times[name].append((clock() - start) / args.steps)
        print(f'\r  round {round_} of {args.rounds}', end='', flush=True)
    print('\r', end='')
    encoder_bytes = sum(p.numel() * p.element_size() for ps in model.modality_parameters().values() for p in ps)
    rows = {}
    for name, step in steps.items():
        gc.collect()
        ratios = [own / base for own, base in zip(times[name], times['Base'])]
        rows[name] = dict(ratio=statistics.median(ratios), lowest=min(ratios), highest=max(ratios),
                          seconds=statistics.median(times[name]), peak_bytes=peak_bytes(step))
    for row in rows.values():
        row['memory_ratio'] = row['peak_bytes'] / rows['Base']['peak_bytes']
        row['extra_over_encoder_gradients'] = (row['peak_bytes'] - rows['Base']['peak_bytes']) / encoder_bytes
    return rows


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print one table."""
    print(title)
    print(f'  {"":16}{"time / Base":>12}{"(min - max)":>16}{"memory / Base":>15}{"extra / encoder gradients":>27}')
    for name, row in rows.items():
        span = f'({row["lowest"]:.2f} - {row["highest"]:.2f})'
        print(f'  {name:16}{row["ratio"]:12.2f}{span:>16}{row["memory_ratio"]:15.2f}'
              f'{row["extra_over_encoder_gradients"]:27.2f}')


def markdown(where: str, tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """The tables for docs/performance.md."""
    lines = [f'Measured on {where}, torch {torch.__version__}: medians over rounds, lowest and highest in brackets.',
             '']
    for title, rows in tables.items():
        lines += [f'| trained: {title} | step time / Base | peak memory / Base | extra memory, in encoder gradients |',
                  '|---|---|---|---|']
        for name, row in rows.items():
            lines.append(f'| {name} | {row["ratio"]:.2f} ({row["lowest"]:.2f}-{row["highest"]:.2f}) | '
                         f'{row["memory_ratio"]:.2f} | {row["extra_over_encoder_gradients"]:.2f} |')
        lines.append('')
    return '\n'.join(lines)


def main() -> None:
    """Measure both tables, print them, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--steps', type=int, default=6, help='counted steps of a row in a round, after one that is not')
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--frames', type=int, default=16)
    parser.add_argument('--size', type=int, default=64)
    parser.add_argument('--audio-frames', type=int, default=126)
    parser.add_argument('--width', type=int, default=16, help='channels of the first stages; 64 is the real network')
    parser.add_argument('--out', default='work_dirs/benchmarks/step_time.json')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads; more than one also counts their waiting')
    parser.add_argument('--doc', help='page to update, docs/performance.md')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tables = {}
    for title, trainable in TRAINABLE.items():
        tables[title] = measure(args, trainable)
        show(f'Trained: {title}', tables[title])
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f'{torch.get_num_threads()} CPU thread(s)'
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(dict(device=where, torch=torch.__version__, python=platform.python_version(),
                                   arguments=vars(args), tables=tables), indent=2))
    print(f'written: {out}')
    if args.doc:
        replace_between(args.doc, 'step time', markdown(where, tables))
        print(f'written: {args.doc}')


if __name__ == '__main__':
    main()
