"""Which layers of a pre-trained model train: found by structure, not by name."""

from collections.abc import Sequence

from torch import nn

from mmda_ext.models.freezing import freeze

#: Parameters that only take part when inputs are masked at random, which is switched off.
MASKING = ('masked_spec_embed', 'mask_token')


def find_blocks(model: nn.Module) -> nn.ModuleList:
    """The stack of transformer blocks: the one ``ModuleList`` of equal modules as long as the model says it is deep.

    A list inside an ``encoder`` goes before one outside (a convolutional front end may have as many layers). Where the
    model does not say how deep it is, the longest list.

    Raises:
        ValueError: If there is none, or several.
    """
    lists = {name: child for name, child in model.named_modules()
             if isinstance(child, nn.ModuleList) and len({type(block) for block in child}) == 1}
    depth = getattr(getattr(model, 'config', None), 'num_hidden_layers', None)
    depth = depth or max((len(child) for child in lists.values()), default=0)
    found = {name: child for name, child in lists.items() if len(child) == depth}
    inside = {name: child for name, child in found.items() if 'encoder' in name.split('.')}
    found = inside if len(found) > 1 and inside else found
    if len(found) != 1:
        raise ValueError(f'{type(model).__name__} has {len(found)} lists of {depth} layers {sorted(found)}, so that '
                         '`trainable_layers` cannot count: name the sub-modules that train instead, such as '
                         f'{[name for name, _ in model.named_children()][-1:]}')
    return next(iter(found.values()))


class Trainable:
    """Choice of the layers that train; everything else is frozen and stays in evaluation mode.

    Args:
        model (nn.Module): The model, changed in place.
        layers (int | Sequence[str], optional): The last so many blocks; or names of sub-modules; or ``None``:
            everything.

    Raises:
        ValueError: If there are fewer blocks, or a name is unknown.
    """

    def __init__(self, model: nn.Module, layers: int | Sequence[str] | None) -> None:
        self.blocks: nn.ModuleList | None = None
        self.parts: list[nn.Module] = [model]
        if isinstance(layers, int):
            self.parts = self._last(model, layers)
        elif layers is not None:
            self.parts = self._named(model, layers)
        for name, parameter in model.named_parameters():
            if name.split('.')[-1] in MASKING:
                parameter.requires_grad_(False)

    def _last(self, model: nn.Module, count: int) -> list[nn.Module]:
        model.requires_grad_(False)
        if count == 0:
            return []
        self.blocks = find_blocks(model)
        if not 0 < count <= len(self.blocks):
            raise ValueError(f'trainable_layers={count}: {type(model).__name__} has {len(self.blocks)} blocks; choose '
                             'a number from 0 to that, names of sub-modules, or None to train everything')
        parts = list(self.blocks[len(self.blocks) - count:])
        for part in parts:
            part.requires_grad_(True)
        return parts

    @staticmethod
    def _named(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
        modules = dict(model.named_modules())
        unknown = [name for name in names if name not in modules]
        if unknown:
            children = ', '.join(name for name, _ in model.named_children())
            raise ValueError(f'trainable_layers={list(names)}: {type(model).__name__} has no sub-module '
                             f'{unknown[0]!r}; its children are: {children}')
        freeze(model, names, 'trainable_layers')
        return [modules[name] for name in names]

    @property
    def frozen(self) -> list[nn.Module]:
        """The blocks in front of the first trainable one."""
        return [] if self.blocks is None else list(self.blocks[:len(self.blocks) - len(self.parts)])

    def set_mode(self, model: nn.Module, mode: bool) -> None:
        """``train(mode)`` for what trains, evaluation mode for the rest."""
        model.eval()
        for part in self.parts:
            part.train(mode)
