"""Tables of own files: what is read, who trains, what is refused."""

import codecs
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmda_ext.datasets import FeatureDataset, MediaError, TableDataset, table_file
from mmda_ext.datasets.table_guess import describe
from mmda_ext.datasets.transforms import CutToSegment, HashWords, LoadArray, OpenFrames, PerModality
from tests.test_datasets.media import write_wave
from tests.test_datasets.recordings import tone, write_clip, write_table

ROW = dict(video='a.mp4', audio='a.wav', sensor='a.npy', text='Come here!', label='sad', domain='p')


def write(path: Path, *changes: dict[str, Any], files: bool = True) -> str:
    """Two rows in each of the domains p and q, with changes; and their files."""
    rows = [ROW | {name: f'{number}{ROW[name][1:]}' for name in ('video', 'audio', 'sensor')}
            | dict(label=('sad', 'glad')[number % 2], domain='pq'[number // 2]) for number in range(4)]
    rows = [row | (changes[number] if number < len(changes) else {}) for number, row in enumerate(rows)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    for row in rows if files else ():
        for name in ('video', 'audio', 'sensor'):
            (path / str(row[name])).touch()
    return str(write_table(path / 'own.csv', [{name: row.get(name, '') for name in names} for row in rows]))


def load(path: str, modalities: Any = ('video', 'audio', 'sensor', 'text'), **options: Any) -> TableDataset:
    options = dict(domains=('p', 'q'), source_domains=('p', ), split='all') | options
    return TableDataset(path, modalities=modalities, **options)


def test_a_row_becomes_what_decoders_read(tmp_path: Path) -> None:
    path = write(tmp_path, *[dict(start='0.5', stop='2', sensor_rate='50')] * 2, dict(start='1'), dict(sensor_rate='9'))
    data = load(path)
    folder = str(tmp_path)
    assert data.get_data_info(1)['modalities'] == {
        'video': dict(filename=f'{folder}/1.mp4', start_time=.5, stop_time=2., modality='RGB', start_index=0),
        'audio': dict(audio_path=f'{folder}/1.wav', start_time=.5, stop_time=2.),
        'sensor': dict(array_path=f'{folder}/1.npy', start_time=.5, stop_time=2., rate=50.),
        'text': dict(text='Come here!')}
    third = data.get_data_info(2)
    assert {key: third[key] for key in ('gt_label', 'domain', 'is_target', 'sample_id', 'split')} == dict(
        gt_label=1, domain='q', is_target=True, sample_id='q/line4', split='test')
    assert third['modalities']['sensor'] == dict(array_path=f'{folder}/2.npy'), 'no rate: the file is the segment'
    assert third['modalities']['audio'] == dict(audio_path=f'{folder}/2.wav', start_time=1., stop_time=None)
    assert data.metainfo['classes'] == ('glad', 'sad')
    renamed = load(path, {'face': 'video'}, metainfo=dict(classes=('sad', 'glad', 'other')))
    assert list(renamed.get_data_info(0)['modalities']) == ['face']
    assert [renamed.get_data_info(index)['gt_label'] for index in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(('labels', 'classes', 'expected', 'names'), [
    ('0210', None, [0, 2, 1, 0], ('0', '1', '2')), ('1212', ('1', '2'), [0, 1, 0, 1], ('1', '2')),
    ('0101', ('x', 'y'), [0, 1, 0, 1], ('x', 'y')), ('baab', None, [1, 0, 0, 1], ('a', 'b'))])
def test_labels_are_names_or_numbers(tmp_path: Path, labels: str, classes: Any, expected: list[int],
                                     names: tuple[str, ...]) -> None:
    data = load(write(tmp_path, *[dict(label=label) for label in labels]), metainfo=dict(classes=classes) if classes
                else None)
    assert [data.get_data_info(index)['gt_label'] for index in range(4)] == expected
    assert data.metainfo['classes'] == names


def test_parts_are_those_of_feature_files(tmp_path: Path) -> None:
    """The same classes, domains, groups and seed divide alike."""
    rng = np.random.default_rng(0)
    label, domain = rng.integers(0, 3, 60), np.array(['p', 'q', 'r'])[np.arange(60) // 20]
    group = np.char.add(domain, np.char.add('-', (np.arange(60) // 4).astype(str)))
    np.savez(tmp_path / 'f.npz', x=np.ones((60, 2)), label=label, domain=domain, group=group)
    rows = [dict(text=str(row), label=label[row], domain=domain[row], group=group[row]) for row in range(60)]
    path = str(write_table(tmp_path / 't.csv', rows))
    for options in (dict(), dict(split_seed=1), dict(grouped=True), dict(target_test_fraction=.3)):
        for split in ('train', 'val', 'test'):
            domains = ('p', 'q') if split != 'test' else ('r', )
            shared = dict(domains=domains, source_domains=('p', 'q'), split=split, **options)
            one = FeatureDataset(str(tmp_path / 'f.npz'), modalities=('x', ), standardize=False, **shared)
            two = TableDataset(path, modalities=('text', ), **shared)
            assert [int(info['sample_id'].split('/')[1]) + 2 for info in map(one.get_data_info, range(len(one)))] == [
                int(info['sample_id'].split('line')[1]) for info in map(two.get_data_info, range(len(two)))]
    rows = [row | dict(split=('train', 'val', 'test')[number % 3]) for number, row in enumerate(rows)]
    write_table(tmp_path / 't.csv', rows)
    assert len(TableDataset(path, ('p', 'q'), ('p', 'q'), ('text', ), split='val')) == 13
    with pytest.raises(ValueError, match='t.csv has the column `split`, which says who validates: leave out grouped'):
        TableDataset(path, ('p', 'q'), ('p', 'q'), ('text', ), grouped=True)


@pytest.mark.parametrize(('changes', 'message'), [
    ([{}, dict(label='')], r'own.csv, line 3, column label is empty: fill it, or remove the row'),
    ([{}, dict(domain=' ')], r'line 3, column domain is empty'),
    ([dict(split='val'), dict(split='train')], 'line 4, column split is empty: fill it, or remove the column, or'),
    ([dict(split='dev')] * 4, r"line 2: `split` holds 'dev', allowed are \('train', 'val', 'test'\)"),
    ([dict(group='g')] * 4, "line 4: `group` 'g' lies in several domains"),
    ([{}, dict(audio='')], r'line 3, column audio is empty: name a file, remove the row, or leave audio out'),
    ([{}, dict(video='b.mp5')], "line 3, column video: 'b.mp5' has the unknown extension '.mp5'; known are video"),
    ([{}, dict(video='b.wav')], "line 3, column video: 'b.wav' is of kind audio, but the column holds video files: "),
    ([{}, dict(sensor='b.npz')], "line 3, column sensor: 'b.npz' has the unknown extension"),
    ([{}, dict(text='words.txt')], 'column text: \'words.txt\' names a file, but the column holds texts: write the'),
    ([dict(start='3', stop='2')], 'line 2, column start: start=3 s is not before stop=2 s: correct the two, or empty'),
    ([dict(stop='0')], 'start=0 s is not before stop=0 s'),
    ([dict(start='-1')], "line 2, column start: '-1' is no number that is at least 0: write seconds, such as 12.5"),
    ([dict(stop='0:12')], "column stop: '0:12' is no number"), ([dict(stop='nan')], "column stop: 'nan' is no number"),
    ([dict(stop='2')], r'line 2 names a segment in seconds, but files of sensor have no clock: add a column sensor'),
    ([dict(sensor_rate='0')], 'column sensor_rate: a rate of 0'),
    ([dict(sensor_rate='x')], "column sensor_rate: 'x' is no number that is at least 0: write steps or images per"),
    ([dict(label='-1'), dict(label='0'), dict(label='1'), dict(label='0')], "line 2, column label: label -1.0 is no n"),
    ([{}, dict(video='0.mp4', audio='0.wav', sensor='0.npy')],
     'line 3 repeats line 2: the same files and the same segment; remove one of the two'),
])
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, changes: list[dict[str, Any]], message: str) -> None:
    path = write(tmp_path, *changes, files=False)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_segments_of_one_file_are_several_samples(tmp_path: Path) -> None:
    same = dict(video='0.mp4', audio='0.wav', sensor='0.npy', sensor_rate='1')
    assert len(load(write(tmp_path, same | dict(stop='1'), same | dict(start='1', stop='2')))) == 4


def test_paths_stay_in_the_root(tmp_path: Path) -> None:
    (tmp_path / 'media').mkdir()
    path = write(tmp_path / 'media', dict(video='../a.mp4'), files=False)
    with pytest.raises(ValueError, match=r"line 2, column video: '../a.mp4' leaves the folder .* \(root='media'\)"):
        load(path, ('video', ), root='media')
    (tmp_path / 'a.mp4').touch()
    for number in (1, 2, 3):
        (tmp_path / 'media' / f'{number}.mp4').touch()
    assert len(load(path, ('video', ))) == 4, 'without a root they may'
    write(tmp_path / 'media', files=False)
    with pytest.raises(FileNotFoundError, match="no sample is left of the 4 .*lacks for example .*elsewhere/0.mp4"):
        load(path, ('video', ), root=str(tmp_path / 'elsewhere'))


def test_what_is_missing_is_left_out_as_far_as_allowed(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / '1.wav').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 4 samples lack a file .*correct the paths in the table or '):
        load(path)
    assert (len(load(path, max_missing=.5)), len(load(path, ('video', )))) == (3, 4)
    with pytest.raises(ValueError, match=r"domains names \['r'\], but the domains are \['p', 'q'\]"):
        load(path, domains=('r', ))
    with pytest.raises(ValueError, match=r"own.csv has no sample of domains \('q',\) with split='train'"):
        load(path, domains=('q', ), split='train')


@pytest.mark.parametrize(('content', 'message'), [
    ('', r'own.csv, line 1: the file is empty, it must begin with the names of its columns: .*label.* \(docs/own_data'),
    ('video,label\na.mp4,x\n', r"line 1: columns \['domain'\] are missing, it has \['video', 'label'\]"),
    ('video;label;domain\n', "separate them by commas, not by ';'"),
    ('video,label,domain\n', 'own.csv has no rows: write one for each sample'),
    ('video,label,domain,label\na.mp4,x,p,y\n', "column 'label' is there twice"),
    ('video,label,domain\na.mp4,x\n', 'line 2: fewer fields'),
    ('name,label,domain\nann,x,p\n', 'own.csv has no modality: it needs a column with paths of videos'),
    ('video,label,domain\na.xyz,x,p\n', r"line 2, column video: 'a.xyz' has the unknown extension '.xyz'; known are"),
    ('video,label,domain\ncafé.mp4,x,p\n'.encode('cp1252'), 'line 2: byte 22 is 0xe9, so the file is not in UTF-8'),
])
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / 'own.csv'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        describe(str(path))


def test_a_byte_order_mark_costs_nothing(tmp_path: Path) -> None:
    path = Path(write(tmp_path))
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert len(load(str(path))) == 4


def test_parquet_is_read_as_csv_or_says_how_to_get_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'own.parquet'
    path.write_bytes(b'PAR1')
    with monkeypatch.context() as patch:
        patch.setattr(table_file, 'installed', lambda module: False)
        with pytest.raises(ImportError, match=r'own.parquet: reading parquet needs pyarrow: .*\.to_csv\("table.csv"'):
            load(str(path))
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet
    with pytest.raises(ValueError, match='own.parquet cannot be read as parquet'):
        load(str(path))
    rows = dict(text=['a', 'b'], label=[1., 0.], domain=['p', 'q'], start=[None, 2.5], stop=[3., 4.])
    parquet.write_table(pyarrow.table(rows), path)
    data = load(str(path), ('text', ))
    assert [data.get_data_info(index)['gt_label'] for index in (0, 1)] == [1, 0]
    assert data.get_data_info(1)['sample_id'] == 'q/row2'


def test_segments_of_videos_and_folders_of_images(tmp_path: Path) -> None:
    """12 images in a second: half a second from 0.5 s on is images 6 to 11."""
    write_clip(tmp_path / 'a.mp4', 0)
    (tmp_path / 'clip').mkdir()
    for number in range(7, 19):
        cv2.imwrite(str(tmp_path / 'clip' / f'cam{{1}}_{number:03d}.png'), np.full((8, 8, 3), number, np.uint8))
    video = [dict(type='mmda_ext.OpenVideo'), dict(type='mmda_ext.CutToSegment')]
    frames = [dict(type='mmda_ext.OpenFrames'), dict(type='mmda_ext.CutToSegment')]

    def cut(start: float | None, stop: float | None) -> list[tuple[int, int, str | None]]:
        times = dict(start_time=start, stop_time=stop, modality='RGB')
        sample = dict(modalities=dict(a=dict(filename=str(tmp_path / 'a.mp4'), start_index=0, **times),
                                      b=dict(frame_dir=str(tmp_path / 'clip'), rate=12., **times)))
        entries = PerModality(a=video, b=frames)(sample)['modalities'].values()
        return [(entry['start_index'], entry['total_frames'], entry.get('incomplete')) for entry in entries]

    assert cut(None, None) == [(0, 12, None), (7, 12, None)]
    assert cut(.5, 1.) == [(6, 6, None), (13, 6, None)]
    assert cut(None, .25) == [(0, 3, None), (7, 3, None)]
    assert cut(.51, .55) == [(6, 1, None), (13, 1, None)], 'the image that is seen'
    assert cut(.75, 1.05) == [(9, 3, None), (16, 3, None)]
    assert cut(.75, 2.) == [(9, 3, 'shortened'), (16, 3, 'shortened')]
    for name in 'ab':
        sample = dict(sample_id='x', modalities={name: dict(
            filename=str(tmp_path / 'a.mp4'), frame_dir=str(tmp_path / 'clip'), rate=12., start_index=0,
            start_time=1., stop_time=3., modality='RGB')})
        with pytest.raises(MediaError, match=rf'from 1 s to 3 s lies behind its end, 1.00 s: correct.*\[{name} of'):
            PerModality(**{name: video if name == 'a' else frames})(sample)
    decode = PerModality(b=[*frames, dict(type='UniformSample', clip_len=3, test_mode=True),
                            dict(type='mmda_ext.DecodeFrames')])
    entry = dict(frame_dir=str(tmp_path / 'clip'), rate=12., start_time=.5, stop_time=.75, modality='RGB')
    images = decode(dict(modalities=dict(b=entry)))['modalities']['b']['imgs']
    assert [int(image.mean()) for image in images] == [13, 14, 14]


@pytest.mark.parametrize(('names', 'message'), [
    ((), '0 images, 0 of them'), (('a.jpg', ), '1 images, 0 of them'), (('1.jpg', '3.jpg'), 'image 2 of 1 to 3 is mis'),
    (('a1.jpg', 'b2.jpg'), r'images of several names, a\*.jpg and b\*.jpg'), (('1.jpg', '01.jpg'), 'is there twice')])
def test_a_folder_that_is_no_clip_is_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(MediaError, match=message):
        OpenFrames()(dict(frame_dir=str(tmp_path)))
    with pytest.raises(MediaError, match='needs `rate`, images per second'):
        CutToSegment()(dict(frame_dir='x', total_frames=3, start_index=1, start_time=1.))


def test_arrays_are_sequences_cut_by_their_rate(tmp_path: Path) -> None:
    path = str(tmp_path / 'a.npy')

    def read(values: np.ndarray, channels: int, **options: Any) -> dict[str, Any]:
        np.save(path, values)
        return LoadArray(channels)(dict(array_path=path, **options))

    steps = np.arange(60.).reshape(20, 3)
    whole = read(steps, 3, start_time=None, stop_time=None)
    np.testing.assert_array_equal(whole['feature'], steps)
    assert whole['feature'].dtype == np.float32
    cut = read(steps, 3, start_time=.5, stop_time=1.1, rate=10.)
    np.testing.assert_array_equal(cut['feature'], steps[5:11])
    assert 'incomplete' not in cut
    cut = read(steps, 3, start_time=1.5, stop_time=4., rate=10.)
    assert (len(cut['feature']), cut['incomplete']) == (5, 'shortened')
    assert len(read(steps, 3, start_time=.5, stop_time=.51, rate=10.)['feature']) == 1, 'at least a step'
    assert read(np.ones((5, 2, 4)), 8)['feature'].shape == (5, 8)
    assert read(np.ones(7), 7)['feature'].shape == (1, 7)
    assert read(np.ones(7), 1)['feature'].shape == (7, 1)
    for values, channels, options, message in (
            (steps, 3, dict(start_time=2., stop_time=3., rate=10.), 'from 2 s lies behind its end, 2.00 s at 10 steps'),
            (steps, 4, {}, 'it has 3 numbers in each step, where 4 are expected'),
            (np.ones((0, 3)), 3, {}, 'it must hold one array of numbers'), (np.array('x'), 1, {}, 'array of numbers'),
            (np.array([[1., np.nan]]), 2, {}, r'it holds NaN, infinity .*\(step 0 of what is read, column 1\)'),
            (np.array([[1e300]]), 1, {}, 'what float32 cannot hold'),
            (np.array([{}]), 1, {}, 'it cannot be read as an array')):
        with pytest.raises(MediaError, match=message):
            read(values, channels, **options)
    Path(path).write_bytes(Path(path).read_bytes()[:60])
    with pytest.raises(MediaError, match='it cannot be read as an array'):
        LoadArray(1)(dict(array_path=path))
    with pytest.raises(MediaError, match='there is no such file'):
        LoadArray(1)(dict(array_path=str(tmp_path / 'b.npy')))


def test_words_become_numbers_without_a_vocabulary() -> None:
    def numbers(text: str, **options: int) -> list[int]:
        return HashWords(**options)(dict(text=text))['feature'].tolist()

    first, comma, again, mark = numbers('Come, come!')
    assert first == again == 2 + zlib.crc32(b'come') % 4096
    assert len({first, comma, mark}) == 3
    assert numbers('') == numbers(' \n') == [1]
    assert len(numbers('a b c', max_length=2)) == 2
    assert set(numbers('a b c d e f', num_words=2)) <= {2, 3}


def test_kinds_lengths_widths_and_scale_are_told_by_the_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / 'f').mkdir()
    rows = []
    for number in range(8):
        write_wave(tmp_path / f'{number}.wav', tone(0, 1.2 + .1 * number))
        np.save(tmp_path / f'{number}.npy', rng.normal(size=(5 + number, 2, 2)))
        np.save(tmp_path / f'v{number}.npy', np.ones(6))
        np.save(tmp_path / f's{number}.npy', np.ones(6 + number))
        rows.append(dict(mic=f'{number}.wav', cam_audio=f'{number}.mp4', imu=f'{number}.npy', vector=f'v{number}.npy',
                         ecg=f's{number}.npy', frames='f', said_text='a.b', age=number, name='Ann', note='see here',
                         label=number % 2, domain='pq'[number // 4], start='', stop=''))
    path = str(write_table(tmp_path / 't.csv', rows))
    file = describe(path)
    assert file.kinds == dict(mic='audio', cam_audio='audio', imu='array', vector='array', ecg='array', frames='frames',
                              said_text='text')
    assert file.channels == dict(imu=4, vector=6, ecg=1)
    assert file.seconds == dict(mic=2., cam_audio=10.), '1.9 s up to the next half; unknown'
    assert file.others == ('age', 'name', 'note')
    assert (file.domains, file.num_classes, file.has_split, file.grouped) == (('p', 'q'), 2, False, False)
    training = TableDataset(path, ('p', ), ('p', ), ('imu', ), split='train')
    arrays = [np.load(training.get_data_info(index)['modalities']['imu']['array_path']) for index in
              range(len(training))]
    values = np.concatenate([array.reshape(-1, 4) for array in arrays])
    scale = file.scale('imu', ('p', ))
    np.testing.assert_allclose(scale['mean'], values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(scale['std'], values.std(0), rtol=1e-5)
    assert file.scale('ecg', ('p', )) == dict(mean=[1.], std=[1.]), 'what is constant is shifted alone'
    write_table(tmp_path / 't.csv', [row | dict(start='0.5', stop='1.2', imu_rate='', vector_rate='', ecg_rate='')
                                     for row in rows])
    assert describe(path).seconds == dict(mic=1., cam_audio=10.), 'the segment counts, at least 1 s'
    np.save(tmp_path / '3.npy', np.ones((4, 3)))
    assert describe(path).channels['imu'] == 4, 'that of most'
    with pytest.raises(ValueError, match=r'column imu: .*3.npy: it has 3 numbers in each step, where 4 are expected'):
        describe(path).scale('imu', ('p', ))
    for number in range(8):
        (tmp_path / f'{number}.npy').unlink()
    with pytest.raises(FileNotFoundError, match="line 2, column imu: neither '0.npy' nor the other files"):
        describe(path)
