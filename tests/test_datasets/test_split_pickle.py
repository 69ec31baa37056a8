"""The restricted reader of the split pickles."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets.split_pickle import read_split_pickle
from tests.test_datasets.media import epic_columns, write_old_pickle


def test_reads_a_table_in_the_order_of_the_file(tmp_path: Path) -> None:
    columns = epic_columns()
    found = read_split_pickle(write_old_pickle(tmp_path / 'x.pkl', columns))
    assert found == columns
    assert list(found) == list(columns)


def test_both_names_of_numpys_module_are_known(tmp_path: Path) -> None:
    path = write_old_pickle(tmp_path / 'x.pkl', epic_columns())
    path.write_bytes(path.read_bytes().replace(b'numpy.core.multiarray', b'numpy._core.multiarray'))
    assert read_split_pickle(path) == epic_columns()


class Attack:

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.system, (f'touch {self.victim}', )


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    path, victim = tmp_path / 'D1_train.pkl', tmp_path / 'victim'
    path.write_bytes(pickle.dumps({'a': Attack(victim)}, protocol=protocol))
    with pytest.raises(ValueError, match=r'D1_train\.pkl.*system') as error:
        read_split_pickle(path)
    assert not victim.exists()
    assert isinstance(error.value.__cause__, pickle.UnpicklingError)
    pickle.loads(path.read_bytes())
    assert victim.exists(), 'the attack must work, or this test proves nothing'


@pytest.mark.parametrize('name', [
    'builtins\neval', 'builtins\ngetattr', 'numpy\nload', 'numpy\nfromfile', 'pandas.core.frame\nDataFrame.to_csv',
    'pandas\nread_pickle', 'numpy.core.multiarray\nscalar'
])
def test_every_other_global_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / 'x.pkl'
    path.write_bytes(b'c' + name.encode() + b'\n.')
    with pytest.raises(ValueError, match=name.split('\n')[1].split('.')[0]):
        read_split_pickle(path)


@pytest.mark.parametrize(('name', 'blamed'), [
    ('pandas._libs.internals\n_unpickle_block', False), ('numpy._core.numeric\n_frombuffer', False),
    ('posix\nsystem', True)])
def test_a_table_of_a_newer_pandas_is_not_called_dangerous(tmp_path: Path, name: str, blamed: bool) -> None:
    path = tmp_path / 'D1_train.pkl'
    path.write_bytes(b'c' + name.encode() + b'\n.')
    with pytest.raises(ValueError, match=r'D1_train\.pkl was refused') as error:
        read_split_pickle(path)
    assert ('may run code' in str(error.value)) == blamed
    assert ('to_csv' in str(error.value)) != blamed


def test_an_array_of_raw_pointers_is_refused(tmp_path: Path) -> None:
    """Bytes as contents of an object array would become addresses in NumPy."""
    path = write_old_pickle(tmp_path / 'x.pkl', epic_columns())
    path.write_bytes(path.read_bytes().replace(b'X\x02\x00\x00\x00i8', b'X\x02\x00\x00\x00O8'))
    # The forged array is the placement of the block, which is never read; forge the values as well.
    assert read_split_pickle(path) == epic_columns()
    from mmda_ext.datasets.split_pickle import _Array, _Dtype, _to_numpy
    array, dtype = _Array(), _Dtype('O8', 0, 1)
    dtype.state = (3, '|')
    array.state = (1, (1, ), dtype, False, b'\x01' * 8)
    with pytest.raises(ValueError, match='O8'):
        _to_numpy(array)


def test_numbers_keep_their_byte_order_and_layout() -> None:
    from mmda_ext.datasets.split_pickle import _Array, _Dtype, _to_numpy
    for order in '<>':
        for fortran in (False, True):
            values = np.arange(6, dtype=f'{order}i4').reshape(2, 3)
            array, dtype = _Array(), _Dtype('i4', 0, 1)
            dtype.state = (3, order)
            array.state = (1, (2, 3), dtype, fortran, values.tobytes('F' if fortran else 'C'))
            np.testing.assert_array_equal(_to_numpy(array), values)


@pytest.mark.parametrize(
    'content', [b'', b'not a pickle', b'\x80\x04]\x94.', b'\x80\x03cpandas.core.frame\nDataFrame\n)\x81}b.'])
def test_other_contents_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'D9.pkl'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'D9\.pkl was refused'):
        read_split_pickle(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write_old_pickle(tmp_path / 'x.pkl', epic_columns())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match='refused'):
        read_split_pickle(path)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='ann_dir'):
        read_split_pickle(tmp_path / 'none.pkl')


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    path = write_old_pickle(tmp_path / 'x.pkl', epic_columns())
    code = ('import sys; sys.modules["pandas"] = None\n'
            'from mmda_ext.datasets.split_pickle import read_split_pickle\n'
            f'assert len(read_split_pickle({str(path)!r})["uid"]) == 2')
    assert subprocess.run([sys.executable, '-c', code], check=False, capture_output=True).returncode == 0
