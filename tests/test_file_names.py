"""Names in lists stay below their folder, in every reader."""

import re

import pytest

from mmda_ext.datasets.emotion.table import Row, format_table, read_table
from mmda_ext.datasets.epic_kitchens import read_segments
from mmda_ext.datasets.hac import read_list
from mmda_ext.file_names import check_inside
from tests.test_datasets.media import epic_columns, write_old_pickle

LEAVING = ['../x', 'a/../../x', 'a/..', '..', '/etc/x', '\\x', 'C:/x', 'C:x', '..\\x', 'a\\..\\..\\x']


@pytest.mark.parametrize('name', [*LEAVING, '', ' ', 'a\0b', 7, None])
def test_names_that_may_leave_are_refused(name):
    with pytest.raises(ValueError, match=f'^list.csv, row 3: {re.escape(repr(name))}'):
        check_inside(name, 'list.csv, row 3')


@pytest.mark.parametrize('name', ['a', 'a/b.wav', '.a', '..a', 'a..b', 'drinking_54 ', 'a/./b', '~x', 'é:x'])
def test_other_names_stay_as_they_are(name):
    assert check_inside(name, '') == name


@pytest.mark.parametrize('name', LEAVING)
def test_hac_list(tmp_path, name):
    path = tmp_path / 'list.csv'
    path.write_text(f'ok.mp4,1\n{name}.mp4,2\n')
    with pytest.raises(ValueError, match=rf'list.csv, line 2: {re.escape(repr(name))} leaves the folder'):
        read_list(path)


@pytest.mark.parametrize('column', ['faces', 'wav'])
def test_emotion_table(tmp_path, column):
    rows = [Row('u1', 'sad', 't', 's', '1', 'train', 'faces/u1', 'wav/u1.wav'),
            Row('u2', 'sad', 't', 's', '1', 'train', **{'faces': '', 'wav': '', column: '/etc/passwd'})]
    path = tmp_path / 'source.csv'
    path.write_text(format_table(rows))
    with pytest.raises(ValueError, match=rf"source.csv, line 3, column {column}: '/etc/passwd' leaves the folder"):
        read_table(path)
    path.write_text(format_table(rows[:1]))
    assert read_table(path)[0][1].faces == 'faces/u1'


@pytest.mark.parametrize('name', ['../P08_01', '/etc/x', '', None])
def test_epic_split(tmp_path, name):
    columns = epic_columns()
    columns['video_id'] = [name, *columns['video_id'][1:]]
    path = write_old_pickle(tmp_path / 'D1_train.pkl', columns)
    with pytest.raises(ValueError, match=rf'D1_train.pkl, uid .*video_id: {re.escape(repr(name))}'):
        read_segments(path, 'D1', 'train')
