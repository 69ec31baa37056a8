"""Docstrings on the site of mkdocs.yml: formulas and references of reStructuredText become Markdown."""

import re
from typing import Any

import griffe

_BLOCK = re.compile(r'^( *)\.\. math::[ ]*(.*(?:\n(?:\1[ ]+.*|[ ]*(?=\n\1[ ])))*)', re.MULTILINE)
_MATH = re.compile(r':math:`([^`]*)`')
_ROLE = re.compile(r':(?:class|func|meth|attr|data|mod|obj):`~?([^`]*)`')


def to_markdown(text: str) -> str:
    """``:math:`x``` is ``$x$``, a math block stands between ``$$``, names of other roles are code."""
    def block(found: re.Match[str]) -> str:
        lines = [line.strip() for line in found[2].splitlines() if line.strip()]
        return '\n'.join(f'{found[1]}{line}'.rstrip() for line in ('$$', *lines, '$$'))

    return _ROLE.sub(r'`\1`', _MATH.sub(lambda found: f'${" ".join(found[1].split())}$', _BLOCK.sub(block, text)))


class DocstringMath(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
