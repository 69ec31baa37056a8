"""What turning gradients into weights costs: the Gramian, and then each solver, apart from each other.

    python tools/benchmarks/solver_time.py [--rounds 7] [--doc docs/performance.md]
"""

from collections.abc import Callable

import torch
from torch import Tensor

from interleaved import parse, parser_of, ratios, span, write
from mmda_ext.balancing import MGDA, CAGrad, NashMTL, TorchJDWeighting, UPGrad
from mmda_ext.engine.optim_wrappers.gradients import gramian
from mmda_ext.models.alignment import coral

#: Samples of a domain, features of a modality, modalities.
SAMPLES, WIDTH, MODALITIES = 48, 256, 3


def analytic(source: list[Tensor], target: list[Tensor], low_rank: bool | None) -> Tensor:
    """``Q`` of the alignment losses of each modality and their concatenation, gradients in closed form."""
    rows: list[list[Tensor | None]] = []
    for m in range(MODALITIES):
        _, *own = coral(source[m], target[m], low_rank=low_rank)
        rows.append([own[0 if k < MODALITIES else 1] if k % MODALITIES == m else None for k in range(2 * MODALITIES)])
    _, *fused = coral(torch.cat(source, 1), torch.cat(target, 1), low_rank=low_rank)
    rows.append([part for grad in fused for part in grad.split(WIDTH, dim=1)])
    return gramian(rows)


def autograd(source: list[Tensor], target: list[Tensor]) -> Tensor:
    """The same by two backward passes: all unimodal losses at once, which share no features, and the fused one."""
    features = [value.detach().requires_grad_() for value in (*source, *target)]

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return (torch.cov(a.T) - torch.cov(b.T)).square().sum()

    own = torch.stack([loss(features[m], features[MODALITIES + m]) for m in range(MODALITIES)]).sum()
    fused = loss(torch.cat(features[:MODALITIES], 1), torch.cat(features[MODALITIES:], 1))
    single = torch.autograd.grad(own, features)
    rows: list[list[Tensor | None]] = [
        [grad if k % MODALITIES == m else None for k, grad in enumerate(single)] for m in range(MODALITIES)]
    return gramian([*rows, list(torch.autograd.grad(fused, features))])


def gramian_rows(device: str) -> dict[str, Callable[[], Tensor]]:
    """Ways to the same ``Q``, compared before they are timed."""
    torch.manual_seed(0)
    source = [torch.randn(SAMPLES, WIDTH, device=device) for _ in range(MODALITIES)]
    target = [1.5 * torch.randn(SAMPLES, WIDTH, device=device) for _ in range(MODALITIES)]
    rows = {
        'two autograd passes': lambda: autograd(source, target),
        'analytic, direct': lambda: analytic(source, target, False),
        'analytic, low rank (chosen here)': lambda: analytic(source, target, None),
    }
    expected = rows['two autograd passes']()
    for row in rows.values():
        torch.testing.assert_close(row(), expected, rtol=1e-3, atol=1e-3 * float(expected.max()))
    return rows


def solver_rows(device: str) -> dict[str, Callable[[], Tensor]]:
    """Every solver on one arrowhead ``Q`` of four objectives, float32, on the device."""
    Q = torch.tensor([[1, 0, 0, .1], [0, 2, 0, .2], [0, 0, 4, .1], [.1, .2, .1, 3]], device=device)
    balancers = {f'MGDA, {solver}': MGDA(solver) for solver in ('closed_form', 'arrowhead', 'exact', 'frank_wolfe')}
    balancers.update({'UPGrad': UPGrad(), 'CAGrad': CAGrad(), 'Nash-MTL': NashMTL()})
    wanted = {'MGDA': {}, 'MGDA, epsilon 1e-6, 250 iterations': dict(epsilon=1e-6, max_iters=250), 'IMTLG': {},
              'AlignedMTL': {}, 'PCGrad': {}, 'UPGrad': {}, 'CAGrad': dict(c=.5)}
    for title, options in wanted.items():
        try:
            balancers[f'torchjd: {title}'] = TorchJDWeighting(title.split(',')[0], options=options)
        except ImportError as error:
            print(f'left out: {title} ({error})')
    return {name: lambda balancer=balancer: balancer.solve(Q) for name, balancer in balancers.items()}


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
    write(args, tables, {'solver time': text})


if __name__ == '__main__':
    main()
