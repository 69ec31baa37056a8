"""Small media and split files for the tests of the data sets."""

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CLASSES = ('take', 'put', 'open', 'close', 'wash', 'cut', 'mix', 'pour')


def make_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames whose mean brightness tells their number: about ``5 + 2 * number``; brighter to the left."""
    ramp = np.linspace(20, 0, width, dtype=np.float32)
    levels = np.arange(count, dtype=np.float32)[:, None] * 2 + 5
    rows = np.clip(levels + ramp, 0, 255).astype(np.uint8)
    return np.repeat(np.repeat(rows[:, None, :, None], height, axis=1), 3, axis=3)


def write_video(path: Path, frames: np.ndarray, fps: int = 24, gop: int = 12) -> Path:
    import av
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=Fraction(fps), options={'crf': '10', 'g': str(gop)})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], 'yuv420p'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())
    return path


def write_wave(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    import soundfile
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype='PCM_16')
    return path


def damage_frame(path: Path, number: int) -> None:
    """Make the stored frame of that number one that no decoder understands."""
    import av
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
        place, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[place:place + size] = b'\xff' * size
    path.write_bytes(data)


def write_images(folder: Path, frames: np.ndarray, first: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=first):
        cv2.imwrite(str(folder / f'frame_{number:010d}.jpg'), frame)


def ramp_wave(seconds: float, rate: int = 16000) -> np.ndarray:
    """A waveform whose value tells the time: t / 20."""
    return (np.arange(round(seconds * rate)) / rate / 20).astype(np.float32)


def epic_columns(**changes: Any) -> dict[str, list[Any]]:
    """Two rows of the published D1_train table."""
    columns = {
        'uid': [12915, 12917], 'participant_id': ['P08', 'P08'], 'video_id': ['P08_01', 'P08_01'],
        'narration': ['open fridge', 'close fridge'], 'start_timestamp': ['00:00:04.09', '00:00:07.29'],
        'stop_timestamp': ['00:00:05.84', '00:00:08.95'], 'start_frame': [245, 437], 'stop_frame': [350, 537],
        'verb': ['open', 'close'], 'verb_class': [2, 3]
    }
    return columns | changes


def write_old_pickle(path: Path, columns: dict[str, list[Any]]) -> Path:
    """Write a table opcode by opcode as an old pandas did: one block of objects. Independent of the package."""
    names, rows = list(columns), len(next(iter(columns.values())))
    axis = _index(names)
    values = _object_array([value for column in columns.values() for value in column], (len(names), rows))
    steps = _plain({'name': None, 'start': 0, 'stop': rows, 'step': 1})
    row_axis = b'cpandas.core.indexes.base\n_new_Index\n(cpandas.core.indexes.range\nRangeIndex\n' + steps + b'tR'
    axes = b'(' + axis + row_axis + b'l'
    block = b'(' + _plain('values') + values + _plain('mgr_locs') + _integers(range(len(names))) + b'd'
    extra = b'(' + _plain('axes') + axes + _plain('blocks') + b'(' + block + b'ld'
    state = b'(' + axes + b'(' + values + b'l(' + axis + b'l(' + _plain('0.14.1') + extra + b'dt'
    manager = b'cpandas.core.internals.managers\nBlockManager\n)\x81' + state + b'b'
    frame = b'cpandas.core.frame\nDataFrame\n)\x81(' + _plain('_data') + manager + b'db.'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'\x80\x03' + frame)
    return path


def _plain(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def _index(labels: list[str]) -> bytes:
    parts = b'(' + _plain('data') + _object_array(labels, (len(labels), )) + _plain('name') + _plain(None) + b'd'
    return b'cpandas.core.indexes.base\n_new_Index\n(cpandas.core.indexes.base\nIndex\n' + parts + b'tR'


def _object_array(values: list[Any], shape: tuple[int, ...]) -> bytes:
    return _array('O8', (3, '|', None, None, None, -1, -1, 63), shape, _plain(values))


def _integers(values: range) -> bytes:
    data = np.array(values, dtype='<i8').tobytes()
    return _array('i8', (3, '<', None, None, None, -1, -1, 0), (len(values), ), b'C' + bytes([len(data)]) + data)


def _array(name: str, state: tuple[Any, ...], shape: tuple[int, ...], data: bytes) -> bytes:
    empty = b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n' + _plain((0, )) + b'C\x01btR'
    dtype = b'cnumpy\ndtype\n(' + _plain(name) + _plain(0) + _plain(1) + b'tR' + _plain(state) + b'b'
    return empty + b'(' + _plain(1) + _plain(shape) + dtype + _plain(False) + data + b'tb'


def make_epic(root: Path, layout: str = 'frames', with_flow: bool = False) -> Path:
    """One segment in each domain and split: frames 10 to 100 of one video, from 1.0 s to 2.5 s."""
    for domain, video in {'D1': 'P08_01', 'D2': 'P01_01', 'D3': 'P22_01'}.items():
        for split in ('train', 'test'):
            columns = {
                'uid': [7], 'participant_id': [video[:3]], 'video_id': [video], 'narration': ['open fridge'],
                'start_timestamp': ['00:00:01.00'], 'stop_timestamp': ['00:00:02.50'], 'start_frame': [10],
                'stop_frame': [100], 'verb': ['open'], 'verb_class': [2]
            }
            write_old_pickle(root / 'splits' / f'{domain}_{split}.pkl', columns)
            _epic_media(root, layout, f'{split}/{domain}', domain, video, with_flow)
    return root


def _epic_media(root: Path, layout: str, place: str, domain: str, video: str, with_flow: bool) -> None:
    frames, flow = make_frames(90), make_frames(45)
    if layout == 'frames':
        write_images(root / 'rgb' / place / video, frames, 10)
        write_wave(root / 'rgb' / place / f'{video}.wav', ramp_wave(4.))
        for component in 'uv' * with_flow:
            write_images(root / 'flow' / place / video / component, flow, 5)
        return
    write_video(root / 'video' / place / f'{domain}_{video}_10_100_2.mp4', frames, 60)
    write_wave(root / 'audio' / place / f'{video}.wav', ramp_wave(4.))
    for component in 'uv' * with_flow:
        write_video(root / 'flow' / place / f'{domain}_{video}_5_50_2_{component}.mp4', flow, 30)


def make_hac(root: Path, names: tuple[str, ...] = ('a', 'b'), with_flow: bool = False, count: int = 80) -> Path:
    """Videos of every domain; the train list has all but the last name, the test list the last."""
    source = root / 'one.mp4'
    write_video(source, make_frames(count))
    for domain in ('human', 'animal', 'cartoon'):
        for split, chosen in {'train': names[:-1], 'test': names[-1:]}.items():
            lines = ''.join(f'{domain[0]}{name}.mp4,{number % 7}\r\n' for number, name in enumerate(chosen))
            target = root / 'splits' / f'HAC_{split}_only_{domain}.csv'
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lines.encode())
        for name in names:
            stem = f'{domain[0]}{name}'
            suffixes = [f'videos/{stem}.mp4', *[f'flow/{stem}_flow_{c}.mp4' for c in 'xy' * with_flow]]
            for suffix in suffixes:
                target = root / domain / suffix
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
            write_wave(root / domain / 'audio' / f'{stem}.wav', ramp_wave(count / 24))
    return root
