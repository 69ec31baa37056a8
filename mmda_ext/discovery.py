"""Finds what the files of a package define, so that a new file is all that a new component needs."""

import importlib
import inspect
import pkgutil


def classes_of(package: str) -> dict[str, type]:
    """Public classes defined in the modules directly in ``package``, by name; importing the modules registers them.

    Args:
        package (str): Its dotted name, such as ``mmda_ext.balancing``.

    Raises:
        ImportError: If two modules define classes of one name: a config could not tell them apart.
    """
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f'{package}.{info.name}')
        for name, member in vars(module).items():
            if inspect.isclass(member) and member.__module__ == module.__name__ and not name.startswith('_'):
                if name in found:
                    raise ImportError(f'{found[name].__module__} and {module.__name__} both define a class {name}: '
                                      'rename one of them')
                found[name] = member
    return found
