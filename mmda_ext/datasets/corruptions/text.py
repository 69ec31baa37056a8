"""Words between blanks, before they become tokens. At least one word always stays as it is."""

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts, Kind

Rng = np.random.Generator
TEXT = Kind('text', lambda text, _: text.split(), lambda words, text, _: ' '.join(words) if text.strip() else text)
RATES = (.05, .1, .2, .3, .4)
KEYBOARD = ('qwertyuiop', 'asdfghjkl', 'zxcvbnm')
#: Letter -> the letters to its left and right.
NEIGHBOURS = {letter: row[max(place - 1, 0):place] + row[place + 1:place + 2]
              for row in KEYBOARD for place, letter in enumerate(row)}


@TEXT.family(*RATES)
def deletion(words: list[str], rate: float, rng: Rng, _: Facts) -> list[str]:
    """Each word is lost with that probability."""
    return [word for word, hit in zip(words, _hits(len(words), rate, rng)) if not hit]


@TEXT.family(*RATES)
def unknown(words: list[str], rate: float, rng: Rng, facts: Facts) -> list[str]:
    """Each word becomes the tokenizer's unknown word with that probability."""
    return [facts.unknown if hit else word for word, hit in zip(words, _hits(len(words), rate, rng))]


@TEXT.family(.02, .05, .1, .15, .2)
def typo(words: list[str], rate: float, rng: Rng, _: Facts) -> list[str]:
    """Each character is, with that probability, swapped with the next, dropped, repeated or a key beside it.

    What has no next character or no key beside it is repeated; of a word, one character is left.
    """
    return [_mistyped(word, rate, rng) for word in words]


@TEXT.family(1, 2, 3, 5, 8)
def order(words: list[str], swaps: int, rng: Rng, _: Facts) -> list[str]:
    """So many times, two neighbours change places."""
    for place in rng.integers(max(len(words) - 1, 1), size=swaps if len(words) > 1 else 0).tolist():
        words[place:place + 2] = words[place + 1], words[place]
    return words


def _hits(count: int, rate: float, rng: Rng) -> np.ndarray:
    """Which of ``count`` words, ``(count, )``, never all."""
    drawn = rng.random(count)
    return (drawn < rate) & (np.arange(count) != np.argmax(drawn)) if count else drawn < rate


def _mistyped(word: str, rate: float, rng: Rng) -> str:
    letters = list(word)
    for place in np.flatnonzero(rng.random(len(word)) < rate).tolist():
        beside = NEIGHBOURS.get(word[place].lower(), '')
        slip = ('swap', 'drop', 'repeat', 'key')[rng.integers(4)]
        if slip == 'swap' and place + 1 < len(word):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        elif slip == 'drop' and sum(map(bool, letters)) > 1:
            letters[place] = ''
        elif slip == 'key' and beside:
            key = beside[rng.integers(len(beside))]
            letters[place] = key.upper() if word[place].isupper() else key
        else:
            letters[place] *= 2
    return ''.join(letters)
