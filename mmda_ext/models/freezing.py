"""Which parameters train, and the modes of layers meanwhile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmda_ext.choices import choose

NORM_MODES = ('train', 'eval')


def freeze(module: nn.Module, trainable: Sequence[str] | None, option: str) -> None:
    """Freeze all parameters but those below the named sub-modules; ``None`` leaves everything as it is.

    What is frozen already stays so: of several such calls, each takes away and none gives back.

    Args:
        module (nn.Module): The backbone.
        trainable (Sequence[str], optional): Names of sub-modules, such as ``['slow_path.layer4']``. Empty freezes all.
        option (str): Name of the option that says so, for the message.

    Raises:
        ValueError: If a name matches no parameter, or only frozen ones.
    """
    if trainable is None:
        return
    known: set[str] = set()
    moving: set[str] = set()
    for key, parameter in module.named_parameters():
        owners = [prefix for prefix in trainable if key == prefix or key.startswith(f'{prefix}.')]
        parameter.requires_grad_(bool(owners) and parameter.requires_grad)
        known.update(owners)
        moving.update(owners if parameter.requires_grad else ())
    unknown = [prefix for prefix in trainable if prefix not in known]
    if unknown:
        children = ', '.join(child for child, _ in module.named_children())
        raise ValueError(f'{option}={unknown} matches no parameter of {type(module).__name__}; '
                         f'its children are: {children}')
    still = [prefix for prefix in trainable if prefix not in moving]
    if still:
        raise ValueError(f'{option}={still} names parameters of {type(module).__name__} that are frozen elsewhere (by '
                         '`freeze`, or by an option of the backbone such as `frozen_stages`): take one of the two out')


def set_frozen_norm(module: nn.Module, mode: str) -> None:
    """Put normalisation layers without a trainable parameter into ``mode`` (called after ``train()``).

    ``'train'`` is what the public releases of this protocol do: batch statistics, running statistics updated.
    """
    choose('norm', mode, NORM_MODES)
    for child in module.modules():
        if isinstance(child, _BatchNorm) and not any(p.requires_grad for p in child.parameters()):
            child.train(mode == 'train')


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch ``modules`` to evaluation mode and put every sub-module back as it was."""
    modes = [(child, child.training) for module in modules for child in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for child, training in modes:
            child.training = training


@contextmanager
def held(*modules: nn.Module) -> Iterator[None]:
    """What is computed inside has no gradient at the parameters of ``modules``, but passes on that of their inputs."""
    moving = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
