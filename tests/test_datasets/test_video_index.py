"""One time line: the visible frames in order, upright, with their times, whatever decodes them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import AlignAudio, DecodeVideo, OpenVideo, PerModality, SampleAlignedClips
from mmda_ext.datasets.transforms import video as video_module
from mmda_ext.datasets.video_file import VideoFile
from mmda_ext.datasets.video_packets import starts_afresh
from tests.test_datasets.striped import copy_packets, number_of, striped, turn, write_striped

BACKENDS = ['decord', 'pyav']
#: 60 frames in the first second, 12 in every further one.
CHANGING = [*range(60), *range(60, 160, 5)]


def opened(path: Path, backend: str) -> dict:
    return OpenVideo(backend)({'filename': str(path)})


def decoded(path: Path, inds: Sequence[int], backend: str) -> list[np.ndarray]:
    return DecodeVideo()({**opened(path, backend), 'frame_inds': np.array(inds)})['imgs']


def numbers(path: Path, inds: Sequence[int], backend: str) -> list[int]:
    return [number_of(image) for image in decoded(path, inds, backend)]


def aligned(path: Path, inds: Sequence[int], backend: str) -> tuple[float, float]:
    results = {'modalities': {'video': {**opened(path, backend), 'frame_inds': np.array(inds)}, 'audio': {}}}
    audio = AlignAudio()(results)['modalities']['audio']
    return audio['start_time'], audio['stop_time']


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 70 frames: ``plain``, ``cut`` at frame 38, ``late`` by 1 s, ``early`` by .5 s, ``changing`` rate."""
    root = tmp_path_factory.mktemp('striped')
    write_striped(root / 'plain.mp4', range(70), sound=(0., 3.))
    copy_packets(root / 'plain.mp4', root / 'cut.mp4', 38 / 24)
    write_striped(root / 'late.mp4', range(24, 94), sound=(0., 4.))
    write_striped(root / 'silent_late.mp4', range(24, 94))
    write_striped(root / 'early.mkv', range(70), sound=(.5, 3.))
    write_striped(root / 'changing.mp4', CHANGING, rate=60, sound=(0., 3.))
    return root


@pytest.mark.parametrize('backend', BACKENDS)
def test_an_edit_list_hides_frames(folder: Path, backend: str) -> None:
    """Frame 38 is the first that is seen; the file starts with 36, the key frame before it."""
    results = opened(folder / 'cut.mp4', backend)
    assert results['total_frames'] == 32
    assert results['avg_fps'] == pytest.approx(24)
    np.testing.assert_allclose(results['frame_times'], np.arange(33) / 24, atol=1e-9)
    inds = [7, 0, 31, 12, 26, 11, 13]
    assert numbers(folder / 'cut.mp4', inds, backend) == [38 + index for index in inds]
    assert aligned(folder / 'cut.mp4', inds, backend) == pytest.approx((0., 32 / 24))


@pytest.mark.parametrize('backend', BACKENDS)
def test_sound_follows_a_late_stream_and_a_changing_rate(folder: Path, backend: str) -> None:
    assert aligned(folder / 'plain.mp4', [6, 23], backend) == pytest.approx((.25, 1.))
    for name in ('late.mp4', 'silent_late.mp4'):
        assert aligned(folder / name, [6, 23], backend) == pytest.approx((1.25, 2.))
        assert numbers(folder / name, [23, 6], backend) == [23, 6]
        assert opened(folder / name, backend)['avg_fps'] == pytest.approx(24)
    assert aligned(folder / 'changing.mp4', [30, 72], backend) == pytest.approx((.5, 1. + 13 / 12))
    assert aligned(folder / 'changing.mp4', [79], backend) == pytest.approx((1. + 19 / 12, 1. + 20 / 12))
    assert numbers(folder / 'changing.mp4', [79, 30, 72], backend) == [79, 30, 72]
    # Sound that is taken out of a file starts with its first sample.
    assert aligned(folder / 'early.mkv', [18, 41], backend) == pytest.approx((.25, 1.25), abs=2e-3)


def test_clips_take_their_sound_by_time_and_published_rates_stay(folder: Path) -> None:
    clips = {'video': {'clip_len': 4, 'frame_interval': 4}}
    found = {}
    for fps in (None, 24.):
        results = {'modalities': {'video': opened(folder / 'late.mp4', 'auto'), 'audio': {}}}
        results['modalities']['video']['time_offset'] = 10.
        rule = {'audio': {'reference': 'video', 'fps': fps}}
        audio = SampleAlignedClips(clips, test_mode=True, follow=rule)(results)['modalities']['audio']
        found[fps] = (audio['start_time'], audio['stop_time'])
    assert found[None] == pytest.approx((11 + 27 / 24, 11 + 39 / 24))
    assert found[24.] == pytest.approx((10 + 27 / 24, 10 + 39 / 24))


def test_sound_follows_frames_that_mmaction2_decoded(folder: Path) -> None:
    """Its openers know a mean rate alone, and count hidden frames, too."""
    steps = [{'type': 'DecordInit'}, {'type': 'DecordDecode'}, {'type': 'FormatShape', 'input_format': 'NCTHW'},
             {'type': 'PackActionInputs'}]

    def stretch(name: str) -> tuple[float, float]:
        video = {'filename': str(folder / name), 'frame_inds': np.array([30, 72 if name == 'changing.mp4' else 31]),
                 'num_clips': 1, 'clip_len': 2, 'label': 0}
        results = PerModality(video=steps)({'modalities': {'video': video, 'audio': {}}})
        audio = AlignAudio()(results)['modalities']['audio']
        return audio['start_time'], audio['stop_time']

    assert stretch('changing.mp4') == pytest.approx((.5, 1. + 13 / 12))
    with pytest.raises(MediaError, match=r'cut.mp4: \d+ frames were counted, but 32 are visible.*mmda_ext.OpenVideo'):
        stretch('cut.mp4')


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('matrix', 'expected'), [
    ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
], ids=['clockwise', 'upside down', 'counterclockwise', 'mirrored', 'transposed'])
def test_pictures_are_upright(folder: Path, tmp_path: Path, backend: str, matrix: tuple, expected: object) -> None:
    path = turn(folder / 'silent_late.mp4', tmp_path / 'turned.mp4', matrix)
    stored = decoded(folder / 'silent_late.mp4', [5, 41], 'pyav')
    results = DecodeVideo()({**opened(path, backend), 'frame_inds': np.array([5, 41])})
    for image, plain in zip(results['imgs'], stored):
        np.testing.assert_array_equal(image, expected(plain))
    assert results['img_shape'] == expected(stored[0]).shape[:2]


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('name', 'options'), [
    ('open.mp4', {'x264-params': 'open-gop=1:bframes=3:keyint=12:scenecut=0'}),
    ('open.mkv', {'codec': 'mpeg4', 'bf': '2'}), ('a.avi', {'codec': 'mpeg4', 'bf': '2'}),
    ('a.ts', {}), ('a.mkv', {}), ('h264.avi', {}), ('a.h264', {}),
])
def test_other_ways_of_storing(tmp_path: Path, backend: str, name: str, options: dict) -> None:
    """decord returns other frames than asked for in open groups of pictures, in ts and, with B frames, in avi files."""
    path = write_striped(tmp_path / name, range(40), **options)
    results = opened(path, backend)
    assert results['total_frames'] == 40
    rate = 25 if name == 'a.h264' else 24  # a raw stream tells no rate, FFmpeg takes 25
    np.testing.assert_allclose(results['frame_times'], np.arange(41) / rate, atol=2e-3)
    for inds in ([14, 37, 0, 11, 39, 25, 12], [1, 12, 36], [9, 21, 38]):
        assert numbers(path, inds, backend) == inds


@pytest.mark.parametrize('backend', BACKENDS)
def test_frames_before_the_first_key_frame_are_not_there(tmp_path: Path, backend: str) -> None:
    """A recorder that was switched on in the middle; no decoder can show what refers to frames before it."""
    source = write_striped(tmp_path / 'a.mkv', range(40), **{'x264-params': 'keyint=12:scenecut=0'})
    path = copy_packets(source, tmp_path / 'middle.mkv', skip=17)
    assert opened(path, backend)['total_frames'] == 16
    np.testing.assert_allclose(opened(path, backend)['frame_times'], np.arange(24, 41) / 24, atol=2e-3)
    assert numbers(path, [3, 0, 15], backend) == [27, 24, 39]


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_video_of_one_frame(tmp_path: Path, backend: str) -> None:
    path = write_striped(tmp_path / 'one.mp4', [0])
    results = opened(path, backend)
    assert (results['total_frames'], results['frame_times'].tolist()) == (1, pytest.approx([0., 1 / 24]))
    video = {'video': results}
    clips = {'video': {'clip_len': 3, 'frame_interval': 2}}
    for options in ({'test_mode': True}, {'drop_last_frames': 1, 'index_shift': -1}):
        sampled = SampleAlignedClips(clips, **options)({'modalities': dict(video)})['modalities']['video']
        assert sampled['frame_inds'].tolist() == [0, 0, 0]
    assert numbers(path, [0, 0, 0], backend) == [0, 0, 0]
    assert aligned(path, [0], backend) == pytest.approx((0., 1 / 24))
    turned, = decoded(turn(path, tmp_path / 'turned.mp4', (0, 1, -1, 0)), [0], backend)
    assert number_of(np.ascontiguousarray(np.rot90(turned, 1))) == 0
    raw = write_striped(tmp_path / 'one.h264', [0])
    assert opened(raw, backend)['frame_times'].tolist() == pytest.approx([0., 1 / 25]), 'FFmpeg takes 25 per second'


def test_what_decord_may_decode(folder: Path, tmp_path: Path) -> None:
    write_striped(tmp_path / 'a.ts', range(20), sound=(0., 1.), codec='mpeg2video')
    turn(folder / 'silent_late.mp4', tmp_path / 'turned.mp4', (-1, 0, 0, -1))
    turn(folder / 'silent_late.mp4', tmp_path / 'crooked.mp4', (1, .01, -.01, 1))
    plain = {name: VideoFile(str(place / name)).index.plain for place, name in (
        (folder, 'plain.mp4'), (folder, 'late.mp4'), (folder, 'changing.mp4'), (folder, 'early.mkv'),
        (tmp_path, 'crooked.mp4'), (folder, 'cut.mp4'), (tmp_path, 'a.ts'), (tmp_path, 'turned.mp4'))}
    assert list(plain.values()) == [True] * 5 + [False] * 3


def test_the_frames_of_a_file_are_listed_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until its content changes, or too many others came between."""
    listed, read = [], video_module.read_index
    monkeypatch.setattr(video_module, 'read_index', lambda path, data: listed.append(path) or read(path, data))
    monkeypatch.setattr(video_module, 'MEMORY', 2)
    opener, path = OpenVideo(), tmp_path / 'a.mp4'
    for name, expected in (('plain', 1), ('plain', 1), ('cut', 2), ('late', 3), ('late', 3), ('cut', 3), ('plain', 4)):
        path.write_bytes((folder / f'{name}.mp4').read_bytes())
        assert opener({'filename': str(path)})['total_frames'] == (32 if name == 'cut' else 70)
        assert len(listed) == expected, name


def test_key_frames_after_which_nothing_refers_back(tmp_path: Path) -> None:
    """All frames are shown behind their key frame, and still refer back over it: only the key frame itself tells."""
    def plain(name: str, group: str) -> bool:
        return VideoFile(str(write_striped(tmp_path / name, range(40), **{'x264-params': group}))).index.plain

    def afresh(data: str, setup: bytes, name: str = 'h264') -> bool:
        return starts_afresh(bytes.fromhex(data), SimpleNamespace(name=name, extradata=setup))

    long, short = b'\1\x64\0\x0a\xff', b'\1\x64\0\x0a\xfd'
    assert afresh('00000002 06 05 00000003 65 8880', long)
    assert not afresh('00000002 06 05 00000003 41 8880', long)
    assert afresh('0002 06 05 0003 65 8880', short)
    assert not afresh('00000001 65 8880', b'\0\0\0\1\x67'), 'no lengths to go by'
    assert afresh('00000001 41', b'', name='vp9')
    for name in ('a.mp4', 'a.mkv'):
        assert plain(name, 'keyint=12')
        assert not plain(name, 'keyint=12:open-gop=1:bframes=2:scenecut=0')


def test_decord_decodes_where_it_finds_the_same_frames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import decord
    walks, walk = [], VideoFile.walk
    monkeypatch.setattr(VideoFile, 'walk', lambda self, wanted: walks.append(self.path) or walk(self, wanted))

    def walked(name: str) -> int:
        walks.clear()
        image, = VideoFile(str(folder / name), backend='decord').read([5])
        assert number_of(image) == (43 if name == 'cut.mp4' else 5)
        return len(walks)

    assert [walked(name) for name in ('plain.mp4', 'late.mp4', 'changing.mp4', 'cut.mp4')] == [0, 0, 0, 1]
    stamps = decord.VideoReader.get_frame_timestamp
    monkeypatch.setattr(decord.VideoReader, 'get_frame_timestamp', lambda self, i: stamps(self, i) * 1.01)
    assert walked('plain.mp4') == 1, 'decord counts as many frames, but has them at other times'
    monkeypatch.setattr(decord.VideoReader, 'get_frame_timestamp', stamps)
    with monkeypatch.context() as patch:
        patch.setattr(decord.VideoReader, '__len__', lambda self: 71)
        assert walked('plain.mp4') == 1, 'decord counts one more'
    assert walked('plain.mp4') == 0
    monkeypatch.setattr(decord.VideoReader, 'get_batch', lambda self, inds: [][0])
    assert walked('plain.mp4') == 1, 'decord cannot decode it'


def test_a_frame_that_the_decoder_leaves_out_is_missed(folder: Path) -> None:
    """All later ones would be taken for others."""
    video = VideoFile(str(folder / 'late.mp4'))
    video.index = replace(video.index, times=np.delete(video.index.times, 10))
    assert number_of(video.read([9])[0]) == 9
    with pytest.raises(MediaError, match='late.mp4: frame 10 cannot be decoded'):
        video.read([3, 12])


@pytest.mark.parametrize('name', ['fast.mp4', 'a.mkv', 'a.avi'])
def test_a_truncated_file_is_refused_where_its_header_tells(tmp_path: Path, name: str) -> None:
    path = write_striped(tmp_path / name.replace('fast', 'slow'), range(40), codec='libx264')
    if name == 'fast.mp4':
        path = copy_packets(path, tmp_path / name, movflags='faststart')
    data = path.read_bytes()
    assert opened(path, 'auto')['total_frames'] == 40
    path.write_bytes(data[:len(data) * 9 // 10])
    with pytest.raises(MediaError, match=rf'{name}: it is truncated: \d+ bytes of the \d+ '):
        opened(path, 'auto')


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    """The first picture stream is a still one."""
    import av
    source = write_striped(tmp_path / 'source.mp4', range(30))
    with av.open(str(source)) as old, av.open(str(tmp_path / 'cover.mkv'), 'w') as new:
        cover = new.add_stream('mjpeg', rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, 'yuvj420p'
        film = new.add_stream_from_template(old.streams.video[0])
        new.mux(cover.encode(av.VideoFrame.from_ndarray(striped(9)[:16, :16], format='rgb24')))
        new.mux(cover.encode())
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = film
                new.mux(packet)
    assert numbers(tmp_path / 'cover.mkv', [4, 29], 'auto') == [4, 29]
