"""Lists and tables as spreadsheets and editors save them."""

import codecs
from pathlib import Path

import pytest

from mmda_ext.datasets.emotion.iemocap_files import read_transcript
from mmda_ext.datasets.emotion.table import Row, format_table, read_table
from mmda_ext.datasets.hac import read_list
from mmda_ext.datasets.text_files import read_csv, read_text
from mmda_ext.datasets.transforms.text import load_tokenizer

ROW = Row('u1', 'sad', 'café, "so"', 's', '1', 'train', 'f', 'w')
TRANSCRIPT = 'Ses01F_impro01_F000 [0.1-0.2]: first\nSes01F_impro01_F001 [0.3-0.4]: second\n'


@pytest.mark.parametrize('mark', [b'', codecs.BOM_UTF8])
def test_a_byte_order_mark_costs_nothing(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes(mark + 'é.mp4,1\r\nb.mp4,2\r\n'.encode())
    assert read_list(path) == [(1, 'é', 1), (2, 'b', 2)]
    path.write_bytes(mark + format_table([ROW]).encode())
    assert read_table(path) == [(2, ROW)]
    path.write_bytes(mark + TRANSCRIPT.encode())
    assert read_transcript(path) == ({'Ses01F_impro01_F000': 'first', 'Ses01F_impro01_F001': 'second'}, [])
    path.write_bytes(mark + b'[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n')
    assert load_tokenizer(str(path))


@pytest.mark.parametrize(('encoding', 'message'), [
    ('cp1252', r'x\.csv, line 2: byte 10 is 0xe9, so the file is not in UTF-8: save it as UTF-8'),
    ('utf-16', r'x\.csv, line 1: the file is in UTF-16'),
    ('utf-32', r'x\.csv, line 1: the file is in UTF-32'),
])
def test_another_encoding_is_named_with_its_place(tmp_path: Path, encoding: str, message: str) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes('a.mp4,1\r\nbé.mp4,2\r\n'.encode(encoding))
    for read in (read_list, read_table, read_text):
        with pytest.raises(ValueError, match=message):
            read(path)


def test_the_place_counts_the_mark(tmp_path: Path) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes(codecs.BOM_UTF8 + b'ab\ncd\nef\xff')
    with pytest.raises(ValueError, match='line 3: byte 11 is 0xff'):
        read_text(path)
    assert read_text(path, stray_bytes=True) == 'ab\ncd\nef\ufffd'


@pytest.mark.parametrize(('content', 'message'), [
    ('a;b\n1;2\n', r"line 1: columns \['a', 'b'\] are missing, it has \['a;b'\].* \(the page\)"),
    ('', r'line 1: the file is empty, it must begin with the names of its columns: .* \(the page\)'),
    ('a,b\n1,2\n1\n', 'line 3: fewer fields'),
    ('a,b\n1,2,3\n', 'line 2: more fields.*double quotes'),
    ('a,b\n1,' + 'x' * 200_000 + '\n', 'line 2: field larger'),
])
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / 'x.csv'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_csv(path, ('a', 'b'), 'the page')


def test_a_quoted_line_break_is_one_field(tmp_path: Path) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes(b'b,a,c\r\n"1\r\n2",3,4\r\n')
    assert read_csv(path, ('a', 'b'), '') == [(3, {'b': '1\r\n2', 'a': '3', 'c': '4'})]
