"""Joint predictions of several trainings: known answers, joined by name, and what contradicts itself is refused."""

import json
import os
import pickle
import sys

import pytest
import torch
from mmengine.evaluator import DumpResults

from mmda_ext import compat
from mmda_ext.evaluation.ensemble import combine_probabilities, ensemble
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / 'tools' / 'analysis'))
import ensemble as tool

VIDEO, AUDIO, FUSED = ([2., 0, -1], [.5, .2, .1], [1.5, 1, -.5])


def probabilities(*logits):
    return [torch.tensor(one, dtype=torch.float64).softmax(0) for one in logits]


def sample(key, logits, label=0, **more):
    return dict(sample_id=f'T/{key}', domain='T', is_target=True, gt_label=torch.tensor([label]),
                pred_score=torch.tensor(logits).softmax(0), **more)


def close(found, expected, atol=1e-6):
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


def test_known_answers():
    close(combine_probabilities(probabilities(VIDEO, AUDIO, FUSED), 'prob'), [.610878, .256550, .132572])
    close(combine_probabilities(probabilities(VIDEO, AUDIO, FUSED), 'log'), [.641626, .252314, .106060])
    # softmax(video) (.843795, .114195, .042010), softmax(audio) (.414742, .307248, .278010)
    close(combine_probabilities(probabilities(VIDEO, AUDIO), 'prob'), [.6292685, .2107215, .160010])


def test_the_rule_matters():
    scores = probabilities([4., 0, 0], [-1., 1.2, 0], [0, 1.7, 0])
    close(combine_probabilities(scores, 'prob'), [.3923, .4861, .1216], 5e-5)
    assert combine_probabilities(scores, 'log').argmax() == 0


def test_a_probability_that_was_rounded_to_nothing_is_no_veto_of_all():
    joint = combine_probabilities([torch.tensor([1., 0]), torch.tensor([0., 1])], 'log')
    close(joint, [.5, .5])


def test_samples_are_joined_by_name():
    video = [sample('a', VIDEO), sample('b', [0., 3, 0], 1)]
    audio = [sample('b', [0., 1, 0], 1), sample('a', AUDIO)]
    joined, lacking = ensemble(dict(video=video, audio=audio))
    assert [one['sample_id'] for one in joined] == ['T/a', 'T/b']
    assert not lacking
    for one, logits in zip(joined, ((VIDEO, AUDIO), ([0., 3, 0], [0., 1, 0]))):
        torch.testing.assert_close(one['pred_score'], torch.stack(probabilities(*logits)).mean(0), atol=1e-6, rtol=0)
        assert set(one['predictor_scores']) == {'video', 'audio'}


def test_a_member_that_lacks_a_sample_is_counted():
    joined, lacking = ensemble(dict(video=[sample('a', VIDEO), sample('b', VIDEO)], audio=[sample('a', AUDIO)]))
    assert lacking == dict(audio=1)
    torch.testing.assert_close(joined[1]['pred_score'].float(), torch.tensor(VIDEO).softmax(0))


@pytest.mark.parametrize(('audio', 'message'), [
    ([sample('z', AUDIO)], 'no sample is in the predictions of all members video, audio: test them on the same target'),
    ([sample('a', AUDIO, 1)], 'sample T/a: its label is 0 in member video and 1 in audio'),
    ([sample('a', [1., 0])], 'sample T/a: its number of classes is 3 in member video and 2 in audio'),
    ([sample('a', AUDIO)] * 2, 'member audio: sample T/a is there twice'),
    ([{**sample('a', AUDIO), 'sample_id': None}], 'member audio: a sample has no sample_id'),
    ([sample('a', [float('nan')] * 3)], 'sample T/a has pred_score .* which is not finite')])
def test_contradictions_are_refused(audio, message):
    with pytest.raises(ValueError, match=message):
        ensemble(dict(video=[sample('a', VIDEO)], audio=audio))


def dump(path, samples):
    """As `tools/test.py --dump` writes it."""
    metric = DumpResults(str(path))
    metric.process({}, samples)
    metric.evaluate(len(samples))
    return path


def test_the_tool_scores_dumps(tmp_path, capsys):
    video = dump(tmp_path / 'v.pkl', [sample('a', VIDEO), sample('b', VIDEO, 1), sample('c', AUDIO)])
    audio = dump(tmp_path / 'a.pkl', [sample('b', [0., 9, 0], 1), sample('a', AUDIO)])
    out = tmp_path / 'result.json'
    assert tool.main([f'video={video}', f'audio={audio}', '--out', str(out)]) == 0
    record = json.loads(out.read_text())
    assert record['test']['acc/top1'] == 100.
    assert record['test']['predictor/video/acc/top1'] == pytest.approx(200 / 3)
    assert record['test']['predictor/audio/f1/weighted'] == 100.
    assert (record['rule'], record['lacking'], record['test_set']['all']['samples']) == ('prob', dict(audio=1), 3)
    assert 'audio lacks 1 of 3 samples' in capsys.readouterr().out
    for members, message in (([str(video)], 'write NAME=FILE.pkl'), ([f'v={video}', f'v={audio}'], "called 'v'"),
                             ([f'v={tmp_path}/gone.pkl'], 'gone.pkl does not exist: write it with tools/test.py')):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            tool.main(members)


class Evil:

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f'touch {self.mark}', )


def test_a_dump_runs_no_code(tmp_path):
    path, mark = tmp_path / 'evil.pkl', tmp_path / 'mark'
    inner = pickle.dumps(Evil(mark), protocol=2)  # that of torch
    for content in ([dict(sample_id='a', pred_score=Evil(mark))], [Hidden(inner)], [1], []):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(ValueError, match='evil.pkl .*write it anew with tools/test.py'):
            compat.read_dump(path)
        assert not mark.exists()


class Hidden:
    """A storage whose bytes are a pickle with code."""

    def __init__(self, data):
        self.data = data

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.data, )
