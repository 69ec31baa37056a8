"""IEMOCAP as released (Busso et al. 2008): five sessions, two actors each, whole dialogues on video."""

from collections import Counter
from pathlib import Path

from mmda_ext.datasets.emotion.iemocap_files import NAME, Turn, read_evaluation, read_transcript
from mmda_ext.datasets.emotion.records import Problem, Region, Release, Utterance, compare_counts, visible

#: Excitement counts as happy, as in most of the literature.
MERGED = {'neu': 'neutral', 'hap': 'happy', 'exc': 'happy', 'sad': 'sad', 'ang': 'angry'}
#: Turns by label in the release.
DOCUMENTED = {'xxx': 2507, 'fru': 1849, 'neu': 1708, 'ang': 1103, 'sad': 1084, 'exc': 1041, 'hap': 595, 'sur': 107,
              'fea': 40, 'oth': 3, 'dis': 2}
#: Turns by session and class; neutral, happy, sad, angry. 5531 in all.
DOCUMENTED_SESSIONS = {'1': (384, 278, 194, 229), '2': (362, 327, 197, 137), '3': (320, 286, 305, 240),
                       '4': (258, 303, 143, 327), '5': (384, 442, 245, 170)}
#: Faces lie in this band of the 480 rows; each actor has one half of the 720 columns.
_TOP, _BOTTOM = 112 / 480, 368 / 480
LEFT: Region = (0., _TOP, .5, _BOTTOM)
RIGHT: Region = (.5, _TOP, 1., _BOTTOM)


def read_iemocap(root: str | Path, strip_tags: bool = True) -> Release:
    """Read all turns of the release; media are looked for, not opened.

    Args:
        root (str | Path): Folder with ``Session1`` to ``Session5``.
        strip_tags (bool): Drop tags such as ``[LAUGHTER]`` from the texts.

    Returns:
        Release: Turns, problems, and differences from the documented counts.

    Raises:
        FileNotFoundError: If the folder has no evaluation file at all.
    """
    release = Release(Path(root))
    folders = visible(release.root.glob('Session[1-5]'))
    files = [path for folder in folders for path in visible((folder / 'dialog' / 'EmoEvaluation').glob('*.txt'))]
    if not files:
        raise FileNotFoundError(f'{root} holds no Session?/dialog/EmoEvaluation/*.txt: name the folder '
                                'IEMOCAP_full_release of the unpacked archive (docs/emotion_data.md)')
    for path in files:
        _read_dialog(path, release, strip_tags)
    release.differences = compare_counts('IEMOCAP labels', (item.raw_label for item in release.utterances), DOCUMENTED)
    release.differences += _compare_sessions(release)
    return release


def _compare_sessions(release: Release) -> list[str]:
    found = Counter(f'session {item.session} {item.label}' for item in release.classified)
    documented = {
        f'session {session} {label}': count
        for session, counts in DOCUMENTED_SESSIONS.items()
        for label, count in zip(('neutral', 'happy', 'sad', 'angry'), counts)}
    return compare_counts('IEMOCAP classes', found.elements(), documented)


def _read_dialog(path: Path, release: Release, strip_tags: bool) -> None:
    turns, problems = read_evaluation(path)
    release.problems += problems
    transcript = path.parents[1] / 'transcriptions' / path.name
    texts: dict[str, str] = {}
    if transcript.is_file():
        texts, problems = read_transcript(transcript, strip_tags)
        release.problems += problems
    else:
        release.problems.append(Problem('missing transcript file', str(transcript)))
    known = {item.id for item in release.utterances}
    for turn in turns:
        if turn.label not in DOCUMENTED:
            release.problems.append(Problem('unknown label', f'{path}, turn {turn.name}', turn.label))
        elif turn.name in known:
            release.problems.append(Problem('turn listed twice', f'{path}, turn {turn.name}'))
        else:
            known.add(turn.name)
            release.utterances.append(_utterance(turn, path, texts.get(turn.name), release))


def _utterance(turn: Turn, path: Path, text: str | None, release: Release) -> Utterance:
    match = NAME.fullmatch(turn.name)
    assert match is not None  # read_evaluation lets no other name pass
    session, dialog = path.parents[2], path.stem
    audio = session / 'sentences' / 'wav' / dialog / f'{turn.name}.wav'
    video = session / 'dialog' / 'avi' / 'DivX' / f'{dialog}.avi'
    label = MERGED.get(turn.label)
    alignment = session / 'sentences' / 'ForcedAlignment' / dialog / f'{turn.name}.wdseg'
    if label is not None and not alignment.is_file():
        release.problems.append(Problem('missing alignment', str(alignment), 'not needed for training'))
    return Utterance(
        id=turn.name,
        corpus='iemocap',
        session=match['session'],
        dialog=dialog,
        speaker=f'Ses0{match["session"]}{match["speaker"]}',
        gender=match['speaker'],
        label=label,
        raw_label=turn.label,
        start=turn.start,
        end=turn.end,
        text=text,
        audio_path=str(audio) if audio.is_file() else None,
        video_path=str(video) if video.is_file() else None,
        # The actor with the markers sits on the left.
        region=LEFT if match['speaker'] == match['marked'] else RIGHT,
        scenario='impro' if match['scene'].startswith('impro') else 'script')
