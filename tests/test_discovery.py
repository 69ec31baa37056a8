"""A file in one of the rooms of components is all that a component needs."""

import sys

import pytest

from mmda_ext.discovery import classes_of


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package of this name, and where its files go."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'found_room').mkdir()
    (tmp_path / 'found_room' / '__init__.py').touch()
    yield tmp_path / 'found_room'
    for name in [name for name in sys.modules if name.startswith('found_room')]:
        del sys.modules[name]


def test_public_classes_of_its_own_files(package):
    (package / 'one.py').write_text('from pathlib import Path\n\n\nclass One:\n    pass\n\n\nclass _Part:\n    pass\n')
    (package / 'two.py').write_text('from found_room.one import One\n\n\nclass Two(One):\n    pass\n')
    found = classes_of('found_room')
    assert list(found) == ['One', 'Two']
    assert found['Two'].__mro__[1] is found['One']


def test_two_classes_of_one_name_are_refused(package):
    for name in ('one', 'two'):
        (package / f'{name}.py').write_text('class One:\n    pass\n')
    with pytest.raises(ImportError, match='found_room.one and found_room.two both define a class One: rename one'):
        classes_of('found_room')


@pytest.mark.parametrize('name', ['balancing', 'models.objectives', 'models.fusions', 'datasets.transforms',
                                  'engine.hooks'])
def test_the_names_of_a_room_are_those_of_its_files(name):
    room = __import__(f'mmda_ext.{name}', fromlist=['x'])
    assert classes_of(room.__name__).items() <= vars(room).items()
    assert set(classes_of(room.__name__)) <= set(room.__all__)
