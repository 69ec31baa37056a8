"""Which part a parameter plays for a balancer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import Tensor, nn

Owner = nn.Module | Iterable[nn.Parameter]


class Parameters:
    """The trainable parameters of a step, by the part that they play.

    Args:
        encoders (dict[str, Module | Iterable[Parameter]]): Modality -> what stands in front of its features.
        local (dict[str, Module | Iterable[Parameter]], optional): Modality -> what stands behind its features and is
            balanced with its encoder.
        others (Module | Iterable[Parameter], optional): All other parameters; those of ``encoders`` and ``local`` among
            them are left out. Only several processes need to know them.

    Attributes:
        encoders (dict[str, list[Parameter]]): Modality -> trainable parameters.
        local (dict[str, list[Parameter]]): The same for the local ones.
        heads (list[Parameter], optional): All others; ``None`` where nobody said.
        bypassed (bool, optional): Whether several processes agreed that losses reach encoders besides the features;
            ``None`` before they did.

    Raises:
        ValueError: If two modalities share a parameter, or ``local`` names an unknown one.
    """

    def __init__(self, encoders: Mapping[str, Owner], local: Mapping[str, Owner] | None = None,
                 others: Owner | None = None) -> None:
        self.encoders = {name: _trainable(owner) for name, owner in encoders.items()}
        unknown = sorted(set(local or {}) - set(self.encoders))
        if unknown:
            raise ValueError(f'local parameters of {unknown}: the encoders are those of {list(self.encoders)}')
        self.local = {name: _trainable((local or {}).get(name, ())) for name in self.encoders}
        self.owner = self._owners()
        balanced = set(self.owner) | {id(p) for own in self.local.values() for p in own}
        self.heads = None if others is None else [p for p in _trainable(others) if id(p) not in balanced]
        self.bypassed: bool | None = None
        self._checked = False

    def _owners(self) -> dict[int, str]:
        owner: dict[int, str] = {}
        for name, parameters in self.encoders.items():
            for parameter in parameters:
                if owner.setdefault(id(parameter), name) != name:
                    raise ValueError(_shared(owner[id(parameter)], name))
        return owner

    def of(self, modality: str) -> list[nn.Parameter]:
        """All parameters balanced for ``modality``: local ones first."""
        return [*self.local[modality], *self.encoders[modality]]

    def check(self, outputs: Mapping[str, Sequence[Tensor]]) -> None:
        """Look once whether the graph in front of the features holds the encoder's parameters and no others.

        Raises:
            ValueError: If it holds a parameter that nobody named, or one of another modality: the gradients of a task
                apart from those of the others would be lost there.
        """
        if self._checked:
            return
        self._checked = True
        for name, values in outputs.items():
            for parameter in _in_front_of(values):
                found = self.owner.get(id(parameter))
                if found is None:
                    raise ValueError(f'a parameter of shape {tuple(parameter.shape)} stands in front of the features '
                                     f'of {name!r} but is not among its encoder\'s parameters: name its module too')
                if found != name:
                    raise ValueError(_shared(found, name))


def _shared(one: str, other: str) -> str:
    return (f'modalities {one!r} and {other!r} share encoder parameters, so their gradients cannot be balanced apart: '
            'untie them, or train with the plain sum (the stock OptimWrapper)')


def _trainable(owner: Owner) -> list[nn.Parameter]:
    parameters = owner.parameters() if isinstance(owner, nn.Module) else owner
    return [parameter for parameter in parameters if parameter.requires_grad]


def _in_front_of(outputs: Sequence[Tensor]) -> Iterator[nn.Parameter]:
    """Parameters in the graph of ``outputs``; those inside reentrant checkpoints do not show."""
    waiting, seen = [value.grad_fn for value in outputs], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, 'variable', None)
        if isinstance(variable, nn.Parameter):
            yield variable
        waiting.extend(parent for parent, _ in node.next_functions)
