"""``tools/test.py --protocol corruption`` on features, and on clips with sound."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope, init_default_scope

from mmda_ext.apis import cli
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.compat.dumps import read_dump
from mmda_ext.engine.test_time.read_loss import ReadLoss
from mmda_ext.evaluation.protocols.base import Evaluation
from mmda_ext.evaluation.protocols.corruption import Corruption
from mmda_ext.registry import DATASETS, MODELS
from tests.recipes import recipe
from tests.test_datasets.media import make_hac
from tests.test_engine.feature_run import feature_config, run
from tests.toy_run import write_config


def call(*argv):
    return run_with_one_line_errors(lambda: cli.run_test([str(arg) for arg in argv]))


def outcome(folder):
    return json.loads((folder / 'result.json').read_text())['protocols']['corruption']


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config file, checkpoint and runner of a run on features, and an evaluation of it."""
    folder = tmp_path_factory.mktemp('trained')
    cfg = feature_config('heads', folder, folder / 'run', epochs=2)
    file = write_config(folder / 'heads.py', cfg)
    runner = run(cfg)
    record = json.loads((folder / 'run' / 'result.json').read_text())
    runner.load_checkpoint(str(folder / 'run' / record['checkpoint']))
    tested = [sample for batch in runner.test_dataloader for sample in runner.model.test_step(batch)]
    return file, folder / 'run' / record['checkpoint'], runner, Evaluation(runner, tested)


def test_accuracies_are_those_of_features_corrupted_by_hand(trained, tmp_path, capsys):
    file, checkpoint, runner, _ = trained
    options = ('protocols.corruption.families=[gain,step_drop,gaussian]', 'protocols.corruption.severities=[1,4]')
    assert call(file, checkpoint, '--work-dir', tmp_path, '--protocol', 'corruption', '--cfg-options', *options) == 0
    found = outcome(tmp_path)
    data, model = runner.test_dataloader.dataset, runner.model.eval()
    samples = [data[index] for index in range(len(data))]
    labels = torch.stack([sample['data_samples'].gt_label for sample in samples]).flatten()
    for name in ('face', 'audio'):
        statistics = data.source_statistics(name)
        for place, factor in enumerate((.8, .2)):
            inputs = {key: torch.stack([sample['inputs'][key] for sample in samples]) for key in ('face', 'audio')}
            raw = inputs[name].numpy() * statistics.scale + statistics.shift
            inputs[name] = torch.from_numpy((factor * raw - statistics.shift) / statistics.scale).float()
            with torch.no_grad():
                predicted = model(inputs, [sample['data_samples'] for sample in samples], mode='predict')
            right = torch.stack([sample.pred_score.argmax() for sample in predicted]) == labels
            assert found['modalities'][name]['families']['gain']['accuracy'][place] == pytest.approx(
                100 * right.double().mean().item()), (name, factor)
    own = found['modalities']['face']
    assert own['kind'] == 'features'
    gain = own['families']['gain']
    assert gain['mean'] == pytest.approx(np.mean(gain['accuracy']))
    assert gain['relative_drop'] == pytest.approx(1 - gain['mean'] / found['clean'])
    both = [own['families'][family]['accuracy'] for family in ('gaussian', 'gain')]
    assert own['accuracy'] == pytest.approx(np.mean(both, axis=0))
    assert own['mean'] == pytest.approx(np.mean(both))
    assert list(own['skipped']) == ['step_drop']
    assert (found['severities'], found['samples'], found['skipped']) == ([1, 4], len(data), {})
    shown = capsys.readouterr().out
    assert f'| face | gain | {gain["accuracy"][0]:.1f} | {gain["accuracy"][1]:.1f} | {gain["mean"]:.1f} |' in shown
    assert 'Skipped: step_drop of face, because it needs a sequence (steps, features).' in shown
    assert (tmp_path / 'corruption.png').stat().st_size > 10_000


def test_the_seed_is_that_of_the_draw(trained, tmp_path):
    drawn = [Corruption('gaussian', (4, 5), 'face', seed).evaluate(trained[-1]) for seed in (0, 0, 1)]
    accuracies = [one['modalities']['face']['accuracy'] for one in drawn]
    assert accuracies[0] == accuracies[1] != accuracies[2]
    assert list(drawn[0]['modalities']) == ['face']


def test_bad_input_is_one_sentence(trained):
    with pytest.raises(ValueError, match=r"protocols\.corruption: families='blur' is unknown: choose one of"):
        Corruption(families=['gain', 'blur'])
    for severities in ([0, 1], [], 6):
        with pytest.raises(ValueError, match=r'protocols\.corruption\.severities=.* must be of \(1, 2, 3, 4, 5\)'):
            Corruption(severities=severities)
    for options, message in (
            (dict(modalities='video'), "protocols.corruption: modalities='video' is unknown: choose one of 'face'"),
            (dict(families='fog'), r"there is nothing to corrupt: no modality has the families \['fog'\]"),
            (dict(families='step_drop'), 'there is nothing to corrupt: step_drop of face, because it needs')):
        with pytest.raises(ValueError, match=message):
            Corruption(**options).evaluate(trained[-1])


def test_clips_with_sound(tmp_path, monkeypatch):
    """The recipe of the demo, with random weights: an untrained model, too, sees other pictures and other sounds."""
    make_hac(tmp_path / 'hac', count=40)
    scope = DefaultScope.get_current_instance()
    cfg = recipe('erm', 'demo')
    cfg.test_dataloader.update(num_workers=0)
    cfg.test_dataloader.dataset.update(ann_dir=str(tmp_path / 'hac' / 'splits'), data_root=str(tmp_path / 'hac'))
    file = write_config(tmp_path / 'recipe.py', cfg)
    init_default_scope('mmaction')
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta={}), tmp_path / 'best.pth')
    seen, scores = [], Evaluation.scores
    monkeypatch.setattr(Evaluation, 'scores', lambda self, loader: seen.append(scores(self, loader)) or seen[-1])
    monkeypatch.setattr(Corruption, 'draw', lambda self, result, folder: seen.append(result) or ())
    assert call(file, tmp_path / 'best.pth', '--work-dir', tmp_path / 'w', '--protocol', 'corruption', '--cfg-options',
                'protocols.corruption.severities=5',
                'protocols.corruption.families=[fog,freeze,gaussian_noise,low_pass,typo]') == 0
    found = outcome(tmp_path / 'w')['modalities']
    assert {name: (own['kind'], list(own['families']), own['skipped']) for name, own in found.items()} == dict(
        video=('video', ['gaussian_noise', 'freeze', 'fog'], {}),
        audio=('waveform', ['gaussian_noise', 'low_pass'], {}))
    *seen, result = [one.probabilities['model'] if hasattr(one, 'labels') else one for one in seen]
    assert result['samples'] == len(seen[0]) == 2
    assert all(not torch.equal(one, other) for one, other in combinations(seen, 2)), 'each is another input'
    if scope is None:
        DefaultScope._instance_dict.clear()


def test_a_data_set_in_a_wrapper_is_refused():
    class Evaluation:
        runner = type('Runner', (), dict(test_dataloader=type('Loader', (), dict(dataset=DATASETS))))

        def test_loader(self):
            return dict(dataset=dict(type='ConcatDataset', datasets=[]))

    with pytest.raises(ValueError, match='the data set of the test, Registry, has no `pipeline` of its own'):
        Corruption().evaluate(Evaluation())


def refuse_the_second(self, session, said):
    if session.batch:
        raise ValueError('enough')


def test_adaptation_stands_beside_each_accuracy(trained, tmp_path, monkeypatch, capsys):
    file, checkpoint, runner, _ = trained
    options = ('protocols.corruption.families=[gain,shift]', 'protocols.corruption.severities=[2,5]',
               'test_time.tent.lr=0', 'test_time.tent.params=fusion', 'test_time.read-loss.predict=before',
               *(f'test_time.{name}.batch_size=15' for name in ('norm', 'tent', 'read-loss')))
    argv = (file, checkpoint, '--work-dir', tmp_path, '--protocol', 'corruption', '--cfg-options', *options)
    assert call(*argv) == 0
    plain = outcome(tmp_path)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    monkeypatch.setattr(ReadLoss, 'step', refuse_the_second)
    capsys.readouterr()
    assert call(*argv, '--dump', tmp_path / 'kept.pkl', '--test-time', 'read-loss', 'norm', 'tent') == 1
    assert 'error: --test-time read-loss: enough (done: norm, tent, corruption)' in capsys.readouterr().err
    dumped = read_dump(tmp_path / 'kept.pkl')
    right = [int(torch.as_tensor(own['pred_score']).argmax()) == int(own['gt_label']) for own in dumped]
    whole, found = json.loads((tmp_path / 'result.json').read_text())['protocols']['test_time'], outcome(tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in runner.model.state_dict().items())
    assert whole['without']['acc/top1'] == pytest.approx(found['clean']) == plain['clean']
    assert 100 * sum(right) / len(right) == pytest.approx(plain['clean']), 'a dump is of the test without adaptation'
    assert list(whole['methods']) == ['norm', 'tent']
    # What was predicted before the refusal counts nowhere.
    assert list(whole['not_done']) == ['read-loss']
    assert whole['not_done']['read-loss'] == 'enough'
    clean, record = whole['methods']['norm']['metrics']['acc/top1'], whole['methods']['tent']['record']
    assert (record['batches'], record['smallest_batch'], record['steps']) == (2, 15, 2)
    assert whole['methods']['tent']['options']['lr'] == 0
    for name, own in found['modalities'].items():
        for family, one in own['families'].items():
            assert one['accuracy'] == plain['modalities'][name]['families'][family]['accuracy']
            assert list(one['test_time']) == ['norm', 'tent']
            assert one['test_time']['tent'] == {key: one[key] for key in ('accuracy', 'mean', 'relative_drop')}
            # Normalisation by the batch takes scale and shift away.
            adapted = one['test_time']['norm']
            assert adapted['accuracy'] == pytest.approx([clean, clean])
            assert adapted['relative_drop'] == pytest.approx(1 - clean / found['clean'])
        assert own['test_time']['norm']['mean'] == pytest.approx(clean)
    table = (tmp_path / 'corruption.md').read_text()
    assert f'| face | gain + norm | {clean:.1f} | {clean:.1f} | {clean:.1f} |' in table
    assert f'| face | **mean** + norm | {clean:.1f} |' in table
    said = (tmp_path / 'test_time.md').read_text()
    assert f'| none | {found["clean"]:.1f} |' in said
    assert f'| norm | {clean:.1f} |' in said
    assert 'norm: the smallest batch has 15 samples' in said
    assert 'tent: the smallest' not in said, 'a fusion needs no statistics'
    assert 'read-loss is not done: enough.' in said
    capsys.readouterr()
    assert call(file, checkpoint, '--work-dir', tmp_path, '--test-time', 'tent', '--protocol', 'trust') == 1
    assert 'trust evaluates the model as it is: run it without --test-time' in capsys.readouterr().err.splitlines()[-1]
    assert call(file, checkpoint, '--test-time', 'tent', '--cfg-options', 'test_time.tent.rate=1') == 1
    assert '`test_time.tent` has no key \'rate\'' in capsys.readouterr().err.splitlines()[-1]
    assert call(file, checkpoint, '--test-time', 'tent', '--cfg-options', 'test_time.tent=3') == 1
    assert 'test_time.tent=3 must be a dict of options' in capsys.readouterr().err.splitlines()[-1]
    assert call(file, checkpoint, '--test-time', 'tent', '--cfg-options', 'test_time=3') == 1
    assert 'test_time=3 must be a dict of options for each method, such as' in capsys.readouterr().err.splitlines()[-1]
