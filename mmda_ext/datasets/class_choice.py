"""Which classes a model knows, and which of them each domain has."""

from collections.abc import Iterable, Sequence


class ClassChoice:
    """Classes that a model shall not know, and the classes of each domain.

    Labels here are those of the data; :meth:`known` gives those of the model, which leave out what it does not know.

    Args:
        unknown (Sequence[str]): Classes that are in no source.
        source_classes (Sequence[Sequence[str]]): Classes of each source domain, in the order of ``sources``; all known
            ones where there is no list.
        target_classes (Sequence[str]): Classes of every other domain; all where there is no list.
        sources (Sequence[str]): The ordered source domains.

    Raises:
        ValueError: If there are not as many lists as sources, or a list is none.
    """

    def __init__(self, unknown: Sequence[str], source_classes: Sequence[Sequence[str]], target_classes: Sequence[str],
                 sources: Sequence[str]) -> None:
        for key, value in (('source_classes', source_classes), ('target_classes', target_classes),
                           *(('source_classes', own) for own in source_classes)):
            if isinstance(value, str):
                raise ValueError(f'{key}={value!r} must be a list of classes, for source_classes one in the place of '
                                 'each source domain')
        if source_classes and len(source_classes) != len(sources):
            raise ValueError(f'source_classes has {len(source_classes)} lists and the source domains are '
                             f'{list(sources)}: give one list for each, in this order')
        self.unknown, self.target_classes = tuple(unknown), tuple(target_classes)
        self.source_classes = tuple(tuple(own) for own in source_classes)
        self.sources = tuple(sources)
        self._unknown: tuple[int, ...] | None = None
        self._of_domain: dict[str, frozenset[int]] = {}
        self._of_target: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.unknown or self.source_classes or self.target_classes)

    def resolve(self, classes: Sequence[str]) -> tuple[int, ...]:
        """Labels of the unknown classes; the names are looked up the first time, among all classes of the data.

        Raises:
            ValueError: If a name is no class, fewer than two classes are known, a source has an unknown one, or a known
                one is in no source.
        """
        if self._unknown is None:
            foreign = [name for name in self.unknown if name not in classes]
            if foreign or self.unknown and len(classes) < len(set(self.unknown)) + 2:
                raise ValueError(f'unknown_classes={list(self.unknown)}: the classes are {list(classes)}; name some of '
                                 'them, and leave two or more to be known')
            self._check_lists(classes)
            own = [_labels(names, classes) for names in self.source_classes]
            self._of_domain = dict(zip(self.sources, own))
            self._of_target = _labels(self.target_classes, classes)
            self._unknown = tuple(map(classes.index, self.unknown))
        return self._unknown

    def _check_lists(self, classes: Sequence[str]) -> None:
        named = {name for own in self.source_classes for name in own}
        for key, names in (('source_classes', named), ('target_classes', set(self.target_classes))):
            foreign = sorted(names - set(classes))
            if foreign:
                raise ValueError(f'{key} names {foreign}, but the classes are {list(classes)}: correct the list')
        if named & set(self.unknown):
            raise ValueError(f'source_classes names {sorted(named & set(self.unknown))}, which unknown_classes keeps '
                             'out of all sources: name a class in one of them')
        lacking = [name for name in classes if name not in named | set(self.unknown)]
        if self.source_classes and lacking:
            raise ValueError(f'source_classes leaves {lacking} without a sample in any source, so that the model '
                             'cannot learn them: name them there, or in unknown_classes')

    def known(self, label: int) -> int:
        """Label of a known class among the known ones."""
        return label - sum(own < label for own in self._unknown or ())

    def is_unknown(self, label: int) -> bool:
        """Whether the model shall not know the class."""
        return label in (self._unknown or ())

    def occurs(self, domain: str, label: int) -> bool:
        """Whether a domain has the class."""
        if domain in self.sources:
            return label in self._of_domain[domain] if self._of_domain else True
        return label in self._of_target if self._of_target else True


def _labels(names: Iterable[str], classes: Sequence[str]) -> frozenset[int]:
    return frozenset(classes.index(name) for name in names)
