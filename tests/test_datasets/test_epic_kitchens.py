"""EPIC-Kitchens: published numbers, both layouts, bad split files."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import EpicKitchensDataset
from mmda_ext.datasets.epic_kitchens import read_segments, seconds
from mmda_ext.datasets.epic_layouts import Segment
from tests.test_datasets.media import epic_columns, make_epic, write_old_pickle

PUBLISHED = {
    'D1_train': (1543, [421, 383, 231, 128, 223, 71, 42, 44], 22),
    'D1_test': (435, [124, 104, 52, 34, 66, 13, 20, 22], 6),
    'D2_train': (2495, [715, 692, 245, 214, 298, 89, 113, 129], 14),
    'D2_test': (750, [208, 217, 68, 56, 136, 14, 26, 25], 5),
    'D3_train': (3897, [919, 1121, 450, 367, 808, 110, 53, 69], 13),
    'D3_test': (974, [241, 280, 102, 71, 245, 29, 1, 5], 4),
}
PROTOCOL = {'D1': (6392, 1724, 435), 'D2': (5440, 1409, 750), 'D3': (4038, 1185, 974)}


class WithoutFiles(EpicKitchensDataset):
    """Takes every file as present: the published lists can be read without the media."""

    def filter_data(self) -> list:
        return self.data_list


@pytest.mark.real_data
@pytest.mark.parametrize('name', PUBLISHED)
def test_published_counts(real_data: Path, name: str) -> None:
    rows, histogram, videos = PUBLISHED[name]
    path = real_data / 'epic_kitchens_splits' / f'{name}.pkl'
    segments = [segment for _, segment in read_segments(path, *name.split('_'))]
    assert len(segments) == rows
    assert np.bincount([segment.label for segment in segments], minlength=8).tolist() == histogram
    assert len({segment.video_id for segment in segments}) == videos
    assert min(segment.frames for segment in segments) == 30


@pytest.mark.real_data
@pytest.mark.parametrize('target', PROTOCOL)
def test_published_protocol(real_data: Path, target: str) -> None:
    sources = tuple(domain for domain in PROTOCOL if domain != target)
    ann_dir = str(real_data / 'epic_kitchens_splits')
    parts = [
        WithoutFiles(ann_dir, '', domains, sources, split=split)
        for domains, split in ((sources, 'train'), (sources, 'test'), ((target, ), 'test'))
    ]
    assert tuple(len(part) for part in parts) == PROTOCOL[target]
    ids = [part.get_data_info(i)['sample_id'] for part in parts for i in range(len(part))]
    assert len(set(ids)) == len(ids)
    assert {parts[0].get_data_info(i)['domain_label'] for i in range(0, len(parts[0]), 50)} == {0, 1}


@pytest.mark.real_data
def test_first_rows_and_both_namings(real_data: Path) -> None:
    ann_dir = str(real_data / 'epic_kitchens_splits')
    options = {'domains': ('D1', ), 'source_domains': ('D2', 'D1'), 'modalities': ('video', 'flow', 'audio')}
    frames = WithoutFiles(ann_dir, 'r', **options).get_data_info(0)
    assert frames['sample_id'] == 'D1/P08_01_245_350'
    assert (frames['gt_label'], frames['domain_label'], frames['is_target']) == (2, 1, False)
    video, flow, audio = frames['modalities'].values()
    assert (video['frame_dir'], video['start_index'], video['total_frames']) == ('r/rgb/train/D1/P08_01', 245, 105)
    assert (flow['frame_dir'], flow['start_index'], flow['total_frames']) == ('r/flow/train/D1/P08_01', 123, 52)
    assert audio == {'audio_path': 'r/rgb/train/D1/P08_01.wav', 'start_time': 4.09, 'stop_time': 5.84}
    clips = WithoutFiles(ann_dir, 'r', layout='clips', **options).get_data_info(0)['modalities']
    assert clips['video']['filename'] == 'r/video/train/D1/D1_P08_01_245_350_2.mp4'
    assert clips['flow']['filenames'][0] == 'r/flow/train/D1/D1_P08_01_123_175_2_u.mp4'
    assert clips['flow']['filenames'][1].endswith('_123_175_2_v.mp4')
    assert clips['audio']['audio_path'] == 'r/audio/train/D1/P08_01.wav'


@pytest.mark.parametrize('layout', ['frames', 'clips'])
def test_finds_the_files_of_both_layouts(tmp_path: Path, layout: str) -> None:
    make_epic(tmp_path, layout, with_flow=True)
    data = EpicKitchensDataset(
        str(tmp_path / 'splits'), str(tmp_path), ('D3', 'D1'), ('D1', 'D2'), layout=layout, missing='error',
        modalities=('audio', 'flow', 'video'))
    target, source = data.get_data_info(0), data.get_data_info(1)
    assert list(target['modalities']) == ['audio', 'flow', 'video']
    assert (target['domain'], target['domain_label'], target['is_target']) == ('D3', -1, True)
    assert (source['domain'], source['domain_label'], source['is_target']) == ('D1', 0, False)
    assert data.metainfo['classes'][0] == 'take'
    assert data.metainfo['domains'] == ('D3', 'D1')


def test_a_table_in_place_of_the_pickle(tmp_path: Path) -> None:
    """Splits of one's own: columns in any order, a byte order mark, more columns than needed."""
    write_old_pickle(tmp_path / 'D2_train.pkl', epic_columns())
    lines = ['verb_class,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,note',
             '2,P08_01,00:00:04.09,00:00:05.84,245,350,"a, b"', '3,P08_01,00:00:07.29,00:00:08.95,437,537,']
    (tmp_path / 'D1_train.csv').write_text('\n'.join(lines), encoding='utf-8-sig')
    samples = []
    for domain in ('D1', 'D2'):
        data = WithoutFiles(str(tmp_path), 'r', (domain, ), (domain, ), modalities=('video', 'audio', 'flow'))
        samples.append([data.get_data_info(i) for i in range(len(data))])
    assert len(samples[0]) == 2
    assert str(samples[0]).replace('D1', 'D2') == str(samples[1]), 'a table says what the pickle says'
    assert data.split_files() == [str(tmp_path / 'D2_train.pkl')]
    (tmp_path / 'D1_train.csv').write_text('\n'.join([*lines[:2], '9,P08_01,0:0:1,0:0:2,1,9,']))
    with pytest.raises(ValueError, match=r'D1_train\.csv, line 3: label 9 is unknown'):
        WithoutFiles(str(tmp_path), '', ('D1', ), ('D1', ))
    (tmp_path / 'D2_train.csv').write_text('')
    with pytest.raises(ValueError, match=r'D2_train\.csv and D2_train\.pkl both'):
        WithoutFiles(str(tmp_path), '', ('D2', ), ('D1', ))


def test_domains_and_classes_of_ones_own(tmp_path: Path) -> None:
    class Mine(WithoutFiles):
        METAINFO = {'classes': ('stir', 'pour')}
        DOMAINS = ('home', 'cafe')

    head = 'video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb_class'
    (tmp_path / 'cafe_test.csv').write_text(f'{head}\nV1,0:00:01,0:00:02.5,60,150,1\n')
    info = Mine(str(tmp_path), 'r', ('cafe', ), ('home', ), split='test').get_data_info(0)
    assert (info['domain'], info['gt_label'], info['is_target']) == ('cafe', 1, True)
    assert info['modalities']['audio'] == {'audio_path': 'r/rgb/test/cafe/V1.wav', 'start_time': 1., 'stop_time': 2.5}


def test_seconds() -> None:
    assert seconds('01:02:03.25') == 3723.25


@pytest.mark.parametrize(('changes', 'message'), [
    ({'verb_class': [2, 8]}, r'D1_train.pkl, uid 12917: label 8 is unknown, the labels are 0 to 7'),
    ({'verb_class': [2, -1]}, 'uid 12917: label -1'),
    ({'start_timestamp': ['00:00:04.09', 'late']}, r"D1_train.pkl, uid 12917: start_timestamp='late' is not"),
    ({'stop_timestamp': ['00:00:05.84', '00:00:07.29']}, 'uid 12917: stop_timestamp 7.29 does not follow'),
    ({'stop_timestamp': ['00:00:nan', '00:00:08.95']}, 'uid 12915: stop_timestamp nan does not follow'),
    ({'start_frame': [245, 'x']}, "uid 12917: start_frame='x' is not a whole number"),
    ({'stop_frame': [350, 437]}, 'uid 12917: stop_frame 437 does not follow'),
])
def test_a_bad_row_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    write_old_pickle(tmp_path / 'D1_train.pkl', epic_columns(**changes))
    with pytest.raises(ValueError, match=message):
        WithoutFiles(str(tmp_path), '', ('D1', ), ('D1', ))


def test_an_empty_table_and_a_missing_column_are_named(tmp_path: Path) -> None:
    write_old_pickle(tmp_path / 'D1_train.pkl', {name: [] for name in epic_columns()})
    with pytest.raises(ValueError, match='D1_train.pkl is empty'):
        WithoutFiles(str(tmp_path), '', ('D1', ), ('D1', ))
    columns = epic_columns()
    del columns['verb_class']
    write_old_pickle(tmp_path / 'D1_train.pkl', columns)
    with pytest.raises(ValueError, match=r"lacks the columns \['verb_class'\]"):
        WithoutFiles(str(tmp_path), '', ('D1', ), ('D1', ))


@pytest.mark.parametrize(('options', 'message'), [
    ({'domains': ('D4', )}, r"domains names \['D4'\], but the domains are \['D1', 'D2', 'D3'\]"),
    ({'source_domains': ('kitchen', )}, 'source_domains names'),
    ({'domains': 'D1'}, 'domains=.*list'),
    ({'domains': ()}, 'domains='),
    ({'modalities': ('video', 'text')}, 'text'),
    ({'modalities': ('video', 'video')}, 'distinct'),
    ({'split': 'val'}, 'split='),
    ({'layout': 'tree'}, 'layout='),
    ({'missing': 'ignore'}, 'missing='),
])
def test_bad_options_are_refused_before_reading(options: dict, message: str) -> None:
    arguments = {'ann_dir': 'nowhere', 'data_root': '', 'domains': ('D1', ), 'source_domains': ('D1', )} | options
    with pytest.raises(ValueError, match=message):
        EpicKitchensDataset(**arguments)


def test_flow_images_of_a_segment() -> None:
    """An odd start rounds up, an odd length rounds down."""
    odd = Segment('D1', 'train', 'P08_01', 245, 350, 4.09, 5.84, 2)
    assert (odd.flow_start, odd.flow_frames, odd.frames) == (123, 52, 105)
    even = Segment('D1', 'train', 'P08_01', 356, 433, 5.94, 7.23, 0)
    assert (even.flow_start, even.flow_frames) == (178, 38)
