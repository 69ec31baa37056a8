"""Docstrings on the site."""

import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip('griffe')
sys.path.insert(0, str(ROOT / 'tools' / 'docs'))
from docstring_math import to_markdown  # noqa: E402


@pytest.mark.parametrize(('text', 'expected'), [
    (r'Let :math:`\alpha > 0` and :math:`b`.', r'Let $\alpha > 0$ and $b$.'),
    ('Over\n:math:`a +\nb` lines.', 'Over\n$a + b$ lines.'),
    ('See :class:`~mmda_ext.balancing.GMP` and :attr:`Step.mix`.', 'See `mmda_ext.balancing.GMP` and `Step.mix`.'),
    ('A.\n\n    .. math:: x = 1\n\n    More.', 'A.\n\n    $$\n    x = 1\n    $$\n\n    More.'),
    ('.. math::\n    x = 1, \\\\\n    y = 2\n\nwith', '$$\nx = 1, \\\\\ny = 2\n$$\n\nwith'),
    ('    .. math::\n\n        x\n\n        y\n\n    z', '    $$\n    x\n    y\n    $$\n\n    z'),
    ('Plain `code` stays.', 'Plain `code` stays.')])
def test_formulas_and_references_are_markdown(text, expected):
    assert to_markdown(text) == expected
