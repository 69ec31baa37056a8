"""Reading faces and turning words into numbers."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.transforms import LoadFaces, PerModality, TokenizeText

PIECES = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'mask', 'hello', 'world', '##s')


def faces(folder: Path, count: int) -> list[str]:
    """Pictures of which picture n is ``10 n`` everywhere, and red is one more."""
    files = [str(folder / f'{number:04d}.png') for number in range(count)]
    for number, file in enumerate(files):
        picture = np.full((12, 12, 3), 10 * number, np.uint8)
        picture[..., 2] += 1
        cv2.imwrite(file, picture)
    return files


@pytest.mark.parametrize(('count', 'wanted', 'placement', 'chosen'), [
    (10, 4, 'floor', [0, 2, 5, 7]), (10, 4, 'centered', [1, 3, 6, 8]), (3, 4, 'floor', [0, 0, 1, 2]),
    (8, 8, 'floor', list(range(8))), (1, 2, 'centered', [0, 0])])
def test_frames_are_evenly_spread(tmp_path: Path, count: int, wanted: int, placement: str, chosen: list[int]) -> None:
    results = LoadFaces(wanted, (6, 8), placement, 'uint8')({'face_files': faces(tmp_path, count)})
    assert results['imgs'].shape == (wanted, 3, 6, 8)
    assert results['imgs'].dtype == np.uint8
    assert results['imgs'][:, 2, 3, 3].tolist() == [10 * number for number in chosen]
    assert (results['imgs'][:, 0] == results['imgs'][:, 2] + 1).all(), 'RGB'
    assert results['frame_inds'].tolist() == chosen


def test_floats_are_between_0_and_1(tmp_path: Path) -> None:
    images = LoadFaces(2, 12)({'face_files': faces(tmp_path, 2)})['imgs']
    assert images.dtype == np.float32
    assert images[1, 0, 0, 0] == pytest.approx(11 / 255)
    assert images.flags['C_CONTIGUOUS']


def test_bad_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match='a folder: the folder has no pictures'):
        LoadFaces()({'face_files': [], 'frame_dir': 'a folder'})
    (tmp_path / 'a.jpg').write_bytes(b'no picture')
    with pytest.raises(MediaError, match='a.jpg'):
        LoadFaces(1)({'face_files': [str(tmp_path / 'a.jpg')]})
    for options in ({'num_frames': 0}, {'placement': 'x'}, {'dtype': 'float16'}):
        with pytest.raises(ValueError, match='LoadFaces'):
            LoadFaces(**options)


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / 'vocab.txt'
    path.write_text('\n'.join(PIECES) + '\n')
    return path


def numbers(tokenizer: object, text: str, **options: int) -> list[int]:
    found = TokenizeText(str(tokenizer), **options)({'text': text})['feature']
    assert found.dtype == np.int64
    return found.tolist()


def test_a_file_and_a_folder_give_the_same(vocabulary: Path) -> None:
    expected = [2, 6, 7, 8, 1, 5, 3]
    assert numbers(vocabulary, 'Hello worlds nothing MASK') == expected
    assert numbers(vocabulary.parent, 'Hello worlds nothing MASK') == expected
    from transformers import BertTokenizer
    for name in ('saved', 'bare'):
        BertTokenizer(str(vocabulary)).save_pretrained(str(vocabulary.parent / name))
    assert numbers(vocabulary.parent / 'saved', 'Hello worlds nothing MASK') == expected
    assert (vocabulary.parent / 'bare' / 'tokenizer.json').exists()
    (vocabulary.parent / 'bare' / 'tokenizer_config.json').unlink()
    assert numbers(vocabulary.parent / 'bare', 'Hello worlds nothing MASK') == expected


def test_an_ordinary_word_and_the_special_token(vocabulary: Path) -> None:
    assert numbers(vocabulary, 'MASK') == [2, 5, 3]
    assert numbers(vocabulary, '[MASK]') == [2, 4, 3]
    assert numbers(vocabulary, '') == [2, 3]


def test_long_texts_are_cut(vocabulary: Path) -> None:
    assert numbers(vocabulary, 'hello ' * 100, max_length=5) == [2, 6, 6, 6, 3]
    with pytest.raises(ValueError, match='max_length=0'):
        TokenizeText('x', max_length=0)


def test_a_worker_gets_it_and_reads_the_files_itself(vocabulary: Path) -> None:
    transform = TokenizeText(str(vocabulary))
    assert transform.unknown_token is None
    transform({'text': 'hello'})
    assert transform.unknown_token == '[UNK]'
    copied = pickle.loads(pickle.dumps(transform))
    assert copied._encoder is None
    assert copied({'text': 'hello'})['feature'].tolist() == [2, 6, 3]


def test_missing_files_are_named_and_no_network_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    asked: list[object] = []

    def refuse(*args: object, **kwargs: object) -> None:
        asked.append(args)
        raise OSError('no network here')

    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    monkeypatch.setattr(socket.socket, 'connect', refuse)
    for name in ('no-such-org/no-such-model', 'checkpoints/bert/of/nobody'):
        with pytest.raises(ValueError, match=f"tokenizer='{name}' is neither a folder.*tokenizer.json or vocab.txt"):
            TokenizeText(name)({'text': 'a'})
    assert not asked
    (tmp_path / 'config.json').write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match=f"{tmp_path} lacks the vocabulary, one of .*'vocab.txt'"):
        TokenizeText(str(tmp_path))({'text': 'a'})
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'spiece.model').write_bytes(b'')
    with pytest.raises(ValueError, match="lacks one of .'tokenizer_config.json'"):
        TokenizeText(str(tmp_path / 'other'))({'text': 'a'})
    (tmp_path / 'words.txt').write_text('hello\n')
    with pytest.raises(ValueError, match=r"words.txt lacks \['\[PAD\]'"):
        TokenizeText(str(tmp_path / 'words.txt'))({'text': 'a'})


def test_a_missing_tokenizer_is_no_bad_sample() -> None:
    """A MediaError would draw another sample, a hundred times."""
    step = PerModality(text=[TokenizeText('no/where')])
    with pytest.raises(ValueError, match='neither a folder'):
        step({'modalities': {'text': {'text': 'a'}}, 'sample_id': 'x'})
