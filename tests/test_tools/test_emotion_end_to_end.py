"""From a fake release to a tested model by the commands of docs/emotion_data.md, in a folder that was empty."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip('transformers')

#: Corpus -> lines of the report on what was odd.
REPORTS = {
    'iemocap': (
        '95 utterances kept, 1 skipped', 'skipped: no sound: 1, first Ses01F_impro01_F002',
        'unreadable line: 1, first data/fake/IEMOCAP_full_release/Session1/dialog/', 'Ses01F_impro01.txt, line ',
        'empty transcript: 1, first Ses01F_impro01_F001: kept with no words',
        'silent sound: 1, first Ses01F_impro01_M001: kept', 'counts are not the documented ones'),
    'msp-improv': (
        '61 utterances kept, 2 skipped', 'skipped: no transcript: 1, first MSP-IMPROV-S01A-F01-S-MF01',
        'skipped: no video: 1, first MSP-IMPROV-S03N-F01-S-MF03: there is no video',
        'too short: 1, first MSP-IMPROV-S02H-F01-S-MF02: 0.500 s',
        'unreadable line: 1, first data/fake/MSP-IMPROV/Evalution.txt, line ', 'counts are not the documented ones'),
}


def commands(corpus):
    """Those of the page that make, prepare, train and test the fake release of a corpus, in order."""
    page = (ROOT / 'docs' / 'emotion_data.md').read_text().partition('## 1.')[0]
    release = 'IEMOCAP' if corpus == 'iemocap' else 'MSP-IMPROV'
    found = [line.split() for line in re.findall(r'^    python (tools/.*)$', page, flags=re.M)
             if f'--dataset {corpus}-fixture' in line or f'data/fake/{release}' in line]
    steps = [line[0].rpartition('/')[2].partition('_')[0] for line in found]
    assert steps == ['make', 'prepare', 'train.py', 'test.py']
    return found


@pytest.fixture
def run(tmp_path):
    """Run a command where nothing but tools and recipes lies; returns its output."""
    for name in ('tools', 'configs'):
        (tmp_path / name).symlink_to(ROOT / name)

    def call(words, status=0):
        env = {**os.environ, 'PYTHONPATH': str(ROOT), 'HF_HOME': str(tmp_path / 'hub')}
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout + done.stderr

    return call


@pytest.mark.slow
@pytest.mark.parametrize('corpus', REPORTS)
def test_from_a_release_to_a_tested_model(corpus, run, tmp_path):
    make, prepare, train, test = commands(corpus)
    assert re.search(r'data/fake/\S+: \d+ files', run(make))
    report = run(prepare)
    for line in REPORTS[corpus]:
        assert line in report
    log = run(train)
    folder = tmp_path / 'work_dirs' / f'boomda_{corpus}-fixture_to-target'
    result = json.loads((folder / 'result.json').read_text())
    assert result['selected_by'] == 'acc/top1'
    assert {'source/acc/top1', 'f1/weighted'} <= result['val'].keys()
    assert not [key for key in result['val'] if 'target' in key], 'selection has seen the target'
    assert 0 <= result['test']['target/f1/weighted'] <= 100
    for noise in ('paramwise_options', 'is skipped since', 'UserWarning', 'Traceback'):
        assert noise not in log
    scalars = next(folder.glob('*/vis_data/scalars.json')).read_text()
    for key in ('balance/gamma_speech', 'balance/gamma_fused', 'loss_align/face', 'pseudo_kept', 'loss_entropy'):
        assert key in scalars
    assert (folder / result['checkpoint']).is_file()
    tested = run(test)
    assert re.search(r'Epoch\(test\).*target/acc/top1: \d', tested)
    assert re.search(r'Epoch\(test\).*f1/weighted: \d', tested)


def refused(run):
    """The one sentence with which training refuses."""
    text = run(['tools/train.py', 'configs/methods/boomda.py', '--dataset', 'iemocap-fixture'], status=1)
    assert 'Traceback' not in text
    return next(line for line in text.splitlines() if line.startswith('error: '))


@pytest.mark.slow
def test_what_is_missing_is_named_with_its_remedy(run, tmp_path):
    assert 'data/fake/iemocap/source.csv does not exist: make it with tools/data/prepare_iemocap.py' in refused(run)
    make, prepare, *_ = commands('iemocap')
    run(make[:3] + ['--sessions', '1', '--turns', '28', '--no-quirks'])
    run(prepare)
    (tmp_path / make[2] / 'vocab.txt').rename(tmp_path / 'vocab.txt')
    assert "tokenizer='data/fake/IEMOCAP_full_release/vocab.txt' is neither a folder or file here" in refused(run)
    wav = tmp_path / 'data' / 'fake' / 'iemocap' / 'wav'
    wav.rename(wav.with_name('sound'))
    message = refused(run)
    assert 'no sample is left' in message
    assert 'prepare the data again with tools/data/prepare_iemocap.py' in message
