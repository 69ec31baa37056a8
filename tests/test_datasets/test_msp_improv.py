"""Reading MSP-IMPROV as released: names, label file, layouts, scenarios, counts."""

import math
from collections import Counter
from pathlib import Path

import pytest

from mmda_ext.datasets.emotion.fixtures import make_fake_msp_improv
from mmda_ext.datasets.emotion.msp_improv_files import parse_name, read_evaluations
from mmda_ext.datasets.emotion.msp_improv_release import (
    DOCUMENTED,
    DOCUMENTED_SUBSET,
    LABEL_FILES,
    SCENARIOS,
    read_msp_improv,
)

LABELS = """UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.571429; V:3.142857; D:3.000000 ; N:3.857143;
Rater-01; Neutral; Neutral,Concerned; A:3.000000; V:3.000000; D:3.000000; N:4.000000;
Rater-01; Neutral; Neutral,Concerned; A:3.000000; V:3.000000; D:3.000000; N:4.000000;
Rater-02; Happy; Happy; A:2.000000; V:4.000000; D:3.000000; N:NaN;

UTD-IMPROV-S20S-M06-T-MF11.avi; X; A:NaN; V:1; D:2.5;
something else
UTD-IMPROV-S02N-F01-S-FM02.avi; A; A:high; V:1; D:2;
Rater-02; Happy; Happy; A:2.000000; V:4.000000; D:3.000000; N:NaN;

UTD-IMPROV-S02N-F01-S-FM03.avi; H; A:1; V:2; D:3;N:4;"""


def test_label_file(tmp_path: Path) -> None:
    path = tmp_path / 'Evaluation.txt'
    path.write_text(LABELS)
    found, problems = read_evaluations(path)
    assert [(item.name, item.label) for item in found] == [
        ('MSP-IMPROV-S01A-F01-P-FM01', 'N'), ('MSP-IMPROV-S20S-M06-T-MF11', 'X'), ('MSP-IMPROV-S02N-F01-S-FM03', 'H')]
    assert found[0].attributes == (2.571429, 3.142857, 3., 3.857143)
    assert found[0].ratings == (('Rater-01', 'Neutral'), ('Rater-02', 'Happy'))
    assert math.isnan(found[1].attributes[0])
    assert math.isnan(found[1].attributes[3])
    assert [problem.where for problem in problems] == [f'{path}, line 7', f'{path}, line 8']


def test_names() -> None:
    name = parse_name('MSP-IMPROV-S07H-M04-R-FM02')
    assert name is not None
    assert (name.sentence, name.intended, name.gender, name.session, name.scenario) == ('07', 'H', 'M', '04', 'R')
    assert parse_name('MSP-IMPROV-S07H-M04-Q-FM02') is None
    assert parse_name('MSP-IMPROV-S07H-M04-R') is None


@pytest.mark.parametrize(('layout', 'label_file'), zip(('archived', 'downloaded'), LABEL_FILES))
def test_both_layouts_and_both_names_of_the_label_file(tmp_path: Path, layout: str, label_file: str) -> None:
    root = make_fake_msp_improv(tmp_path, sessions=2, turns=6, layout=layout, label_file=label_file, fps=2.)
    assert (root / 'Audio').is_dir() == (layout == 'downloaded')
    release = read_msp_improv(root)
    assert Counter(item.label for item in release.classified) == dict(neutral=4, happy=3, sad=4, angry=4)
    assert Counter(item.raw_label for item in release.utterances)['X'] == 4
    assert {item.speaker for item in release.utterances} == {'F01', 'M01', 'F02', 'M02'}
    assert {item.session for item in release.utterances} == {'1', '2'}
    assert Counter(problem.kind for problem in release.problems) == {'unreadable line': 1, 'too short': 1}
    bad = next(problem for problem in release.problems if problem.kind == 'unreadable line')
    lines = (root / label_file).read_text().splitlines()
    assert bad.where == f'{root / label_file}, line {len(lines)}'
    assert lines[-1].endswith('a broken line')
    assert sum(item.video_path is None for item in release.classified) == 1
    assert sum(item.text is None for item in release.classified) == 1
    assert "MSP-IMPROV, scenario S, 1 s or more: 3 'happy', documented are 999" in release.differences


def test_scenarios_and_length_are_chosen(tmp_path: Path) -> None:
    root = make_fake_msp_improv(tmp_path, sessions=1, turns=4, video=False)
    assert len(read_msp_improv(root, SCENARIOS, 0.).utterances) == 2 * 4 * 4
    assert len(read_msp_improv(root, SCENARIOS).utterances) == 2 * 4 * 4 - 1
    assert {item.scenario for item in read_msp_improv(root, ('P', 'T')).utterances} == {'P', 'T'}
    with pytest.raises(ValueError, match='scenarios are'):
        read_msp_improv(root, ('Z', ))


def test_a_file_found_twice_is_told(tmp_path: Path) -> None:
    root = make_fake_msp_improv(tmp_path, sessions=1, turns=1, video=False, quirks=False)
    original = next(root.rglob('*-S-*.wav'))
    (root / 'copy').mkdir()
    (root / 'copy' / original.name).write_bytes(original.read_bytes())
    (root / 'copy' / f'._{original.name}').write_bytes(b'')
    problems = read_msp_improv(root).problems
    assert [problem.kind for problem in problems] == ['file found twice']


def test_documented_counts_add_up() -> None:
    totals = Counter()
    for counts in DOCUMENTED.values():
        totals.update(dict(zip('ASHNOX', counts)))
    assert {label: totals[label] for label in 'ASHN'} == dict(A=792, S=885, H=2644, N=3477)
    assert sum(totals[label] for label in 'ASHN') == 7798
    assert sum(totals.values()) == 8438
    assert sum(DOCUMENTED_SUBSET.values()) == 3819


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='neither Evalution.txt nor Evaluation.txt'):
        read_msp_improv(tmp_path)
