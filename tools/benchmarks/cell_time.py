"""Processor time of a short run: a step in the runner beside a plain loop of the same arithmetic, and a whole cell.

    python tools/benchmarks/cell_time.py --method configs/methods/gmp.py --dataset ravdess --doc docs/performance.md

The plain loop is GMP by hand on the same model and the same samples: two backward passes, their inner products, the
weights, Adam. The step in the runner has the loader and all hooks of a run. A cell is one training and its test as
tools/sweep.py runs it, in a fork of a process that has everything imported.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

import mmda_ext.apis.warm  # noqa: F401  as in the process that a sweep forks
from interleaved import parse, parser_of, ratios, span, write
from mmda_ext.apis.cli import build_runner, run_training
from mmda_ext.apis.compose import add_flags, choice_of, compose
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.protocol import set_protocol
from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.models.heads.gradient_reversal import reverse_gradient

TASKS = ('cls', 'domain')


def config_of(args: argparse.Namespace, work_dir: str) -> Config:
    """The recipe as a run has it, silent."""
    cfg = compose(args.method, choice_of(args))
    set_protocol(cfg)
    cfg.merge_from_dict(dict(work_dir=work_dir, launcher='none', log_level='ERROR'))
    return cfg


def started(cfg: Config) -> Runner:
    """A runner in front of its first iteration."""
    runner = build_runner(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._val_loop = runner.build_val_loop(runner._val_loop)
    for moment in ('before_run', 'before_train', 'before_train_epoch'):
        runner.call_hook(moment)
    runner._init_model_weights()
    runner.model.train()
    return runner


def in_the_runner(runner: Runner) -> Callable[[], object]:
    """One iteration: the next batch of the loader, the step, the hooks."""
    batches = endless(runner)
    return lambda: runner.train_loop.run_iter(*next(batches))


def endless(runner: Runner) -> Iterator[tuple[int, Any]]:
    """Batches with their positions, epoch after epoch."""
    while True:
        yield from enumerate(runner.train_loop.dataloader)


def by_hand(runner: Runner) -> Callable[[], object]:
    """The same without MMEngine and this package's engine: batches are rows of a tensor."""
    dataset = runner.train_loop.dataloader.dataset
    samples = [dataset[index] for index in range(len(dataset))]
    inputs = {name: torch.stack([sample['inputs'][name] for sample in samples]) for name in samples[0]['inputs']}
    labels = torch.stack([sample['data_samples'].gt_label.reshape(()) for sample in samples])
    domains = torch.tensor([sample['data_samples'].domain_label for sample in samples])
    size = runner.train_loop.dataloader.batch_size

    def step() -> None:
        rows = torch.randperm(len(labels))[:size]
        targets = dict(zip(TASKS, (labels[rows], domains[rows])))
        update(runner, {name: value[rows] for name, value in inputs.items()}, targets)
    return step


def update(runner: Runner, inputs: dict[str, Tensor], targets: dict[str, Tensor]) -> None:
    """GMP by hand: a backward pass for each task, the weights of both gradients of each encoder, Adam."""
    model, optimizer = runner.model, runner.optim_wrapper.optimizer
    features = {name: model.backbones[name](value) for name, value in inputs.items()}
    adversary = model.objectives[0].head
    reversed_ = {name: reverse_gradient(value, adversary.reversal) for name, value in features.items()}
    encoders = [list(model.backbones[name].parameters()) for name in features]
    flat = [parameter for own in encoders for parameter in own]
    rows, confidences = [], {}
    for task, head, seen in zip(TASKS, (model.cls_head, adversary), (features, reversed_)):
        own = list(head.parameters())
        loss = torch.nn.functional.cross_entropy(head.fusion(seen), targets[task])
        grads = torch.autograd.grad(loss, [*flat, *own], retain_graph=task == TASKS[0])
        for parameter, grad in zip(own, grads[len(flat):]):
            parameter.grad = grad
        rows.append(grads[:len(flat)])
        with torch.no_grad():
            alone = head.fusion.modality_logits(features).values()
            confidences[task] = torch.stack(
                [value.softmax(1).gather(1, targets[task][:, None]).sum() for value in alone])
    write_weighted(runner, encoders, rows, tuple(features), confidences)
    optimizer.step()
    optimizer.zero_grad()


def write_weighted(runner: Runner, encoders: list[list[Any]], rows: list[tuple[Tensor, ...]],
                   modalities: tuple[str, ...], confidences: dict[str, Tensor]) -> None:
    """The weighted sum of the tasks' gradients into the encoders' ``.grad``."""
    pairs, start = [], 0
    for own in encoders:
        pairs.append([grads[start:start + len(own)] for grads in rows])
        start += len(own)
    vectors = [torch.stack([torch.cat([grad.flatten() for grad in grads]) for grads in pair]) for pair in pairs]
    gramian = torch.stack([vector @ vector.T for vector in vectors])
    weights = runner.optim_wrapper.balancer(BalanceInputs(TASKS, modalities, gramian=gramian, confidences=confidences))
    for own, pair, (k, p) in zip(encoders, pairs, weights):
        for parameter, first, second in zip(own, *pair):
            parameter.grad = k * first + p * second


def cell(args: argparse.Namespace, folder: str) -> float:
    """Seconds of the processor that a forked training and its test take, those of its children among them."""
    command = [args.method, '--work-dir', folder, '--seed', '0', '--dataset', args.dataset]
    command += ['--target', *args.target] if args.target else []
    child = os.fork()
    if not child:
        code = 1
        try:
            sink = os.open(os.path.join(os.path.dirname(folder), 'cell.log'), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            run_training(command)
            code = 0
        finally:
            os._exit(code)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f'the cell ended with exit code {os.waitstatus_to_exitcode(status)}: try it by '
                           f'`python tools/train.py {" ".join(command)}`')
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, print, write."""
    parser = parser_of(__doc__, 'cell_time', steps=50)
    parser.add_argument('--method', default='configs/methods/gmp.py', help='GMP: its sums are written here by hand')
    add_flags(parser)
    parser.add_argument('--cells', type=int, default=3, help='whole cells, after the steps')
    args = parse(parser)
    with tempfile.TemporaryDirectory() as folder:
        seconds = [cell(args, str(Path(folder, f'cell{number}'))) for number in range(1 if args.quick else args.cells)]
        runners = [started(config_of(args, str(Path(folder, name)))) for name in ('plain', 'runner')]
        steps = {'plain PyTorch loop': by_hand(runners[0]),
                 'in the runner, with loader and hooks': in_the_runner(runners[1])}
        rows = ratios(steps, args.rounds, args.steps)
    whole = f'{statistics.median(seconds):.1f} s ({min(seconds):.1f}-{max(seconds):.1f})'
    text = '\n'.join(['| a step of GMP on features | time / plain loop | milliseconds |', '|---|---|---|',
                      *[f'| {name} | {span(row)} | {1000 * row["seconds"]:.1f} |' for name, row in rows.items()], '',
                      f'A whole cell (start, training, validation, checkpoints, test): {whole} of processor time.'])
    print(text)
    write(args, dict(steps=rows, cells=seconds), {args.section: text})


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
