"""What turning gradients into weights costs: the Gramian, and then each solver, apart from each other.

    python tools/benchmarks/solver_time.py [--rounds 7] [--doc docs/performance.md]
"""

import sys
from collections.abc import Callable

import torch
from torch import Tensor

from interleaved import parse, parser_of, ratios, span, write
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.balancing import CAGrad, NashMTL, TorchJDWeighting, UPGrad
from mmda_ext.balancing.parts.simplex_solver import SimplexSolver
from mmda_ext.gradients.tensors import gramian
from mmda_ext.models.objectives import CorrelationAlignment
from mmda_ext.models.step import Step

#: Samples of a domain, features of a modality, modalities.
SAMPLES, WIDTH, MODALITIES = 48, 256, 3


def closed_form(source: list[Tensor], target: list[Tensor], form: str) -> Callable[[], Tensor]:
    """``Q`` as a step of training has it: the losses, in the graph of the features, their gradients, inner products."""
    names = [f'modality {m}' for m in range(MODALITIES)]
    features = {name: torch.cat(rows).requires_grad_() for name, *rows in zip(names, source, target)}
    objective = CorrelationAlignment(dict(in_channels=dict.fromkeys(names, WIDTH)), alpha2=1.0, form=form)
    unknown = torch.full((2 * SAMPLES, ), -1, device=source[0].device)
    is_target = torch.arange(2 * SAMPLES) >= SAMPLES

    def build() -> Tensor:
        tasks = objective(Step(features, unknown, unknown, is_target=is_target)).gradients.values()
        return torch.stack([gramian([[own[name]] if name in own else [] for own in tasks]) for name in names]).sum(0)

    return build


def losses(features: list[Tensor]) -> list[Tensor]:
    """All unimodal losses at once, which share no features, and the fused one, plainly written."""

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return (torch.cov(a.T) - torch.cov(b.T)).square().sum()

    source, target = features[:MODALITIES], features[MODALITIES:]
    return [torch.stack(list(map(loss, source, target))).sum(), loss(torch.cat(source, 1), torch.cat(target, 1))]


def passes(features: list[Tensor], terms: list[Tensor]) -> Tensor:
    """``Q`` by a backward pass from each of both losses to the features."""
    own, fused = (torch.autograd.grad(term, features, retain_graph=True) for term in terms)
    single = [[grad if k % MODALITIES == m else None for k, grad in enumerate(own)] for m in range(MODALITIES)]
    return gramian([*single, list(fused)])


def gramian_rows(device: str) -> dict[str, Callable[[], Tensor]]:
    """Ways to the same ``Q``, compared before they are timed."""
    torch.manual_seed(0)
    source = [torch.randn(SAMPLES, WIDTH, device=device) for _ in range(MODALITIES)]
    target = [1.5 * torch.randn(SAMPLES, WIDTH, device=device) for _ in range(MODALITIES)]
    features = [value.clone().requires_grad_() for value in (*source, *target)]
    known = losses(features)
    rows = {
        'two autograd passes': lambda: passes(features, losses(features)),
        'two autograd passes, of losses already computed': lambda: passes(features, known),
        'closed form, direct': closed_form(source, target, 'direct'),
        'closed form, low rank (chosen here)': closed_form(source, target, 'auto'),
    }
    expected = rows['two autograd passes']()
    for row in rows.values():
        torch.testing.assert_close(row(), expected, rtol=1e-3, atol=1e-3 * float(expected.max()))
    return rows


def solver_rows(device: str) -> dict[str, Callable[[], Tensor]]:
    """Every solver on one arrowhead ``Q`` of four objectives, float32, on the device."""
    Q = torch.tensor([[1, 0, 0, .1], [0, 2, 0, .2], [0, 0, 4, .1], [.1, .2, .1, 3]], device=device)
    solvers: dict[str, Callable[[Tensor], Tensor]] = {}
    solvers.update({f'MGDA, {name}': SimplexSolver(name) for name in SimplexSolver.names})
    solvers.update({'UPGrad': UPGrad().solve, 'CAGrad': CAGrad().solve, 'Nash-MTL': NashMTL().solve})
    wanted = {'MGDA': {}, 'MGDA, epsilon 1e-6, 250 iterations': dict(epsilon=1e-6, max_iters=250), 'IMTLG': {},
              'AlignedMTL': {}, 'PCGrad': {}, 'UPGrad': {}, 'CAGrad': dict(c=.5)}
    for title, options in wanted.items():
        try:
            solvers[f'torchjd: {title}'] = TorchJDWeighting(title.split(',')[0], options=options).solve
        except ImportError as error:
            print(f'left out: {title} ({error})')
    return {name: lambda solve=solve: solve(Q) for name, solve in solvers.items()}


def table(title: str, rows: dict[str, dict[str, float]]) -> list[str]:
    """One table of docs/performance.md."""
    base = next(iter(rows))
    lines = [f'| {title} | time / {base} | microseconds |', '|---|---|---|']
    return [*lines, *(f'| {name} | {span(row)} | {1e6 * row["seconds"]:.0f} |' for name, row in rows.items()), '']


def main() -> None:
    """Measure both tables, print them, write them."""
    args = parse(parser_of(__doc__, 'solver_time', steps=20))
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    size = f'Gramian, n = {SAMPLES}, d = {WIDTH}, M = {MODALITIES}'
    tables = {size: ratios(gramian_rows(device), args.rounds, args.steps),
              'weights from a 4 x 4 Gramian': ratios(solver_rows(device), args.rounds, args.steps)}
    text = '\n'.join(line for title, rows in tables.items() for line in table(title, rows))
    print(text)
    write(args, tables, {args.section: text})


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
