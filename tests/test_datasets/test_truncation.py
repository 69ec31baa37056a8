"""Headers that promise more than the file holds."""

import io
from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.transforms.audio import read_segment
from mmda_ext.datasets.truncation import file_missing_bytes, missing_bytes
from tests.test_datasets.media import ramp_wave


def missing(data: bytes) -> int:
    return missing_bytes(io.BytesIO(data), len(data))


@pytest.mark.parametrize('kind', ['WAV', 'RF64', 'AIFF', 'WAVEX', 'W64', 'AU'])
def test_sound_files(tmp_path: Path, kind: str) -> None:
    import soundfile
    path = tmp_path / 'a.wav'
    soundfile.write(path, ramp_wave(1.), 16000, format=kind, subtype='PCM_16')
    whole = path.read_bytes()
    assert file_missing_bytes(path) == 0
    path.write_bytes(whole[:-1000])
    assert file_missing_bytes(path) == 1000
    assert missing(whole + b'more') == 0
    assert missing(whole[:-64]) == 0, 'writers that count their header'
    assert missing(whole[:-66]) == 66


@pytest.mark.parametrize('size', [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_header_from_a_pipe_tells_nothing(size: int) -> None:
    length = size.to_bytes(4, 'little')
    form = (16).to_bytes(4, 'little') + bytes.fromhex('01000100803e0000007d000002001000')
    assert missing(b'RIFF' + length + b'WAVEfmt ' + form + b'data' + length + bytes(1000)) == 0


def test_compressed_sound_is_found_cut_by_its_decoder(tmp_path: Path) -> None:
    import soundfile
    for kind in ('FLAC', 'OGG', 'MP3'):
        soundfile.write(tmp_path / kind, np.sin(np.arange(32000) / 20) / 2, 16000, format=kind)
        read_segment(str(tmp_path / kind), None, None)
        data = (tmp_path / kind).read_bytes()
        (tmp_path / kind).write_bytes(data[:len(data) // 3])
        with pytest.raises(MediaError, match=kind):
            read_segment(str(tmp_path / kind), None, None)


def test_odd_chunks_are_padded_and_unknown_ones_passed() -> None:
    head = b'RIFF' + bytes(4) + b'WAVE' + b'LIST' + (5).to_bytes(4, 'little') + b'INFOx\0'
    assert missing(head + b'data' + (500).to_bytes(4, 'little') + bytes(200)) == 300
    long = b'riff' + bytes(36) + b'junk' + bytes(12) + (27).to_bytes(8, 'little') + bytes(8)
    assert missing(long + b'data' + bytes(12) + (524).to_bytes(8, 'little') + bytes(200)) == 300, 'Wave64'


def test_boxes_and_segments() -> None:
    start = (16).to_bytes(4, 'big') + b'ftypisom' + bytes(4)
    box = (508).to_bytes(4, 'big') + b'mdat'
    assert missing(start + box + bytes(500)) == 0
    assert missing(start + box + bytes(200)) == 300
    long = (1).to_bytes(4, 'big') + b'mdat' + (516).to_bytes(8, 'big')
    assert missing(start + long + bytes(100)) == 400
    assert missing(start + bytes(4) + b'mdat' + bytes(100)) == 0, 'to the end of the file'
    assert missing(start + (508).to_bytes(4, 'big') + b'free' + bytes(9)) == 0, 'nothing that is played'
    header = bytes.fromhex('1A45DFA3 82 0000 18538067')
    assert missing(header + bytes.fromhex('41F4') + bytes(500)) == 0
    assert missing(header + bytes.fromhex('41F4') + bytes(150)) == 350
    assert missing(header + bytes.fromhex('01FFFFFFFFFFFFFF') + bytes(9)) == 0, 'written live'
    assert missing(header + bytes.fromhex('FF') + bytes(9)) == 0
    assert missing(b'') == missing(b'OggS' + bytes(90)) == missing(np.random.default_rng(0).bytes(200)) == 0
