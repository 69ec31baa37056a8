"""Timing of several things in turns, so that the drift of a machine hits all alike."""

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from mmda_ext.visualization.marks import replace_between


def clock() -> float:
    """Seconds: of the wall behind a GPU; of this process on a CPU, so that neighbours on the machine do not count."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def peak_bytes(step: Callable[[], object]) -> int:
    """Largest sum of live tensor memory that one step adds to what lives before it."""
    gc.collect()
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


def one_step(train: Callable[[], object], model: Any) -> Callable[[], object]:
    """``train`` as a row: it leaves no record, whose inputs would count as memory that was there before."""
    def step() -> object:
        out = train()
        # A balancing wrapper takes it; a stock one leaves it to the step that follows.
        model.step_record = None
        return out
    return step


def ratios(steps: Mapping[str, Callable[[], object]], rounds: int, count: int) -> dict[str, dict[str, float]]:
    """Time of each row as a ratio to the first: every round takes ``count`` steps of each row in turn.

    The first round, and one step of a row before its counted ones, warm caches and allocator and do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            step()
            start = clock()
            for _ in range(count):
                step()
            if round_:
                times[name].append((clock() - start) / count)
        print(f'\r  round {round_} of {rounds}', end='', flush=True)
    print('\r', end='')
    base = times[next(iter(steps))]
    rows = {}
    for name, own in times.items():
        by_round = [a / b for a, b in zip(own, base)]
        rows[name] = dict(ratio=statistics.median(by_round), lowest=min(by_round), highest=max(by_round),
                          seconds=statistics.median(own))
    return rows


def where() -> str:
    """What the numbers were measured on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f'{torch.get_num_threads()} CPU thread(s)'
    return f'Measured on {device}, torch {torch.__version__}: medians over rounds, lowest and highest in brackets.'


def span(row: Mapping[str, float], digits: int = 2) -> str:
    """Ratio of a row with its lowest and highest."""
    return f'{row["ratio"]:.{digits}f} ({row["lowest"]:.{digits}f}-{row["highest"]:.{digits}f})'


def parser_of(doc: str | None, name: str, steps: int) -> argparse.ArgumentParser:
    """Options that all these scripts have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--steps', type=int, default=steps,
                        help='counted steps of a row in a round, after one that is not')
    parser.add_argument('--quick', action='store_true', help='one round of one step: whether it runs, not how fast')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads; more than one also counts their waiting')
    parser.add_argument('--out', default=f'work_dirs/benchmarks/{name}.json')
    parser.add_argument('--doc', help='page to update, docs/performance.md')
    parser.add_argument('--section', default=name.replace('_', ' '), help='name of the marks in the page')
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the options and put them into force."""
    args = parser.parse_args()
    if args.quick:
        args.rounds = args.steps = 1
    torch.set_num_threads(args.threads)
    return args


def write(args: argparse.Namespace, tables: Mapping[str, Any], sections: Mapping[str, str]) -> None:
    """The numbers as JSON, and the text of each section between its marks of the page."""
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(dict(device=where(), python=platform.python_version(), arguments=vars(args),
                                   tables=tables), indent=2))
    print(f'written: {out}')
    if args.doc:
        for name, text in sections.items():
            replace_between(args.doc, name, f'{where()}\n\n{text}')
        print(f'written: {args.doc}')


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
