"""The demo data: real layouts, same seed same bytes, resumable, a shortcut that misleads on every unseen domain."""

import csv
import hashlib
import json
import pickletools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from mmda_ext.datasets.synthetic import DemoSpec, make_demo_data
from mmda_ext.datasets.synthetic.build import MARKER
from mmda_ext.datasets.synthetic.epic import SPLIT_FOLDER
from mmda_ext.datasets.synthetic.frame_pickle import COLUMNS, dumps_split
from mmda_ext.datasets.synthetic.sound import WHISTLE_HZ, WHISTLE_STEP_HZ, render_sound
from mmda_ext.folder_lock import lock_folder

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'data' / 'make_demo_data.py'
SMALL = {'classes': 3, 'train_per_class': 1, 'test_per_class': 1}


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob('*') if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope='module')
def hac(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('demo') / 'hac'
    make_demo_data(root, DemoSpec.for_layout('hac', flow=True, **SMALL))
    return root


@pytest.fixture(scope='module')
def epic(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('demo') / 'epic'
    make_demo_data(root, DemoSpec.for_layout('epic', flow=True, **SMALL))
    return root


def frame_count(path: Path) -> int:
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def test_hac_layout(hac):
    for domain in ('human', 'animal', 'cartoon'):
        listed = []
        for split in ('train', 'test'):
            raw = (hac / 'splits' / f'HAC_{split}_only_{domain}.csv').read_bytes()
            assert raw.count(b'\r\n') == raw.count(b'\n') == 3
            listed += [name for name, _ in csv.reader(raw.decode().splitlines())]
        assert sorted(listed) == sorted(path.name for path in (hac / domain / 'videos').iterdir())
        stem = Path(listed[0]).stem
        assert frame_count(hac / domain / 'videos' / listed[0]) == 42
        assert frame_count(hac / domain / 'flow' / f'{stem}_flow_x.mp4') == 41
        sound = soundfile.info(hac / domain / 'audio' / f'{stem}.wav')
        assert (sound.samplerate, sound.channels, sound.subtype) == (16000, 1, 'PCM_16')
        assert sound.duration == pytest.approx(42 / 24)


def test_epic_layout(epic):
    pytest.importorskip('mmda_ext.datasets.split_pickle')
    from mmda_ext.datasets.split_pickle import read_split_pickle

    for domain, participant in (('D1', 'P08'), ('D2', 'P01'), ('D3', 'P22')):
        for split in ('train', 'test'):
            table = read_split_pickle(epic / SPLIT_FOLDER / f'{domain}_{split}.pkl')
            assert list(table) == list(COLUMNS)
            assert sorted(table['verb_class']) == [0, 1, 2]
            assert set(table['participant_id']) == {participant}
            for video, stamp, start, stop in zip(
                table['video_id'], table['start_timestamp'], table['start_frame'], table['stop_frame']
            ):
                frames = epic / 'rgb' / split / domain / video
                assert int(float(stamp[-5:]) * 60 + 1e-6) == start
                assert all((frames / f'frame_{i:010d}.jpg').exists() for i in range(start, stop + 1))
                assert (epic / 'flow' / split / domain / video / 'u' / f'frame_{stop // 2:010d}.jpg').exists()
                seconds = soundfile.info(frames.with_name(f'{video}.wav')).duration
                assert seconds == pytest.approx(len(list(frames.iterdir())) / 60)


def global_names(data: bytes) -> list[tuple[str, ...]]:
    """Names behind every STACK_GLOBAL, in order; follows the memo."""
    memo: list[str | None] = []
    seen: list[str | None] = []
    found, current = [], None
    for op, arg, _ in pickletools.genops(data):
        if op.name == 'MEMOIZE':
            memo.append(current)
        elif op.name == 'STACK_GLOBAL':
            found.append((seen[-2], seen[-1]))
            current = None
        elif op.name in ('SHORT_BINUNICODE', 'BINGET', 'LONG_BINGET'):
            current = arg if op.name == 'SHORT_BINUNICODE' else memo[arg]
            seen.append(current)
        else:
            current = None
    return found


def test_split_pickle_names_the_globals_of_the_published_files(real_data, epic):
    ours = global_names((epic / SPLIT_FOLDER / 'D1_test.pkl').read_bytes())
    assert ours == global_names((real_data / 'epic_kitchens_splits' / 'D1_test.pkl').read_bytes())


def test_split_pickle_refuses_a_row_without_a_column():
    with pytest.raises(ValueError, match='verb_class'):
        dumps_split([dict.fromkeys(COLUMNS[:-1], 0)])


def test_same_seed_same_bytes_whatever_the_workers(hac, epic, tmp_path):
    for layout, first in (('hac', hac), ('epic', epic)):
        again = tmp_path / layout
        make_demo_data(again, DemoSpec.for_layout(layout, flow=True, **SMALL), workers=1)
        assert digests(again) == digests(first)


def test_other_seed_other_bytes(hac, tmp_path):
    make_demo_data(tmp_path / 'x', DemoSpec.for_layout('hac', flow=True, seed=1, **SMALL))
    ours, theirs = digests(tmp_path / 'x'), digests(hac)
    assert ours.keys() == theirs.keys()
    assert all(ours[name] != theirs[name] for name in ours if name.endswith(('.mp4', '.wav')))


def test_incomplete_folder_is_completed_and_complete_one_is_kept(tmp_path):
    spec, root = DemoSpec.for_layout('hac', **SMALL), tmp_path / 'hac'

    class Stop(Exception):
        pass

    def stop_after_four(done: int, total: int) -> None:
        if done == 4:
            raise Stop

    with pytest.raises(Stop):
        make_demo_data(root, spec, workers=1, progress=stop_after_four)
    assert not json.loads((root / MARKER).read_text())['complete']
    kept = {path: path.stat().st_mtime_ns for path in root.rglob('*.mp4')}
    assert 4 <= len(kept) < 18
    assert not list(root.rglob('.*.mp4'))
    assert make_demo_data(root, spec)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert len(list(root.rglob('*.mp4'))) == 18
    assert not make_demo_data(root, spec)
    before = digests(root)
    for path in sorted(root.rglob('*.mp4'))[:16]:
        path.unlink()
    assert make_demo_data(root, spec), 'what has gone is made again'
    assert digests(root) == before


def test_files_that_are_gone_and_cannot_be_made_again_are_told(tmp_path):
    spec, root = DemoSpec.for_layout('epic', **SMALL), tmp_path / 'epic'
    make_demo_data(root, spec)
    for path in sorted(root.rglob('*.jpg'))[:3]:
        path.unlink()
    for _ in range(2):
        with pytest.raises(FileExistsError, match=r'lacks 3 of \d+ files, .*: remove the folder and make it anew'):
            make_demo_data(root, spec)


def test_folder_of_other_knobs_or_with_other_files_is_refused(hac, tmp_path):
    with pytest.raises(FileExistsError, match='seed=0 there, 5 asked for.*another folder'):
        make_demo_data(hac, DemoSpec.for_layout('hac', flow=True, seed=5, **SMALL))
    (tmp_path / 'precious.txt').write_text('x')
    with pytest.raises(FileExistsError, match='empty or a new folder'):
        make_demo_data(tmp_path, DemoSpec())


def test_a_folder_has_one_maker_and_a_complete_one_needs_none(hac, tmp_path):
    spec = DemoSpec.for_layout('hac', flow=True, **SMALL)
    with lock_folder(hac), lock_folder(tmp_path):
        assert not make_demo_data(hac, spec)
        with pytest.raises(FileExistsError, match='is in use by process'):
            make_demo_data(tmp_path, spec)
        assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ('key', 'value'), [('layout', 'x'), ('classes', 8), ('frames', 8), ('shortcut', 1.5), ('width', 33)]
)
def test_bad_knob_is_named(key, value):
    with pytest.raises(ValueError, match=f'{key}={value!r}'):
        DemoSpec(**{key: value})


def whistle_slot(samples: np.ndarray, classes: int) -> int:
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    slots = WHISTLE_HZ + WHISTLE_STEP_HZ * np.arange(classes)
    return int(np.argmax([power[np.abs(hertz - slot) < 0.012 * slot].max() for slot in slots]))


def test_shortcut_rule_never_points_to_the_true_class_on_another_domain():
    spec = replace(DemoSpec(), shortcut=1.0)
    for target in range(3):
        for label in range(spec.classes):
            sound = render_sound(spec, target, label, 1.75, spec.rng(target, label))
            slot = whistle_slot(sound, spec.classes)
            assert slot == (label + target) % spec.classes
            pointed_at = {(slot - source) % spec.classes for source in range(3) if source != target}
            assert label not in pointed_at


def test_shortcut_zero_is_independent_of_the_class():
    spec = replace(DemoSpec(), shortcut=0.0)
    slots = {spec.shortcut_slot(2, 0, False, spec.rng(i)) for i in range(60)}
    assert slots == set(range(spec.classes))


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    import make_demo_data as tool

    small = [
        '--root',
        str(tmp_path),
        '--layouts',
        'hac',
        '--classes',
        '3',
        '--train-per-class',
        '1',
        '--test-per-class',
        '1',
    ]
    assert tool.main(small) == 0
    assert 'made in' in capsys.readouterr().out
    assert tool.main([*small, '--seed', '3']) == 2
    assert 'seed=0 there, 3 asked for' in capsys.readouterr().out
