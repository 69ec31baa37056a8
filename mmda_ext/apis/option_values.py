"""``--cfg-options KEY=VALUE ...`` of the command line."""

import ast
from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction


class ConfigOptions(DictAction):
    """MMEngine's action, which also reads dicts, and lists of them.

    ``key="[dict(type='A'), dict(type='B')]"`` and the same with braces are values of Python; MMEngine's own reading,
    for everything that is none (``key=[a,b]``), takes dicts for words.

    Raises:
        argparse.ArgumentError: If an option is no ``KEY=VALUE``, or has brackets that do not match.
    """

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: str | Sequence[Any] | None,
                 option_string: str | None = None) -> None:
        options = dict(getattr(namespace, self.dest, None) or {})
        for option in [values] if isinstance(values, str) else values or ():
            key, equals, text = option.partition('=')
            if not key or not equals:
                raise ArgumentError(self, f'{option!r} is not KEY=VALUE')
            try:
                options[key] = self._value(text)
            except AssertionError as error:
                raise ArgumentError(self, f'{option!r}: {error}') from error
        setattr(namespace, self.dest, options)

    def _value(self, text: str) -> Any:
        if 'dict(' in text or '{' in text:
            try:
                return ast.literal_eval(_WithBraces().visit(ast.parse(text.strip(), mode='eval')))
            except (SyntaxError, ValueError) as error:
                raise AssertionError(f'the dict cannot be read ({error}); write words in quotes') from error
        return self._parse_iterable(text)


class _WithBraces(ast.NodeTransformer):
    """``dict(key=value)`` becomes ``{'key': value}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or node.args:
            return node
        keys: list[ast.expr | None] = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])
