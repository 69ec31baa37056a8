"""MSP-IMPROV as released (Busso et al. 2017): twelve actors, one video and one sound file for each turn."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import soundfile

from mmda_ext.datasets.emotion.msp_improv_files import Evaluation, parse_name, read_evaluations
from mmda_ext.datasets.emotion.records import Problem, Release, Utterance, compare_counts, visible
from mmda_ext.datasets.text_files import read_text

LABELS = {'N': 'neutral', 'H': 'happy', 'S': 'sad', 'A': 'angry'}
NO_CLASS = ('O', 'X')
SCENARIOS = ('P', 'R', 'S', 'T')
#: Both spellings occur.
LABEL_FILES = ('Evalution.txt', 'Evaluation.txt')
#: Turns by scenario and consensus; A, S, H, N, O, X.
DOCUMENTED = {'T': (115, 106, 136, 283, 1, 11), 'R': (169, 80, 88, 241, 3, 39), 'S': (470, 633, 1048, 1789, 70, 371),
              'P': (38, 66, 1372, 1164, 11, 134)}
#: The selection of most published work: scenario S, one second or more; 3819 in all.
DOCUMENTED_SUBSET = {'neutral': 1733, 'happy': 999, 'sad': 627, 'angry': 460}


def read_msp_improv(root: str | Path, scenarios: Collection[str] = ('S', ), min_duration: float = 1.) -> Release:
    """Read the turns of some scenarios; of the media only the length of the sound is looked at.

    Args:
        root (str | Path): Folder with the label file; sound, video and transcripts may lie anywhere below it.
        scenarios (Collection[str]): Of ``'P'``, ``'R'``, ``'S'``, ``'T'``.
        min_duration (float): Seconds; shorter turns are left out and counted.

    Returns:
        Release: Turns, problems, and differences from the documented counts.

    Raises:
        FileNotFoundError: If there is no label file.
        ValueError: If a scenario is unknown.
    """
    unknown = [name for name in scenarios if name not in SCENARIOS]
    if unknown or not scenarios:
        raise ValueError(f'scenarios={tuple(scenarios)!r} names {unknown}: the scenarios are {SCENARIOS}')
    release = Release(Path(root))
    evaluations, problems = read_evaluations(_label_file(release.root))
    release.problems += problems
    release.differences = _compare_labels(evaluations)
    files = _index(release)
    known: set[str] = set()
    for item in evaluations:
        utterance = _utterance(item, files)
        if utterance.scenario not in scenarios:
            continue
        problem = _reason_to_skip(utterance, item, known, min_duration)
        known.add(item.name)
        if problem is None:
            release.utterances.append(utterance)
        else:
            release.problems.append(problem)
    if set(scenarios) == {'S'} and min_duration == 1.:
        labels = (item.label or '' for item in release.classified)
        release.differences += compare_counts('MSP-IMPROV, scenario S, 1 s or more', labels, DOCUMENTED_SUBSET)
    return release


def _label_file(root: Path) -> Path:
    for name in LABEL_FILES:
        if (root / name).is_file():
            return root / name
    raise FileNotFoundError(f'{root} holds neither {LABEL_FILES[0]} nor {LABEL_FILES[1]}: name the folder of the '
                            'unpacked release (docs/emotion_data.md)')


def _compare_labels(evaluations: Iterable[Evaluation]) -> list[str]:
    names = ((parse_name(item.name), item.label) for item in evaluations)
    found = Counter(f'scenario {name.scenario} {label}' for name, label in names if name)
    documented = {f'scenario {scenario} {label}': count for scenario, counts in DOCUMENTED.items()
                  for label, count in zip('ASHNOX', counts)}
    return compare_counts('MSP-IMPROV labels', found.elements(), documented)


def _index(release: Release) -> dict[str, dict[str, Path]]:
    """Files by suffix and name, wherever they lie: two layouts of folders are in use."""
    files: dict[str, dict[str, Path]] = {'.wav': {}, '.avi': {}, '.txt': {}}
    for path in visible(release.root.rglob('MSP-IMPROV-*')):
        place = files.get(path.suffix.lower())
        if place is None or not path.is_file():
            continue
        if path.stem in place:
            release.problems.append(Problem('file found twice', str(path), f'{place[path.stem]} is used'))
        else:
            place[path.stem] = path
    return files


def _utterance(item: Evaluation, files: dict[str, dict[str, Path]]) -> Utterance:
    name = parse_name(item.name)
    assert name is not None  # read_evaluations lets no other name pass
    audio, video, text = (files[suffix].get(item.name) for suffix in ('.wav', '.avi', '.txt'))
    words = None if text is None else ' '.join(read_text(text, stray_bytes=True).split())
    return Utterance(
        id=item.name,
        corpus='msp-improv',
        session=str(int(name.session)),
        dialog=f'S{name.sentence}{name.intended}-{name.session}',
        speaker=f'{name.gender}{name.session}',
        gender=name.gender,
        label=LABELS.get(item.label),
        raw_label=item.label,
        start=0.,
        end=None,
        text=words,
        audio_path=None if audio is None else str(audio),
        video_path=None if video is None else str(video),
        scenario=name.scenario)


def _reason_to_skip(item: Utterance, evaluation: Evaluation, known: set[str], min_duration: float) -> Problem | None:
    if item.id in known:
        return Problem('turn listed twice', item.id)
    if evaluation.label not in (*LABELS, *NO_CLASS):
        return Problem('unknown label', item.id, evaluation.label)
    if item.label is None or item.audio_path is None or min_duration <= 0:
        return None
    try:
        seconds = soundfile.info(item.audio_path).duration
    except soundfile.SoundFileError as error:
        return Problem('unreadable sound', item.audio_path, str(error))
    return Problem('too short', item.id, f'{seconds:.3f} s') if seconds < min_duration else None
