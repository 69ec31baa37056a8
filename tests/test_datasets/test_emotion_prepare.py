"""From a release to the neutral form: crops, sound, journal, manifest, and what happens when it is stopped."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mmda_ext.datasets.emotion.cropping import FaceCropper, frame_numbers, read_frames, spread
from mmda_ext.datasets.emotion.detectors import center, cv2, find_detector
from mmda_ext.datasets.emotion.fixtures import make_fake_iemocap, make_fake_msp_improv
from mmda_ext.datasets.emotion.fixtures.actor import LEFT_WALL, RIGHT_WALL, write_avi
from mmda_ext.datasets.emotion.iemocap_release import LEFT, read_iemocap
from mmda_ext.datasets.emotion.media import MediaOptions, process_recording, to_mono_16k
from mmda_ext.datasets.emotion.prepare import JOURNAL, MANIFEST, prepare
from mmda_ext.datasets.emotion.records import Release
from mmda_ext.datasets.emotion.table import read_table
from mmda_ext.datasets.video_file import VideoFile
from mmda_ext.folder_lock import lock_folder
from tests.conftest import ROOT
from tests.test_datasets.striped import copy_packets, number_of, write_striped

SMALL = MediaOptions(frames=4, size=32)


def tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / 'data' / f'{name}.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return read_iemocap(make_fake_iemocap(tmp_path_factory.mktemp('iemocap'), sessions=1, turns=8, fps=5.))


@pytest.fixture(scope='module')
def made(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('out') / 'iemocap'
    prepare(release, out, SMALL)
    return out


def test_a_name_that_leaves_the_folder_and_a_second_user_are_refused(release: Release, tmp_path: Path) -> None:
    keep = tmp_path / 'faces' / 'keep'
    keep.mkdir(parents=True)
    evil = replace(release, utterances=[replace(release.classified[0], id='../../faces/keep')])
    with pytest.raises(ValueError, match=r"'../../faces/keep' leaves the folder"):
        prepare(evil, tmp_path / 'out', SMALL)
    assert keep.is_dir()
    with lock_folder(tmp_path / 'out'), pytest.raises(FileExistsError, match='out is in use by process'):
        prepare(release, tmp_path / 'out', SMALL)
    assert not (tmp_path / 'out' / JOURNAL).exists()


def rows_of(out: Path) -> dict[str, Any]:
    return {row.utterance: row for domain in ('source', 'target') for _, row in read_table(out / f'{domain}.csv')}


def test_everything_is_written_and_nothing_else(release: Release, made: Path) -> None:
    rows = rows_of(made)
    assert len(rows) == 24 - 1, 'one turn has no sound'
    assert {path.name for path in made.iterdir()} == {'faces', 'wav', 'source.csv', 'target.csv', MANIFEST, JOURNAL}
    assert {path.name for path in (made / 'faces').iterdir()} == set(rows)
    for item in release.classified:
        if item.id in rows:
            assert (rows[item.id].label, rows[item.id].speaker) == (item.label, item.speaker)
            files = sorted(path.name for path in (made / rows[item.id].faces).iterdir())
            assert files == [f'{number:04d}.jpg' for number in range(1, int(rows[item.id].num_faces) + 1)]
            assert item.audio_path is not None
            assert (made / rows[item.id].wav).read_bytes() == Path(item.audio_path).read_bytes()


def test_faces_are_of_the_speaker(release: Release, made: Path) -> None:
    for item in release.classified:
        if not (made / 'faces' / item.id).exists():
            continue
        picture = cv2.imread(str(made / 'faces' / item.id / '0001.jpg'))
        assert picture.shape == (32, 32, 3)
        wall = LEFT_WALL if item.region == LEFT else RIGHT_WALL
        assert np.abs(picture[1, 1, ::-1].astype(int) - wall).max() < 12
        assert picture[10:22, 6:26].min(axis=2).max() > 130, 'the face of this turn is there'
        assert picture[:4].min(axis=2).max() < 90


def test_manifest_counts_what_was_odd(made: Path) -> None:
    manifest = json.loads((made / MANIFEST).read_text())
    assert manifest['problem_counts'] == {'unreadable line': 1, 'missing alignment': 1, 'empty transcript': 1,
                                          'silent sound': 1, 'skipped: no sound': 1}
    assert (manifest['kept'], manifest['skipped']) == (23, 1)
    assert len(manifest['problems']) == 5
    assert manifest['differences']
    assert sum(sum(part.values()) for part in manifest['parts'].values()) == 23


class Stop(Exception):
    pass


def test_stopped_and_gone_on(release: Release, made: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 12:
            raise Stop

    with pytest.raises(Stop):
        prepare(release, tmp_path / 'out', SMALL, progress=stop)
    assert not (tmp_path / 'out' / 'source.csv').exists()
    with (tmp_path / 'out' / JOURNAL).open('a') as journal:
        journal.write('{"id": "Ses01M_imp')
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out' / 'faces').rglob('*.jpg')}
    assert written
    told: list[int] = []
    prepare(release, tmp_path / 'out', SMALL, progress=lambda done, total: told.append(done))
    assert told == [12, 18, 24], 'only the turn without sound is tried again'
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())
    assert contents(tmp_path / 'out') == contents(made)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob('*')) if path.is_file()
            and path.name != JOURNAL}


def test_another_split_writes_only_tables(release: Release, made: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    shutil.copytree(made, out)
    before = contents(out)
    prepare(release, out, SMALL, split='speaker', seed=3)
    changed = {name for name, data in contents(out).items() if before[name] != data}
    assert changed == {'source.csv', 'target.csv', MANIFEST}
    sides = [{row.speaker for _, row in read_table(out / f'{domain}.csv')} for domain in ('source', 'target')]
    assert not sides[0] & sides[1]


def test_other_options_and_other_folders_are_refused(release: Release, made: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match='other options'):
        prepare(release, made, MediaOptions(frames=4, size=48))
    (tmp_path / 'thesis.txt').write_text('')
    with pytest.raises(FileExistsError, match='no journal'):
        prepare(release, tmp_path, SMALL)


def test_what_was_missing_is_looked_for_again(tmp_path: Path) -> None:
    root = make_fake_iemocap(tmp_path / 'in', sessions=1, turns=5, video=False)
    options = MediaOptions(('speech', 'text'))
    assert prepare(read_iemocap(root), tmp_path / 'out', options)['skipped'] == 1
    folder = root / 'Session1' / 'sentences' / 'wav' / 'Ses01F_impro01'
    shutil.copy(folder / 'Ses01F_impro01_F000.wav', folder / 'Ses01F_impro01_F002.wav')
    assert prepare(read_iemocap(root), tmp_path / 'out', options)['skipped'] == 0
    row = rows_of(tmp_path / 'out')['Ses01F_impro01_F002']
    assert (row.faces, row.num_faces, row.wav) == ('', '', 'wav/Ses01F_impro01_F002.wav')


def test_a_detector_of_the_user(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'my_faces.py').write_text('def find(frame):\n    return None\n\nnothing = 3\n')
    monkeypatch.syspath_prepend(tmp_path)
    part = Release(release.root, release.utterances[:8])
    manifest = prepare(part, tmp_path / 'out', MediaOptions(frames=2, size=16, detector='my_faces:find'))
    assert manifest['problem_counts']['no face at all'] == 5
    for name in ('my_faces:nothing', 'my_faces:absent', 'no_such_module:find', 'mtcnn', 'yunet:absent.onnx'):
        with pytest.raises(ValueError, match=f"detector '{name}'"):
            find_detector(name)


@pytest.mark.skipif(not hasattr(cv2, 'data'), reason='this OpenCV has no cascades')
def test_cascade_finds_nothing_on_a_wall() -> None:
    assert find_detector('haar')(np.full((120, 120, 3), 200, np.uint8)) is None


def test_cropper_keeps_the_last_box_and_counts() -> None:
    answers: list[Any] = [None, (10, 10, 20, 30), None, np.full((5, 5, 3), 9, np.uint8)]
    frame = np.zeros((64, 128, 3), np.uint8)
    frame[:, 64:] = 100
    frame[10:30, 64 + 5:64 + 25] = 200
    cropper = FaceCropper(lambda view: answers.pop(0), (.5, 0., 1., 1.), size=8, margin=1.)
    pictures = [cropper(frame) for _ in range(4)]
    assert cropper.missed == 2
    assert pictures[0].min() == 100, 'the middle of the right half'
    assert (pictures[1].min(), pictures[2].min()) == (200, 200), 'a square of 20 around the box'
    assert pictures[3].max() == 9


def test_detectors_see_a_small_copy_and_boxes_are_scaled_back() -> None:
    seen: list[tuple[int, ...]] = []

    def detect(view: np.ndarray) -> tuple[float, ...]:
        seen.append(view.shape)
        return 0., 0., 32., 32.

    frame = np.zeros((960, 1280, 3), np.uint8)
    frame[:64, :64] = 255
    assert FaceCropper(detect, (0., 0., 1., 1.), 16, margin=1.)(frame).min() == 255
    assert seen == [(480, 640, 3)]
    assert center(np.zeros((240, 360, 3))) == (60, 0, 300, 240)
    with pytest.raises(ValueError, match='4 numbers'):
        FaceCropper(lambda view: (1, 2, 3), (0., 0., 1., 1.), 16)(frame)


def test_frames_are_the_right_ones(tmp_path: Path) -> None:
    write_avi(tmp_path / 'a.avi', [np.full((48, 64, 3), 10 * number, np.uint8) for number in range(20)], 10.)
    found = {number: frame.mean() for number, frame in read_frames(VideoFile(str(tmp_path / 'a.avi')), [3, 17, 40])}
    assert found == {3: pytest.approx(30, abs=3), 17: pytest.approx(170, abs=3)}
    assert spread(10, 90, 4) == [10, 30, 50, 70]
    assert spread(0, 3, 8) == [0, 1, 2]
    assert spread(5, 5, 8) == [5]
    assert len(spread(0, 50, 0)) == 50
    assert spread(0, 101, 32)[::4] == spread(0, 101, 8), 'eight of the 32 are the eight of the paper'


def test_faces_need_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_fake_iemocap(tmp_path / 'in', sessions=1, turns=2, fps=4.)
    monkeypatch.setattr('mmda_ext.datasets.video_index.installed', lambda name: name != 'av')
    assert tool('prepare_iemocap').main([str(root), str(tmp_path / 'out'), '--split', 'speaker']) == 2
    assert 'pip install av' in capsys.readouterr().out
    assert not (tmp_path / 'out').exists(), 'it is said before the work begins'


def test_turns_take_the_frames_that_are_seen_then(tmp_path: Path) -> None:
    """24 frames per second from second 1 on; a constant rate gives the floor of time and rate."""
    times = 1 + np.arange(25) / 24
    assert frame_numbers(times, (0., 1., 1.04, 1.05, 1.5, 1.99)) == [0, 0, 0, 1, 12, 23]
    assert frame_numbers(times, (2., 2.04, 2.05, 3.)) == [24, 24, 25, 48], 'what lies behind the end is still counted'
    steady = np.arange(11) / 4
    moments = np.arange(0, 4, .03)
    assert frame_numbers(steady, moments) == np.floor(moments * 4).astype(int).tolist()


def test_turns_of_a_video_cut_without_encoding_are_upright(tmp_path: Path) -> None:
    cut = copy_packets(write_striped(tmp_path / 'a.mp4', range(60)), tmp_path / 'cut.mp4', 38 / 24)
    video = VideoFile(str(cut))
    assert {number: number_of(frame) for number, frame in read_frames(video, [3, 21, 40])} == {3: 41, 21: 59}


def test_truncated_sound_is_left_out_and_counted(release: Release, tmp_path: Path) -> None:
    turn = release.utterances[0]
    path = tmp_path / 'cut.wav'
    path.write_bytes(Path(turn.audio_path).read_bytes()[:-4000])
    outcome, = process_recording([replace(turn, audio_path=str(path))], tmp_path, MediaOptions(('speech', )))
    assert outcome.missing == [('truncated sound', f'{path}: 4000 bytes are missing')]


def test_sound_becomes_16_khz_mono() -> None:
    time = np.arange(44100) / 44100
    tone, high = np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 12000 * time)
    wave = to_mono_16k(np.stack([tone, tone + high], axis=1), 44100)
    assert wave.shape == (16000, )
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(wave - expected)[200:-200].max() < .01, 'what is above 8 kHz is gone'


def test_tool_of_msp_improv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_fake_msp_improv(tmp_path / 'in', sessions=2, turns=6, fps=4.)
    prepare_msp = tool('prepare_msp_improv')
    assert prepare_msp.main([str(root), str(tmp_path / 'out'), '--frames', '2', '--size', '24']) == 0
    text = capsys.readouterr().out
    assert '13 utterances kept, 2 skipped' in text
    for line in ('too short: 1', 'skipped: no transcript: 1', 'skipped: no video: 1', 'are not the documented ones'):
        assert line in text
    row = next(iter(rows_of(tmp_path / 'out').values()))
    info = soundfile.info(tmp_path / 'out' / row.wav)
    assert (info.samplerate, info.channels) == (16000, 1)
    assert prepare_msp.main([str(tmp_path / 'no'), str(tmp_path / 'out2')]) == 2
    assert 'neither Evalution.txt' in capsys.readouterr().out
    assert prepare_msp.main([str(root), str(tmp_path / 'out'), '--frames', '3']) == 2


def test_tool_of_iemocap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool('make_emotion_fixture').main(['iemocap', str(tmp_path / 'in'), '--sessions', '1', '--turns', '2']) == 0
    arguments = [str(tmp_path / 'in'), str(tmp_path / 'out'), '--frames', '1', '--size', '16', '--split', 'speaker']
    assert tool('prepare_iemocap').main(arguments) == 0
    assert '8 utterances kept, 0 skipped' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool('make_emotion_fixture').main(['iemocap', str(tmp_path / 'in')])


def test_fixtures_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ('a', 'b'):
        make_fake_iemocap(tmp_path / name / 'i', sessions=1, turns=1, fps=2.)
        make_fake_msp_improv(tmp_path / name / 'm', sessions=1, turns=1, fps=2.)
    first = contents(tmp_path / 'a')
    assert first == contents(tmp_path / 'b')
    assert {Path(name).suffix for name in first} == {'.avi', '.txt', '.wav', '.wdseg'}


@pytest.mark.slow
def test_workers_have_no_influence(release: Release, made: Path, tmp_path: Path) -> None:
    prepare(release, tmp_path / 'out', SMALL, workers=2)
    assert contents(tmp_path / 'out') == contents(made)
