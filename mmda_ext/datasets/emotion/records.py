"""What the readers of a release return: utterances, and everything that was not as it should be."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmda_ext.datasets.text_files import read_text

#: The classes of both corpora, in the order of their labels.
CLASSES = ('neutral', 'happy', 'sad', 'angry')
#: Left, top, right and bottom as fractions of the picture.
Region = tuple[float, float, float, float]


@dataclass(frozen=True)
class Utterance:
    """One turn of a speaker.

    Args:
        id (str): Name in the release, unique.
        corpus (str): ``'iemocap'`` or ``'msp-improv'``.
        session (str): Recording session; sessions share no speaker.
        dialog (str): Recording or scene that the turn is part of.
        speaker (str): Who speaks, unique in the corpus.
        gender (str): ``'F'`` or ``'M'``.
        label (str | None): One of ``CLASSES``; None: another emotion, or no agreement.
        raw_label (str): Label as the release spells it.
        start (float): Seconds from the start of the video.
        end (float | None): The same; None: to the end.
        text (str | None): Words; None: there is no transcript; ``''``: it has no words.
        audio_path (str | None): Sound of the turn alone.
        video_path (str | None): Video, perhaps of the whole dialogue.
        region (tuple): Where in the picture the speaker is.
        scenario (str): ``'impro'`` or ``'script'`` (IEMOCAP); ``'P'``, ``'R'``, ``'S'`` or ``'T'`` (MSP-IMPROV).
    """

    id: str
    corpus: str
    session: str
    dialog: str
    speaker: str
    gender: str
    label: str | None
    raw_label: str
    start: float
    end: float | None
    text: str | None
    audio_path: str | None
    video_path: str | None
    region: Region = (0., 0., 1., 1.)
    scenario: str = ''


@dataclass(frozen=True)
class Problem:
    """Something that a reader passed over.

    Args:
        kind (str): What it is, for counting.
        where (str): File and line, or utterance.
        detail (str): What was found.
    """

    kind: str
    where: str
    detail: str = ''

    def __str__(self) -> str:
        return f'{self.kind}: {self.where}' + (f': {self.detail}' if self.detail else '')


@dataclass
class Release:
    """Content of a release folder.

    Args:
        root (Path): The folder.
        utterances (list[Utterance]): All labelled turns, those without a class of ``CLASSES`` too.
        problems (list[Problem]): What could not be read or found.
        differences (list[str]): Counts that are not the documented ones.
    """

    root: Path
    utterances: list[Utterance] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def classified(self) -> list[Utterance]:
        """Turns with one of the four classes."""
        return [item for item in self.utterances if item.label is not None]


def compare_counts(title: str, found: Iterable[str], documented: Mapping[str, int]) -> list[str]:
    """Sentences on the counts that differ from the documented ones.

    Args:
        title (str): What is counted.
        found (Iterable[str]): One name for each thing found.
        documented (Mapping[str, int]): How many there should be by name.

    Returns:
        list[str]: Empty when all agree.
    """
    counts = Counter(found)
    names = [*documented, *sorted(counts.keys() - documented.keys())]
    return [f'{title}: {counts[name]} {name!r}, documented are {documented.get(name, 0)}'
            for name in names if counts[name] != documented.get(name, 0)]


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines of a text file; stray bytes are replaced, as the releases mix encodings."""
    return list(enumerate(read_text(path, stray_bytes=True).splitlines(), start=1))


def visible(paths: Iterable[Path]) -> list[Path]:
    """Sorted, without the ``._*`` files that macOS leaves in archives."""
    return sorted(path for path in paths if not path.name.startswith('._'))
