"""What one step writes into the parameters, and the same by plain autograd, one task at a time."""

import copy

import torch
from torch import Tensor, nn


def written(model: nn.Module, batch: dict, wrapper, seed: int = 5) -> dict[str, Tensor]:
    """Gradients that reach the optimizer in one training step, by parameter name."""
    seen: dict[str, Tensor] = {}

    def step(**_: object) -> None:
        seen.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    wrapper.step = step
    torch.manual_seed(seed)
    model.train_step(batch, wrapper)
    return seen


def by_task(model: nn.Module, batch: dict, seed: int = 5) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """Task -> gradient of its loss in every parameter (zeros where it reaches none), and what the model returned."""
    model = copy.deepcopy(model)
    torch.manual_seed(seed)
    out = model(**model.data_preprocessor(batch, True), mode='loss')
    names, parameters = zip(*model.named_parameters())
    gradients = {}
    for task, loss in model.take_step_record().losses.items():
        if not loss.requires_grad:
            gradients[task] = {name: torch.zeros_like(p) for name, p in zip(names, parameters)}
            continue
        grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        gradients[task] = {
            name: torch.zeros_like(p) if grad is None else grad for name, p, grad in zip(names, parameters, grads)}
    return gradients, {key: value.detach() for key, value in out.items()}


def encoder_vector(gradients: dict[str, Tensor], modality: str) -> Tensor:
    """All gradients of one encoder, one after the other."""
    return torch.cat([g.reshape(-1) for name, g in gradients.items() if name.startswith(f'backbones.{modality}.')])


def assert_written(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """``expected`` must be what was written; a parameter that nothing reached counts as zero."""
    for name, value in expected.items():
        torch.testing.assert_close(got.get(name, torch.zeros_like(value)), value, rtol=1e-9, atol=1e-12, msg=name)
