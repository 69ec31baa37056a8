"""``tools/test.py --protocol`` as a user meets it."""

import json

import pytest
import torch
from mmengine.runner import Runner

from mmda_ext.apis import cli
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.unknown_classes import set_unknown_classes
from mmda_ext.choices import choose
from mmda_ext.evaluation.protocols import class_name, import_protocols, protocol_names
from mmda_ext.evaluation.protocols.base import Evaluation, Protocol, TestedSamples
from mmda_ext.evaluation.protocols.missing import predict_without
from mmda_ext.evaluation.protocols.trust import NOTHING_HELD_OUT
from mmda_ext.folder_lock import FolderInUseError, lock_folder
from mmda_ext.registry import PROTOCOLS
from tests.test_engine.feature_run import feature_config, run, runner_of
from tests.toy_run import toy_config, write_config


def call(*argv):
    return run_with_one_line_errors(lambda: cli.run_test([str(arg) for arg in argv]))


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of a model with heads that was trained for two epochs."""
    folder = tmp_path_factory.mktemp('trained')
    cfg = feature_config('heads', folder, folder / 'run', epochs=2)
    file = write_config(folder / 'heads.py', cfg)
    run(cfg)
    record = json.loads((folder / 'run' / 'result.json').read_text())
    return file, folder / 'run' / record['checkpoint'], record


def result(folder):
    return json.loads((folder / 'result.json').read_text())


def test_every_protocol_is_a_class_of_its_name():
    import_protocols()
    assert 'trust' in protocol_names()
    for name in protocol_names():
        assert issubclass(PROTOCOLS.get(class_name(name)), Protocol)


def test_numbers_go_beside_those_of_the_training(trained, capsys):
    file, checkpoint, record = trained
    folder = checkpoint.parent
    assert call(file, checkpoint, '--protocol', 'trust', '--cfg-options', 'protocols.trust.bins=5') == 0
    written = result(folder)
    outcome = written.pop('protocols')['trust']
    assert written == record  # what the training wrote stays as it was
    assert outcome['checkpoint'] == checkpoint.name
    assert outcome['test_set'] == record['test_set']
    predictors = outcome['predictors']
    assert {'model', 'predictor/fused', 'predictor/modalities', 'predictor/all'} <= set(predictors)
    assert predictors['model'] == predictors['predictor/all'] != predictors['predictor/fused']
    for name, own in predictors.items():
        key = 'acc/top1' if name == 'model' else f'{name}/acc/top1'
        assert own['accuracy'] == pytest.approx(record['test'][key])
    assert sum(one['samples'] for one in outcome['reliability']) == outcome['samples'] == 30
    assert {round(one['high'] * 5, 9) for one in outcome['reliability']} <= {1, 2, 3, 4, 5}
    out = capsys.readouterr().out
    assert (folder / 'trust.md').read_text() in out
    assert '| model |' in out
    assert outcome['out_of_class'] == {}
    assert outcome['notes'] == [NOTHING_HELD_OUT]
    assert (folder / 'trust.png').stat().st_size > 10_000


def test_classes_that_were_held_out(tmp_path, capsys):
    """From training with one class less to its detection, whose confidences are counted by hand."""
    cfg = feature_config('heads', tmp_path, tmp_path / 'run', epochs=2)
    file = write_config(tmp_path / 'heads.py', cfg)
    cfg.unknown_classes = ['b']
    set_unknown_classes(cfg)
    runner = run(cfg)
    checkpoint = tmp_path / 'run' / result(tmp_path / 'run')['checkpoint']
    assert call(file, checkpoint, '--protocol', 'trust', '--cfg-options', 'unknown_classes=[b]') == 0
    outcome = result(tmp_path / 'run')['protocols']['trust']['out_of_class']

    sides = []
    for only in (False, True):
        config = dict(cfg.test_dataloader.dataset, only_unknown=only)
        data = Runner.build_dataloader(dict(cfg.test_dataloader, dataset=config, batch_size=90))
        samples = runner.model.test_step(next(iter(data)))
        sides.append([sample.pred_score.max() for sample in samples])
    known, unknown = map(torch.stack, sides)
    assert (outcome['classes'], outcome['samples']) == (['b'], len(unknown))
    assert len(known) + len(unknown) == 30
    wins = (known[:, None] > unknown).double() + (known[:, None] == unknown).double() / 2
    assert outcome['predictors']['model']['auroc'] == pytest.approx(float(wins.mean()), abs=1e-6)
    threshold = sorted(known, reverse=True)[-(-95 * len(known) // 100) - 1]
    assert outcome['predictors']['model']['fpr95'] == pytest.approx(float((unknown >= threshold).double().mean()))
    assert f'against {len(unknown)} samples of b, which were held out' in capsys.readouterr().out


def test_open_set(tmp_path, capsys):
    """From training with one class less to HOS at the threshold of validation, counted by hand."""
    cfg = feature_config('heads', tmp_path, tmp_path / 'run', epochs=2)
    file = write_config(tmp_path / 'heads.py', cfg)
    cfg.unknown_classes = ['b']
    set_unknown_classes(cfg)
    runner = run(cfg)
    folder = tmp_path / 'run'
    checkpoint = folder / result(folder)['checkpoint']
    assert call(file, checkpoint, '--protocol', 'open-set', '--cfg-options', 'unknown_classes=[b]',
                'protocols.open_set.os=sample') == 0
    outcome = result(folder)['protocols']['open_set']

    sides = []
    for loader, changes in ((cfg.val_dataloader, {}), (cfg.test_dataloader, {}),
                            (cfg.test_dataloader, dict(only_unknown=True))):
        data = Runner.build_dataloader(dict(loader, dataset=dict(loader.dataset, **changes), batch_size=90))
        sides.append(runner.model.test_step(next(iter(data))))
    validation, known, unknown = ([float(sample.pred_score.detach().max()) for sample in samples] for samples in sides)
    threshold = sorted(validation, reverse=True)[-(-95 * len(validation) // 100) - 1]
    right = sum(bool(sample.pred_label == sample.gt_label) and own >= threshold
                for sample, own in zip(sides[1], known)) / len(known)
    rejected = sum(own < threshold for own in unknown) / len(unknown)
    own = outcome['predictors']['model']
    expected = (threshold, right, rejected, 2 * right * rejected / (right + rejected) if right + rejected else 0)
    assert [own[key] for key in ('threshold', 'os', 'unk', 'hos')] == pytest.approx(expected, abs=1e-6)
    assert {'hos_oracle', 'accuracy_oracle', 'fpr95_known_positive', 'fpr95_unknown_positive'} <= set(own)
    assert [outcome[f'{name}_samples'] for name in ('validation', 'known', 'unknown')] == list(map(
        len, (validation, known, unknown)))
    out = capsys.readouterr().out
    assert (folder / 'open_set.md').read_text() in out
    assert 'Oracle: the best of ten thresholds, chosen by the labels of the test' in out


def test_a_model_that_knows_all_classes_has_no_open_set(trained, tmp_path, capsys):
    file, checkpoint, _ = trained
    assert call(file, checkpoint, '--work-dir', tmp_path, '--protocol', 'open-set') == 1
    assert 'the model knows all classes of its data: train and test with unknown_classes' in capsys.readouterr().err


REFUSAL = "this model: fill='gold' is unknown: choose one of 'zeros'"


def test_missing_modalities(trained, tmp_path, capsys):
    file, checkpoint, record = trained
    folder = tmp_path / 'w'
    assert call(file, checkpoint, '--work-dir', folder, '--protocol', 'missing', '--cfg-options',
                'protocols.missing.rates=[0,0.5]') == 0
    outcome = result(folder)['protocols']['missing']
    assert list(outcome['fills']) == ['zeros', 'mean', 'left-out']
    assert 'needs an objective that translates' in outcome['not_done']['translated']
    for fill, own in outcome['fills'].items():
        assert list(own['subsets']) == ['face+audio', 'face', 'audio']
        complete = own['subsets']['face+audio']
        assert complete['accuracy'] == own['rates']['0'] == pytest.approx(record['test']['acc/top1'])
        assert complete['predictors']['fused'] == pytest.approx(record['test']['predictor/fused/acc/top1'])
        for name in ('face', 'audio'):
            alone = own['subsets'][name]['predictors']
            assert alone['modalities'] == alone[f'head_{name}'] == complete['predictors'][f'head_{name}']
            assert ('fused' in alone) == (fill != 'left-out')
    assert (folder / 'missing.png').stat().st_size > 10_000
    assert '| each missing in 50 % |' in capsys.readouterr().out

    # A test set without the modality, and a recognizer that was told what stands for it, say the same.
    assert call(file, checkpoint, '--work-dir', tmp_path / 'face', '--cfg-options', 'model.missing=zeros',
                'test_dataloader.dataset.modalities=[face]') == 0
    metrics = json.loads(next((tmp_path / 'face').glob('*/*.json')).read_text())
    assert metrics['acc/top1'] == pytest.approx(outcome['fills']['zeros']['subsets']['face']['accuracy'], abs=1e-3)
    assert 'modality/audio/acc/top1' not in metrics
    assert call(file, checkpoint, '--work-dir', tmp_path / 'face', '--protocol', 'missing', 'trust', '--cfg-options',
                'model.missing=zeros', 'test_dataloader.dataset.modalities=[face]') == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('error: --protocol missing: the test has no audio, so that nothing can be taken away')
    assert last.endswith('test with all modalities of the model (done: trust) (MMDA_EXT_TRACEBACK=1 shows where it was '
                         'raised)')


def test_a_model_of_another_kind_has_trust_alone(tmp_path, capsys):
    cfg = toy_config(tmp_path / 'run', epochs=1)
    file = write_config(tmp_path / 'toy.py', cfg)
    run(cfg)
    checkpoint = tmp_path / 'run' / result(tmp_path / 'run')['checkpoint']
    assert call(file, checkpoint, '--protocol', 'missing', 'trust') == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert '--protocol missing: this protocol needs a model with an encoder for each modality' in last
    found = result(tmp_path / 'run')
    assert found['protocols']['trust']['predictors']['model']['accuracy'] == pytest.approx(found['test']['acc/top1'])
    assert set(found['protocols']['trust']['predictors']) == {'model', 'modality/x', 'modality/y'}


def test_what_a_protocol_is_given_of_the_test_and_of_the_training(tmp_path):
    cfg = feature_config('heads', tmp_path, tmp_path / 'run')
    cfg.test_evaluator = dict(type='mmda_ext.DomainAccuracy', inductive_split='test')
    cfg.test_dataloader.dataset.update(split='all', target_test_fraction=.4)
    cfg.train_dataloader.dataset.update(domains=('x', 'y', 'z'), split='all', unlabeled_target=True)
    runner = runner_of(cfg)
    tested = TestedSamples()
    runner.register_hook(tested)
    runner.test()
    evaluation = Evaluation(runner, tested.outputs)
    assert len(tested.outputs) > len(evaluation.features.labels)
    assert torch.equal(evaluation.clean.labels, evaluation.features.labels)
    assert evaluation.clean.sample_ids == [
        sample.sample_id for sample in tested.outputs if sample.split == 'test']
    whole = predict_without(runner.model, evaluation.features.values, 'zeros')
    torch.testing.assert_close(whole['model'], evaluation.clean.probabilities['model'])
    data = runner.build_dataloader(dict(cfg.test_dataloader, batch_size=90)).dataset
    assert len(evaluation.features.labels) == sum(data[row]['data_samples'].split == 'test' for row in range(len(data)))
    training = Runner.build_dataloader(evaluation.training_loader()).dataset
    kept = [row for row in map(training.__getitem__, range(len(training))) if not row['data_samples'].is_target]
    assert 0 < len(kept) < len(training)
    found = evaluation.training_features
    assert len(found.labels) == len(kept)
    for name, backbone in runner.model.backbones.items():
        with torch.no_grad():
            expected = backbone(torch.stack([row['inputs'][name] for row in kept]).float())
        torch.testing.assert_close(found.values[name], expected)


class Refusing(Protocol):
    def evaluate(self, evaluation):
        choose('fill', 'gold', ['zeros'], 'this model')

    def table(self, result):
        raise AssertionError('there is nothing to show')


@pytest.fixture
def refusing(monkeypatch):
    """The protocol ``refusing`` is there, and refuses."""
    PROTOCOLS.register_module(module=Refusing, force=True)
    monkeypatch.setattr(cli, 'protocol_names', lambda: ('refusing', 'trust'))
    yield
    PROTOCOLS.module_dict.pop('Refusing')


def test_what_one_protocol_refuses_the_others_do(trained, refusing, tmp_path, capsys):
    file, checkpoint, _ = trained
    argv = (file, checkpoint, '--work-dir', tmp_path / 'w', '--protocol')
    assert call(*argv, 'refusing', 'trust') == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f'error: --protocol refusing: {REFUSAL} (done: trust)')
    written = result(tmp_path / 'w')
    assert list(written) == ['protocols'], 'only a training says what it selected and tested'
    assert written['protocols']['refusing']['refused'] == REFUSAL
    assert written['protocols']['trust']['samples'] == 30
    # A later one keeps what an earlier one found.
    assert call(*argv, 'trust', '--cfg-options', 'protocols.trust.bins=3') == 0
    assert result(tmp_path / 'w')['protocols']['refusing'] == written['protocols']['refusing']


@pytest.mark.parametrize(('argv', 'message'), [
    (['--protocol', 'trst'], "invalid choice: 'trst'"),
    (['--protocol', 'trust', '--cfg-options', 'protocols.trust.bin=3'], 'did you mean protocols.trust.bins'),
    (['--protocol', 'trust', '--cfg-options', 'protocols.trst.bins=3'], 'did you mean protocols.trust'),
    (['--protocol', 'trust', '--cfg-options', 'protocols.trust.bins=0'], 'must be a whole number from 1 on'),
    (['--protocol', 'trust', '--new-options', 'protocols.trust.bin=3'], "Trust has no argument 'bin'"),
    (['--protocol', 'trust', '--new-options', 'protocols.trst.bins=3'], "a name in protocols='trst' is unknown"),
])
def test_bad_input_is_one_sentence(trained, tmp_path, capfd, argv, message):
    file, checkpoint, _ = trained
    try:
        code = call(file, checkpoint, '--work-dir', tmp_path, *argv)
    except SystemExit as end:  # argparse's
        code = end.code
    assert code
    assert message in capfd.readouterr().err.strip().splitlines()[-1]


def test_a_damaged_result_is_not_overwritten(trained, tmp_path, capfd):
    file, checkpoint, _ = trained
    (tmp_path / 'result.json').write_text('{"test": ')
    assert call(file, checkpoint, '--work-dir', tmp_path, '--protocol', 'trust') == 1
    assert 'result.json is damaged, so that the protocols cannot be added' in capfd.readouterr().err.splitlines()[-1]
    assert (tmp_path / 'result.json').read_text() == '{"test": '


def test_a_folder_in_use_is_left_alone(trained, tmp_path, capfd):
    file, checkpoint, _ = trained
    with lock_folder(tmp_path):
        assert call(file, checkpoint, '--work-dir', tmp_path, '--protocol', 'trust') == FolderInUseError.exit_code
    assert 'is in use by process' in capfd.readouterr().err.splitlines()[-1]
