"""Copies of a recipe for other targets and data sets are what the tool would write today."""

import importlib.util

import pytest

from tests.conftest import ROOT


@pytest.fixture
def tool(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location('spread_recipes', ROOT / 'tools' / 'spread_recipes.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_recipes_are_up_to_date(tool, capsys):
    assert tool.main(['--check']) == 0, capsys.readouterr().out


@pytest.fixture
def small(tool, monkeypatch, tmp_path):
    """A pattern for one target, and the place of another."""
    monkeypatch.setattr(tool, 'CONFIGS', tmp_path)
    pattern = tool.Place('a', 'data_to-one')
    copy = tool.Place('a', 'data_to-two', {'num_classes=8': 'num_classes=7'})
    monkeypatch.setattr(tool, 'FAMILIES', {pattern: [copy]})
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'x_data_to-one.py').write_text("# X.\n_base_ = ['./base_data_to-one.py']\n\nnum_classes=8\n")
    return tool, tmp_path / 'a'


def test_words_and_the_base_change(small):
    tool, folder = small
    assert tool.main(['--check']) == 1
    assert tool.main([]) == 0
    text = (folder / 'x_data_to-two.py').read_text()
    assert text == (f"# X.\n{tool.MARK}a/x_data_to-one.py: change that one.\n"
                    "_base_ = ['./base_data_to-two.py']\n\nnum_classes=7\n")
    assert tool.main(['--check']) == 0


def test_a_recipe_written_by_hand_stays(small):
    tool, folder = small
    (folder / 'x_data_to-two.py').write_text('# by hand\n')
    assert tool.main([]) == 0
    assert (folder / 'x_data_to-two.py').read_text() == '# by hand\n'


def test_a_copy_without_its_pattern_is_reported(small, capsys):
    tool, folder = small
    tool.main([])
    (folder / 'x_data_to-one.py').unlink()
    assert tool.main([]) == 1
    assert 'orphan: a/x_data_to-two.py' in capsys.readouterr().out
