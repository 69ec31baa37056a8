"""The rows of weighted predictors: which trainings they need, once each, and what is written; a stand-in trains."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from mmda_ext.visualization.results import read_results
from tests.conftest import ROOT

DOMAINS = ('mnist', 'optdigits', 'usps')
TRAINER = """
import json, pathlib, sys
argv = sys.argv
folder = pathlib.Path(argv[argv.index('--work-dir') + 1])
with open('calls.txt', 'a') as calls:
    calls.write(' '.join(argv[argv.index('--dataset'):]) + '\\n')
broken = pathlib.Path('broken.txt')
if broken.exists() and broken.read_text() in str(folder):
    sys.exit(3)
whole = {'samples': 30, 'domains': {}, 'fingerprint': 'x'}
result = {'val': {'acc/top1': 90.0}, 'test': {'acc/top1': 50.0}, 'selection': 'source_validation', 'epoch': 1,
          'checkpoint': 'best.pth', 'config': 'heads.py', 'seed': 0}
(folder / 'result.json').write_text(json.dumps(result))
"""


@pytest.fixture
def tool(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import weighted
    before = signal.getsignal(signal.SIGTERM)
    (tmp_path / 'trainer.py').write_text(TRAINER)
    monkeypatch.chdir(tmp_path)
    weighted._tested.cache_clear()
    yield weighted
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def asked(monkeypatch) -> list[tuple[str, str]]:
    """Which models predicted what; the image is right wherever it is asked, the sound nowhere."""
    seen = []

    def predicted(config, checkpoint, loaders=('val', 'test')):
        seen.append((Path(config).parents[1].name, '+'.join(loaders)))
        target = Path(config).parents[1].name.split('+')
        sources = [name for name in DOMAINS if name not in target]
        return {loader: [made(f'{name}/{index}', name) for name in (target if loader == 'test' else sources)
                         for index in range(10)] for loader in loaders}

    monkeypatch.setattr('mmda_ext.apis.predictions.predicted_samples', predicted)
    return seen


def made(key, domain):
    index = int(key.split('/')[1])
    right, wrong = np.eye(10)[index], np.eye(10)[(index + 1) % 10]
    logits = dict(fused=wrong * 3, head_image=right * (2 if index % 3 else -.5), head_audio=wrong)
    scores = {name: torch.tensor(value).softmax(0).float() for name, value in logits.items()}
    return dict(sample_id=key, domain=domain, gt_label=torch.tensor([index]), pred_score=scores['fused'],
                predictor_scores=scores)


def run(tool, *flags, row='heads'):
    return tool.main(['--dataset', 'avdigits', '--work-dir', 'out', '--trainer', 'trainer.py', '--row', row, *flags])


def calls():
    return Path('calls.txt').read_text().splitlines()


def result_of(row, target='usps', seed=0):
    return json.loads(Path('out', row, target, f'seed{seed}', 'result.json').read_text())


def test_every_training_once_and_a_row_for_each_rule(tool, asked, capsys):
    other = dict(row='erm', target='usps', seed=0, state='failed', reason='of old', folder='erm', result=None)
    Path('out').mkdir()
    Path('out', 'results.json').write_text(json.dumps(dict(rows=['erm'], targets=list(DOMAINS), seeds=[0, 7],
                                                           dataset='avdigits', cells=[other])))
    assert run(tool) == 0
    flags = {line.split(' --resume')[0] for line in calls()}
    pairs = {f'--dataset avdigits --target {a} {b} --sources {rest}'
             for a, b, rest in (DOMAINS, (DOMAINS[0], DOMAINS[2], DOMAINS[1]), (DOMAINS[1], DOMAINS[2], DOMAINS[0]))}
    assert flags == {f'--dataset avdigits --target {name}' for name in DOMAINS} | pairs
    assert len(calls()) == 6

    # Each model is asked once: of the target's for both loaders, of the others for their test alone.
    assert sorted(asked) == sorted([(name, 'val+test') for name in DOMAINS] + [
        ('mnist+optdigits', 'test'), ('mnist+usps', 'test'), ('optdigits+usps', 'test')])
    found = result_of('weighted')
    assert set(found['evidence']) == {'source/mnist', 'source/optdigits', 'unseen/mnist', 'unseen/optdigits'}
    assert all(entry['samples'] == 10 and entry['gain'] > .1 for entry in found['evidence'].values())
    assert found['weights']['agreed']['head_image'] > .9
    assert found['test']['acc/top1'] > found['test']['predictor/equal/acc/top1']
    assert found['test']['predictor/agreed/acc/top1'] == found['test']['acc/top1']
    assert (found['rule'], result_of('weighted-source')['rule'], result_of('weighted-unseen')['rule']) == (
        'agreed', 'source', 'unseen')
    assert found['test_set']['all']['domains'] == dict(usps=10)
    assert (found['epoch'], found['selection']) == (1, 'source_validation')

    results = read_results('out/results.json', rows=['heads', 'weighted'])
    assert results.difference('weighted').mean == pytest.approx(found['test']['acc/top1'] - 50)
    content = json.loads(Path('out/results.json').read_text())
    assert content['rows'] == ['erm', 'heads', 'weighted', 'weighted-source', 'weighted-unseen']
    assert (content['seeds'], content['cells'][0]) == ([0, 7], other)
    assert 'weighted / usps / seed 0: acc/top1' in capsys.readouterr().out

    asked.clear()
    assert run(tool) == 0
    assert (len(calls()), asked) == (6, [])
    # Trained anew, a model is weighed anew.
    file = Path('out/heads/usps/seed0/result.json')
    file.write_text(file.read_text().replace('"epoch": 1', '"epoch": 2'))
    assert run(tool) == 0
    assert result_of('weighted')['epoch'] == 2
    assert ('usps', 'val+test') in asked


def test_a_failed_training_fails_the_rows_that_need_it(tool, asked):
    Path('broken.txt').write_text('mnist+usps')
    assert run(tool) == 1
    cells = {(cell['row'], cell['target']): cell for cell in json.loads(Path('out/results.json').read_text())['cells']}
    assert cells['weighted', 'optdigits']['state'] == 'done'
    for target in ('mnist', 'usps'):
        assert cells['heads', target]['state'] == 'done'
        assert cells['weighted', target]['reason'] == 'heads / mnist+usps / seed 0 is not trained: exit code 3'
    Path('broken.txt').unlink()
    assert run(tool) == 0
    assert len(calls()) == 7


def test_another_recipe_and_fewer_targets_have_rows_of_their_own(tool, asked):
    assert run(tool, '--targets', 'usps', '--modalities', 'image', row=f'mine={ROOT / "configs/methods/heads.py"}') == 0
    assert len(calls()) == 3
    assert all(line.endswith('--modalities image') for line in calls())
    assert result_of('mine-weighted')['trained_in'] == 'out/mine/usps/seed0'


@pytest.mark.parametrize(('flags', 'message'), [
    (['--targets', 'svhn'], '--targets svhn: --dataset avdigits has mnist, optdigits, usps'),
    (['--dataset', 'avdigits-adaptation'], 'has an unlabelled target'),
    (['--dataset', 'two.npz'], 'has the domains a, b: without a target and one source nothing is left'),
    (['--row', 'nothing'], 'there is no such method')])
def test_what_cannot_be_weighed_is_one_sentence(tool, flags, message, capsys):
    np.savez('two.npz', x=np.zeros((8, 2)), label=[0, 1] * 4, domain=['a'] * 4 + ['b'] * 4)
    assert run(tool, *flags) == 2
    assert message in capsys.readouterr().out
    assert not Path('calls.txt').exists()


@pytest.mark.slow
def test_real_trainings_of_a_feature_file(tool, tmp_path):
    """From features to a row; equal weights predict what the recipe's own sum predicted."""
    rng = np.random.default_rng(0)
    label = np.arange(120) % 2
    np.savez('mine.npz', sound=label[:, None] + rng.normal(0, .5, (120, 3)), face=rng.normal(0, 1, (120, 2)),
             label=label, domain=np.repeat(['a', 'b', 'c'], 40))
    status = tool.main(['--dataset', 'mine.npz', '--targets', 'c', '--work-dir', 'out', '--cfg-options',
                        'train_cfg.max_epochs=2'])
    assert status == 0
    heads, found = result_of('heads', 'c'), result_of('weighted', 'c')
    assert found['test']['predictor/equal/acc/top1'] == pytest.approx(heads['test']['predictor/all/acc/top1'])
    assert found['test_set'] == heads['test_set']
    assert {name: entry['samples'] for name, entry in found['evidence'].items()} == {
        'source/a': 8, 'source/b': 8, 'unseen/a': 40, 'unseen/b': 40}
    assert result_of('weighted-unseen', 'c')['weights']['unseen']['head_sound'] > .1
