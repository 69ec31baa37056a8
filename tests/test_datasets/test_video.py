"""Opening and decoding of video files and folders of frames."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets import video_index as index_module
from mmda_ext.datasets.transforms import DecodeFrames, DecodeVideo, OpenVideo
from mmda_ext.datasets.transforms import video as module
from tests.test_datasets.media import make_frames, write_images, write_video

BACKENDS = ['decord', 'pyav']


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp('video') / 'a.mp4', make_frames(60), fps=25, gop=10)


def decode(path: Path, inds: list[int], backend: str) -> list[np.ndarray]:
    results = OpenVideo(backend)({'filename': str(path)})
    results['frame_inds'] = np.array(inds)
    results = DecodeVideo(backend)(results)
    assert results['frame_inds'].tolist() == inds
    assert results['video_reader'] is None
    return results['imgs']


@pytest.mark.parametrize('backend', BACKENDS)
def test_opening_tells_frames_and_rate(clip: Path, backend: str) -> None:
    results = OpenVideo(backend)({'filename': str(clip)})
    assert results['total_frames'] == 60
    assert results['avg_fps'] == pytest.approx(25)


@pytest.mark.parametrize('backend', BACKENDS)
def test_frames_are_the_ones_asked_for(clip: Path, backend: str) -> None:
    """Accurate seeking: brightness tells the number of a frame, also between key frames and out of order."""
    inds = [37, 3, 3, 59, 0, 14]
    images = decode(clip, inds, backend)
    for index, image in zip(inds, images):
        assert image.shape == (48, 64, 3)
        assert image[:, -3:].mean() == pytest.approx(5 + 2 * index, abs=1.6)
    images[1][:] = 0
    assert images[2].any(), 'repeated frames must not share memory: Flip works in place'


def test_both_decoders_give_equal_pixels(clip: Path) -> None:
    inds = list(range(1, 60, 3))
    for one, other in zip(decode(clip, inds, 'decord'), decode(clip, inds, 'pyav')):
        np.testing.assert_array_equal(one, other)


def test_each_frame_is_decoded_once_and_no_other(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import decord
    asked, get_batch = [], decord.VideoReader.get_batch
    monkeypatch.setattr(decord.VideoReader, 'get_batch', lambda self, inds: asked.extend(inds) or get_batch(self, inds))
    decode(clip, [8, 2, 8, 2], 'decord')
    assert asked == [2, 8]


def test_the_decoder_is_chosen_by_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OpenVideo().backend == 'decord'
    assert DecodeVideo().backend == 'auto', 'as the file was opened'
    monkeypatch.setattr(module, 'installed', lambda name: name == 'av')
    assert OpenVideo().backend == DecodeVideo('pyav').backend == 'pyav'
    with pytest.raises(ImportError, match='pip install decord'):
        OpenVideo('decord')
    monkeypatch.setattr(index_module, 'installed', lambda name: name == 'decord')
    for backend in ('auto', 'decord', 'pyav'):
        with pytest.raises(ImportError, match='pip install av'):
            OpenVideo(backend)
    with pytest.raises(ValueError, match="backend='opencv'"):
        OpenVideo('opencv')


def test_a_decoder_may_be_named_for_one_step(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import decord
    monkeypatch.setattr(decord, 'VideoReader', None)
    results = DecodeVideo('pyav')({**OpenVideo('decord')({'filename': str(clip)}), 'frame_inds': np.array([3])})
    assert len(results['imgs']) == 1
    with pytest.raises(TypeError, match='put mmda_ext.OpenVideo there'):
        DecodeVideo()({'filename': 'a.mp4', 'video_reader': object(), 'frame_inds': np.array([0])})


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('content', [None, b'', b'not a video'])
def test_bad_files_are_named(tmp_path: Path, backend: str, content: bytes | None) -> None:
    path = tmp_path / 'bad.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match='bad.mp4'):
        OpenVideo(backend)({'filename': str(path)})


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_truncated_file_is_named(clip: Path, tmp_path: Path, backend: str) -> None:
    path = tmp_path / 'cut.mp4'
    path.write_bytes(clip.read_bytes()[:-600])
    with pytest.raises(MediaError, match='cut.mp4'):
        decode(path, [50], backend)


def test_a_file_that_ends_early_is_named(clip: Path) -> None:
    """The container promises more frames than there are; MMAction2's PyAV decoder would repeat some."""
    results = OpenVideo('pyav')({'filename': str(clip)})
    results['frame_inds'] = np.array([70])
    with pytest.raises(MediaError, match='ends before frame 70'):
        DecodeVideo('pyav')(results)


def frame_results(folder: Path, inds: list[int], modality: str = 'RGB') -> dict:
    template = 'frame_{:010d}.jpg' if modality == 'RGB' else '{}/frame_{:010d}.jpg'
    return {'frame_dir': str(folder), 'filename_tmpl': template, 'modality': modality, 'frame_inds': np.array(inds)}


def test_frames_from_a_folder(tmp_path: Path) -> None:
    write_images(tmp_path, make_frames(5), first=100)
    images = DecodeFrames()(frame_results(tmp_path, [104, 100]))['imgs']
    assert images[0][:, -3:].mean() - images[1][:, -3:].mean() == pytest.approx(8, abs=1)


def test_flow_components_have_free_names(tmp_path: Path) -> None:
    for component, offset in {'u': 0, 'v': 20}.items():
        write_images(tmp_path / component, make_frames(40)[offset:offset + 2], first=7)
    results = DecodeFrames()(frame_results(tmp_path, [7, 8], 'Flow'))
    image = results['imgs'][0]
    assert image.shape == (48, 64, 2)
    assert image[..., 1].mean() - image[..., 0].mean() == pytest.approx(40, abs=1.5)
    assert results['filename_tmpl'] == '{}/frame_{:010d}.jpg'


@pytest.mark.parametrize('content', [None, b'', b'not an image'])
def test_a_bad_image_is_named(tmp_path: Path, content: bytes | None) -> None:
    write_images(tmp_path, make_frames(3), first=0)
    bad = tmp_path / 'frame_0000000001.jpg'
    bad.unlink()
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(MediaError, match='extract the frames of this video again'):
        DecodeFrames()(frame_results(tmp_path, [0, 1, 2]))
