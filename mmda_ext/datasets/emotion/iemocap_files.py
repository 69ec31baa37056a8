"""The three kinds of text files of IEMOCAP, read line by line."""

import re
from dataclasses import dataclass
from pathlib import Path

from mmda_ext.datasets.emotion.records import Problem, read_lines

#: Turn: session, letter of the actor with the markers, scene, speaker, number.
NAME = re.compile(r'Ses0(?P<session>[1-5])(?P<marked>[FM])_(?P<scene>impro\d\d[ab]?|script\d\d_\d[ab]?)'
                  r'_(?P<speaker>[FM])(?P<number>\d{3})')
_EVALUATION = re.compile(r'\[(?P<start>\d+(?:\.\d+)?)\s*-\s*(?P<end>\d+(?:\.\d+)?)\]\t(?P<turn>\S+)\t(?P<label>\w+)\t'
                         r'\[(?P<v>[\d.]+),\s*(?P<a>[\d.]+),\s*(?P<d>[\d.]+)\]\s*')
_TRANSCRIPT = re.compile(r'(?P<turn>Ses\S+)\s+\[\s*[\d.]+\s*-\s*[\d.]+\s*\]:\s*(?P<text>.*)')
#: First letters of the lines that need not be understood: header, votes on classes and on attributes.
_PASSED_OVER = ('%', 'C-', 'A-')
_TAG = re.compile(r'\[[^\]]*\]')
#: Frames of the aligner per second.
ALIGNMENT_RATE = 100


@dataclass(frozen=True)
class Turn:
    """A line of an evaluation file: seconds, class, and valence, activation, dominance."""

    name: str
    label: str
    start: float
    end: float
    attributes: tuple[float, float, float]


@dataclass(frozen=True)
class Word:
    """A word and when it is spoken, in seconds from the start of the turn."""

    text: str
    start: float
    end: float


def read_evaluation(path: Path) -> tuple[list[Turn], list[Problem]]:
    """Read ``EmoEvaluation/<dialogue>.txt``.

    Args:
        path (Path): The file.

    Returns:
        tuple[list[Turn], list[Problem]]: Turns in the order of the file, and the lines that are of no known form.
    """
    turns, problems = [], []
    for number, line in read_lines(path):
        if not line.strip() or line.startswith(_PASSED_OVER):
            continue
        match = _EVALUATION.fullmatch(line)
        if match is None or NAME.fullmatch(match['turn']) is None:
            problems.append(Problem('unreadable line', f'{path}, line {number}', line))
            continue
        attributes = (float(match['v']), float(match['a']), float(match['d']))
        turns.append(Turn(match['turn'], match['label'], float(match['start']), float(match['end']), attributes))
    return turns, problems


def read_transcript(path: Path, strip_tags: bool = True) -> tuple[dict[str, str], list[Problem]]:
    """Read ``transcriptions/<dialogue>.txt``.

    Lines without the name of a turn, and turns without a label (``..._FXX0``), are passed over.

    Args:
        path (Path): The file.
        strip_tags (bool): Drop tags such as ``[LAUGHTER]``.

    Returns:
        tuple[dict[str, str], list[Problem]]: Text by turn, and the lines that are of no known form.
    """
    texts, problems = {}, []
    for number, line in read_lines(path):
        if not line.startswith('Ses'):
            continue
        match = _TRANSCRIPT.fullmatch(line)
        if match is None:
            problems.append(Problem('unreadable line', f'{path}, line {number}', line))
        elif NAME.fullmatch(match['turn']):
            text = _TAG.sub(' ', match['text']) if strip_tags else match['text']
            texts[match['turn']] = ' '.join(text.split())
    return texts, problems


def read_alignment(path: Path) -> tuple[list[Word], list[Problem]]:
    """Read ``ForcedAlignment/<dialogue>/<turn>.wdseg``.

    Silence (``<sil>``) and noises (``++LAUGHTER++``) are left out, and ``ME(2)`` is the word ``me``.

    Args:
        path (Path): The file.

    Returns:
        tuple[list[Word], list[Problem]]: Words in order, and the lines that are of no known form.
    """
    words, problems = [], []
    for number, line in read_lines(path)[1:]:
        fields = line.split()
        if not fields or fields[0] == 'Total':
            continue
        if len(fields) != 4 or not (fields[0].isdigit() and fields[1].isdigit()):
            problems.append(Problem('unreadable line', f'{path}, line {number}', line))
        elif not fields[3].startswith(('<', '++')):
            first, last = int(fields[0]) / ALIGNMENT_RATE, int(fields[1]) / ALIGNMENT_RATE
            words.append(Word(fields[3].partition('(')[0].lower(), first, last))
    return words, problems
