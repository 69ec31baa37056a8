"""Reading IEMOCAP as released: text formats, sides of the picture, classes, counts."""

from collections import Counter
from pathlib import Path

import pytest

from mmda_ext.datasets.emotion.fixtures import make_fake_iemocap
from mmda_ext.datasets.emotion.iemocap_files import Word, read_alignment, read_evaluation, read_transcript
from mmda_ext.datasets.emotion.iemocap_release import (
    DOCUMENTED,
    DOCUMENTED_SESSIONS,
    LEFT,
    MERGED,
    RIGHT,
    read_iemocap,
)
from mmda_ext.datasets.emotion.records import CLASSES, Release

EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.0000]
C-E2:\tNeutral;\t()
C-F1:\tNeutral; Anger;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-F1:\tval 3; act 2; dom  ;\t()

[10.0100 - 11.3925] Ses01F_impro01_F001\tneu\t[2.5000, 2.5000, 2.5000]
[11 - 12.5]\tSes03M_script02_2b_M011\txxx\t[2.5000, 2.5000, 2.5000]
[12 - 13]\tSes09F_impro01_F001\tneu\t[2.5000, 2.5000, 2.5000]
10.0100 - 11.3925]\tSes01F_impro01_F003
"""


def test_evaluation_file(tmp_path: Path) -> None:
    path = tmp_path / 'Ses01F_impro01.txt'
    path.write_text(EVALUATION)
    turns, problems = read_evaluation(path)
    assert [(turn.name, turn.label, turn.start, turn.end) for turn in turns] == [
        ('Ses01F_impro01_F000', 'neu', 6.2901, 8.2357), ('Ses03M_script02_2b_M011', 'xxx', 11., 12.5)]
    assert turns[0].attributes == (2.5, 2.5, 2.0)
    assert [problem.where for problem in problems] == [f'{path}, line {number}' for number in (9, 11, 12)]


def test_transcript(tmp_path: Path) -> None:
    path = tmp_path / 'Ses01F_impro01.txt'
    path.write_bytes(b'Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me. [LAUGHTER] It\x92s  late.\n'
                     b'Ses01F_impro01_FXX0 [008.2-009.0]: Hm.\nM: [words] no turn\nSes01F_impro01_F001 nothing\n')
    texts, problems = read_transcript(path)
    assert texts == {'Ses01F_impro01_F000': 'Excuse me. It\ufffds late.'}
    assert [problem.where for problem in problems] == [f'{path}, line 4']
    assert '[LAUGHTER]' in read_transcript(path, strip_tags=False)[0]['Ses01F_impro01_F000']


def test_alignment(tmp_path: Path) -> None:
    path = tmp_path / 'x.wdseg'
    path.write_text('\t SFrm  EFrm    SegAScr Word\n\t    0    20     -51234 <s>\n\t   21    70    -301234 EXCUSE\n'
                    '\t   71   110    -201234 ME(2)\n\t  111   120      -1234 ++BREATHING++\n\t  x  130 -41234 OH\n'
                    '\t  121   130     -41234 </s>\n Total score:     -594936\n')
    words, problems = read_alignment(path)
    assert words == [Word('excuse', .21, .70), Word('me', .71, 1.10)]
    assert [problem.where for problem in problems] == [f'{path}, line 6']


@pytest.fixture(scope='module')
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    root = make_fake_iemocap(tmp_path_factory.mktemp('iemocap'), video=False)
    return read_iemocap(root)


def test_labels_speakers_and_classes(release: Release) -> None:
    counts = Counter(item.raw_label for item in release.utterances)
    assert counts == {label: 8 + 8 * (label == 'neu') for label in ('neu', 'hap', 'exc', 'sad', 'ang', 'fru', 'xxx')}
    assert Counter(item.label for item in release.classified) == dict(neutral=16, happy=16, sad=8, angry=8)
    assert {item.speaker for item in release.utterances} == {'Ses01F', 'Ses01M', 'Ses02F', 'Ses02M'}
    assert len({item.id for item in release.utterances}) == 64
    first = next(item for item in release.utterances if item.id == 'Ses01F_impro01_F000')
    assert (first.session, first.dialog, first.scenario, first.start) == ('1', 'Ses01F_impro01', 'impro', .25)
    assert first.text is not None
    assert first.text[0].isupper()


def test_the_actor_with_the_markers_is_on_the_left(release: Release) -> None:
    for item in release.utterances:
        assert item.region == (LEFT if item.gender == item.dialog[5] else RIGHT)
    assert {item.region for item in release.utterances if item.speaker == 'Ses01F'} == {LEFT, RIGHT}
    assert (LEFT[2], RIGHT[0], round(LEFT[1] * 480), round(LEFT[3] * 480)) == (.5, .5, 112, 368)


def test_faults_are_listed_and_nothing_stops(release: Release) -> None:
    kinds = Counter(problem.kind for problem in release.problems)
    assert kinds == {'unreadable line': 1, 'missing alignment': 1}
    bad = next(problem for problem in release.problems if problem.kind == 'unreadable line')
    assert 'EmoEvaluation/Ses01F_impro01.txt, line ' in bad.where
    by_name = {item.id: item for item in release.utterances}
    assert by_name['Ses01F_impro01_F002'].audio_path is None
    assert by_name['Ses01F_impro01_F001'].text == ''
    assert all(item.video_path is None for item in release.utterances)


def test_counts_that_differ_are_told(release: Release) -> None:
    assert "IEMOCAP labels: 8 'xxx', documented are 2507" in release.differences
    assert "IEMOCAP classes: 0 'session 5 happy', documented are 442" in release.differences


def test_documented_counts_add_up() -> None:
    assert sum(DOCUMENTED.values()) == 10039
    by_class = Counter(dict.fromkeys(CLASSES, 0))
    for raw, label in MERGED.items():
        by_class[label] += DOCUMENTED[raw]
    assert tuple(by_class[label] for label in CLASSES) == (1708, 1636, 1084, 1103)
    assert tuple(map(sum, zip(*DOCUMENTED_SESSIONS.values()))) == (1708, 1636, 1084, 1103)


def test_unknown_labels_and_turns_listed_twice(tmp_path: Path) -> None:
    root = make_fake_iemocap(tmp_path, sessions=1, turns=2, video=False, quirks=False)
    path = root / 'Session1' / 'dialog' / 'EmoEvaluation' / 'Ses01F_impro01.txt'
    text = path.read_text().replace('\thap\t', '\tjoy\t')
    path.write_text(text + text.split('\n\n')[0] + '\n' + next(line for line in text.splitlines() if 'neu' in line))
    found = read_iemocap(root)
    assert Counter(item.kind for item in found.problems) == {'unknown label': 1, 'turn listed twice': 1}
    assert len(found.utterances) == 7


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='IEMOCAP_full_release'):
        read_iemocap(tmp_path)
