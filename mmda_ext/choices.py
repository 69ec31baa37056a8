"""An option that is one of several words; every room asks here."""

from collections.abc import Iterable


def choose(name: str, value: str, allowed: Iterable[str], owner: str = '') -> str:
    """Return ``value`` if it is allowed.

    Args:
        name (str): The option.
        value (str): What was given.
        allowed (Iterable[str]): What may be given.
        owner (str): Whose option it is, where its name alone does not say.

    Raises:
        ValueError: Naming owner, option, the bad value and the allowed ones.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f'{owner}{": " if owner else ""}{name}={value!r} is unknown: choose one of '
                         f'{", ".join(map(repr, allowed))}')
    return value
