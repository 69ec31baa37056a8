"""HAC: published numbers, names with blanks, bad lists."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import HACDataset
from mmda_ext.datasets.hac import read_list
from tests.test_datasets.media import make_hac

PUBLISHED = {
    'human': (1111, 276, [159, 158, 160, 158, 158, 158, 160]),
    'animal': (730, 176, [103, 117, 123, 112, 109, 93, 73]),
    'cartoon': (870, 218, [83, 93, 135, 104, 121, 163, 171]),
}
PROTOCOL = {'human': (1600, 394, 1387), 'animal': (1981, 494, 906), 'cartoon': (1841, 452, 1088)}


class WithoutFiles(HACDataset):

    def filter_data(self) -> list:
        return self.data_list


@pytest.mark.real_data
@pytest.mark.parametrize('domain', PUBLISHED)
def test_published_counts(real_data: Path, domain: str) -> None:
    train, test, histogram = PUBLISHED[domain]
    rows = read_list(real_data / 'hac_splits' / f'HAC_train_only_{domain}.csv')
    assert len(rows) == train
    assert np.bincount([label for _, _, label in rows]).tolist() == histogram
    assert len(read_list(real_data / 'hac_splits' / f'HAC_test_only_{domain}.csv')) == test


@pytest.mark.real_data
@pytest.mark.parametrize('target', PROTOCOL)
def test_published_protocol(real_data: Path, target: str) -> None:
    sources = tuple(domain for domain in PROTOCOL if domain != target)
    ann_dir = str(real_data / 'hac_splits')
    parts = [
        WithoutFiles(ann_dir, '', domains, sources, split=split)
        for domains, split in ((sources, 'train'), (sources, 'test'), ((target, ), 'all'))
    ]
    assert tuple(len(part) for part in parts) == PROTOCOL[target]
    whole = [parts[2].get_data_info(i) for i in range(len(parts[2]))]
    assert len({info['sample_id'] for info in whole}) == len(whole)
    first = read_list(real_data / 'hac_splits' / f'HAC_test_only_{target}.csv')[0][1]
    assert whole[0]['sample_id'] == f'{target}/{first}'
    assert all(info['is_target'] and info['domain_label'] == -1 for info in whole)


@pytest.mark.real_data
def test_the_name_with_an_inner_blank(real_data: Path) -> None:
    names = [name for _, name, _ in read_list(real_data / 'hac_splits' / 'HAC_train_only_cartoon.csv')]
    assert [name for name in names if name.endswith(' ')] == ['drinking_54 ']


def test_blanks_commas_and_both_line_ends(tmp_path: Path) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes(b' a b .mp4,3\r\nc,d.mp4,0\n\r\n')
    assert read_list(path) == [(1, ' a b ', 3), (2, 'c,d', 0)]


@pytest.mark.parametrize(('content', 'message'), [
    (b'', r'x\.csv is empty'),
    (b'a.mp4,1\r\nb.mp4;2\r\n', r"x\.csv, line 2: 'b.mp4;2'"),
    (b'a.mp4,one\r\n', 'line 1'),
    (b'a.avi,1\r\n', 'line 1'),
])
def test_a_bad_list_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / 'x.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_list(path)


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    (tmp_path / 'HAC_train_only_human.csv').write_bytes(b'a.mp4,0\r\nb.mp4,7\r\n')
    with pytest.raises(ValueError, match=r'human\.csv, line 2: label 7 is unknown, the labels are 0 to 6'):
        WithoutFiles(str(tmp_path), '', ('human', ), ('human', ))


def test_duplicate_lines_get_identifiers_of_their_own(tmp_path: Path) -> None:
    (tmp_path / 'HAC_train_only_human.csv').write_bytes(b'a.mp4,0\r\na.mp4,1\r\n')
    data = WithoutFiles(str(tmp_path), '', ('human', ), ('human', ))
    assert [data.get_data_info(i)['sample_id'] for i in range(2)] == ['human/a', 'human/a#2']


def test_finds_files_and_takes_the_test_list_first(tmp_path: Path) -> None:
    make_hac(tmp_path, ('x ', 'y'), with_flow=True)
    data = HACDataset(str(tmp_path / 'splits'), str(tmp_path), ('cartoon', ), ('human', 'animal'), split='all',
                      modalities=('video', 'flow', 'audio'), missing='error')
    assert [data.get_data_info(i)['sample_id'] for i in range(2)] == ['cartoon/cy', 'cartoon/cx ']
    with pytest.raises(ValueError, match='dog'):
        HACDataset('', '', ('dog', ), ('human', ))
    with pytest.raises(FileNotFoundError, match='ann_dir'):
        HACDataset(str(tmp_path), str(tmp_path), ('human', ), ('human', ))
