"""Generated text replaces what stands between its marks, and nothing else."""

import pytest

from mmda_ext.visualization.marks import replace_between


def test_replaces_only_between_the_marks(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb\n')
    for _ in range(2):
        replace_between(page, 't', 'new\n')
        assert page.read_text() == 'a\n<!-- t: begin -->\nnew\n<!-- t: end -->\nb\n'


def test_missing_marks_are_named(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('nothing')
    with pytest.raises(ValueError, match=r'page.md: needs the marks <!-- t: begin -->'):
        replace_between(page, 't', 'new')
