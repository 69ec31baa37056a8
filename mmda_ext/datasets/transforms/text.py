"""From words to numbers."""

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.text_files import read_text
from mmda_ext.local_models import cached_folder
from mmda_ext.registry import TRANSFORMS

#: Any one of these holds the words.
VOCABULARIES = ('tokenizer.json', 'vocab.txt', 'vocab.json', 'spiece.model', 'sentencepiece.bpe.model',
                'tokenizer.model')
#: Any one of these says which tokenizer it is.
CONFIGURATIONS = ('tokenizer_config.json', 'config.json')


@TRANSFORMS.register_module()
class TokenizeText(BaseTransform):
    """Turn ``text`` into ``feature``, the numbers of its word pieces, int64, shape ``(L, )``, ``L <= max_length``.

    The tokenizer adds its special tokens. Nothing is padded: padding is up to the batch. Nothing is ever downloaded.

    Args:
        tokenizer (str): A folder with the files of a tokenizer; a vocabulary file, one piece on each line, for BERT's
            tokenizer; or the name of a model that was downloaded before.
        max_length (int): Pieces at most, special tokens counted; the rest is cut off.
        lowercase (bool): Only for a bare vocabulary, which does not tell.

    Raises:
        ValueError: If a file of the tokenizer is missing; the message names it. Raised with the first sample.
    """

    def __init__(self, tokenizer: str, max_length: int = 64, lowercase: bool = True) -> None:
        if max_length < 1:
            raise ValueError(f'TokenizeText: max_length={max_length} must be at least 1')
        self.tokenizer, self.max_length, self.lowercase = str(tokenizer), max_length, lowercase
        self._encoder: Any = None

    def transform(self, results: dict) -> dict:
        if self._encoder is None:
            # Not before a worker needs it: importing transformers takes seconds, and configs must build without files.
            self._encoder = load_tokenizer(self.tokenizer, self.lowercase)
        encoded = self._encoder(results['text'], truncation=True, max_length=self.max_length)
        results['feature'] = np.asarray(encoded['input_ids'], dtype=np.int64)
        return results

    @property
    def unknown_token(self) -> str | None:
        """How the tokenizer writes a word that it does not know; None before the first sample, or if it knows all."""
        return getattr(self._encoder, 'unk_token', None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_encoder': None}

    def __repr__(self) -> str:
        return f'TokenizeText(tokenizer={self.tokenizer!r}, max_length={self.max_length})'


@TRANSFORMS.register_module()
class HashWords(BaseTransform):
    """Turn ``text`` into ``feature``, a number for each word, int64, shape ``(L, )``, ``1 <= L <= max_length``.

    For encoders that are trained from scratch: it needs no vocabulary. A word in small letters, or a single sign, is
    ``2 + crc32(word) mod num_words``, so that few words share a number; 0 is padding, 1 stands for a text of no words.

    Args:
        num_words (int): Numbers that words are spread over; the encoder's vocabulary has two more.
        max_length (int): Words at most; the rest is cut off.
    """

    def __init__(self, num_words: int = 4096, max_length: int = 64) -> None:
        if min(num_words, max_length) < 1:
            raise ValueError(f'HashWords: num_words={num_words} and max_length={max_length} must be at least 1')
        self.num_words, self.max_length = num_words, max_length

    def transform(self, results: dict) -> dict:
        words = re.findall(r'\w+|[^\w\s]', results['text'].lower())[:self.max_length]
        numbers = [2 + zlib.crc32(word.encode()) % self.num_words for word in words]
        results['feature'] = np.array(numbers or [1], dtype=np.int64)
        return results

    def __repr__(self) -> str:
        return f'HashWords(num_words={self.num_words}, max_length={self.max_length})'


def load_tokenizer(name: str, lowercase: bool = True) -> Any:
    """Tokenizer from files on this machine.

    Args:
        name (str): See :class:`TokenizeText`.
        lowercase (bool): See :class:`TokenizeText`.

    Raises:
        ValueError: If a file is missing or cannot be used. Not an OSError, which a pipeline takes for a bad sample.
    """
    path = Path(name)
    try:
        if path.is_file():
            return _bert(path, lowercase)
        return _from_folder(path if path.is_dir() else _cached(name), lowercase)
    except (OSError, ImportError, KeyError) as error:
        raise ValueError(f'TokenizeText: the files of tokenizer={name!r} cannot be used: {error}') from error


def _cached(name: str) -> Path:
    """Folder of a model that was downloaded before."""
    from huggingface_hub import constants
    folder = cached_folder(name)
    if folder is None:
        raise ValueError(
            f'TokenizeText: tokenizer={name!r} is neither a folder or file here (looked in {Path.cwd()}) nor in '
            f'{constants.HF_HUB_CACHE}: put {VOCABULARIES[0]} or {VOCABULARIES[1]}, and {CONFIGURATIONS[0]}, into a '
            'folder and name it')
    return folder


def _from_folder(folder: Path, lowercase: bool) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    present = {path.name for path in folder.iterdir()}
    if not present & set(VOCABULARIES):
        raise ValueError(f'TokenizeText: {folder} lacks the vocabulary, one of {VOCABULARIES}: copy it there from the '
                         'page of the model')
    if present & set(CONFIGURATIONS):
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if 'tokenizer.json' in present:
        return PreTrainedTokenizerFast(tokenizer_file=str(folder / 'tokenizer.json'))
    if 'vocab.txt' in present:
        return _bert(folder / 'vocab.txt', lowercase)
    raise ValueError(f'TokenizeText: {folder} lacks one of {CONFIGURATIONS}, which say which tokenizer it is: copy it '
                     'there from the page of the model')


def _bert(vocabulary: Path, lowercase: bool) -> Any:
    from transformers import BertTokenizer
    lines = read_text(vocabulary).splitlines()
    missing = [piece for piece in ('[PAD]', '[UNK]', '[CLS]', '[SEP]') if piece not in lines]
    if missing:
        raise ValueError(f'TokenizeText: {vocabulary} lacks {missing}: it must be a vocabulary of BERT')
    # By position: transformers 5 renamed the argument, and passes over the old name in silence.
    return BertTokenizer(str(vocabulary), do_lower_case=lowercase)
