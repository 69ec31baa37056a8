"""Pictures of a run by one command each: what is drawn, and a sentence where there is nothing to draw."""

import json
import sys

import cv2
import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from mmda_ext.apis.run_samples import run_samples
from mmda_ext.visualization import confusion_plot, embedding_plot
from mmda_ext.visualization.search_plot import plot_search, read_search
from mmda_ext.visualization.style import colour_and_mark
from mmda_ext.visualization.trajectories import plot_trajectories, read_trajectories
from tests.conftest import ROOT
from tests.test_engine.feature_run import feature_config, run
from tests.test_visualization.test_curves import accuracy, write


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp('pictures')
    cfg = feature_config('gmp', place, place / 'run', epochs=2)
    run(cfg)
    return place / 'run'


@pytest.fixture
def command(monkeypatch, capsys):
    """A picture by its script, as ``mmda plot NAME`` starts it: exit code and what it said."""
    from mmda_ext.command import main

    def start(*words):
        monkeypatch.setattr(sys, 'argv', ['mmda'])
        path = list(sys.path)
        code = 0
        try:
            main(['plot', *map(str, words)])
        except SystemExit as end:
            code = end.code
        finally:
            sys.path[:] = path
        said = capsys.readouterr()
        return code, said.out + said.err
    return start


def test_samples_of_a_run(folder):
    found = run_samples(folder)
    assert set(found.features) == {'face', 'audio'}
    assert found.targets == ('z', )
    assert set(found.domains.tolist()) == {'x', 'y', 'z'}
    assert found.classes == ('a', 'b', 'c')
    tested = run_samples(folder, ('test', ))
    result = json.loads((folder / 'result.json').read_text())['test']
    hits = tested.probabilities.argmax(1) == tested.labels
    assert 100 * hits.mean() == pytest.approx(result['acc/top1'])
    assert len(found.labels) > len(tested.labels) == 30


def test_tsne_and_confusion(folder, command):
    for name, words in (('tsne', ()), ('confusion', ())):
        code, said = command(name, folder, *words)
        assert (code, f'{name}.png and {name}.svg' in said) == (0, True), said
        assert cv2.imread(str(folder / f'{name}.png')).shape[1] > 400
    points = (folder / 'tsne.svg').read_text()
    for text in ('by class', 'by domain', 'z (target)', 'features of face, audio'):
        assert text in points
    assert 'true (samples)' in (folder / 'confusion.svg').read_text()
    code, said = command('tsne', folder, '--modality', 'flow')
    assert (code, "--modality='flow' is unknown: choose one of 'face', 'audio'" in said) == (1, True), said


def test_a_folder_of_no_run(tmp_path, command):
    for name in ('tsne', 'confusion'):
        code, said = command(name, tmp_path)
        assert (code, 'holds no config (*.py), so it is no folder of a run' in said) == (1, True), said
        assert 'is no folder: name the --work-dir' in command(name, tmp_path / 'x')[1]
    code, said = command('trajectories', tmp_path)
    assert (code, 'has logged nothing that moves (rho, sigma' in said) == (1, True), said
    assert 'name the folder of a data set in the --work-dir' in command('search', tmp_path, 'gmp')[1]


def test_confusion_by_hand():
    counts = confusion_plot.confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_embedding_separates_what_is_apart_and_is_the_same_again():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 5)) + 20 * np.repeat([0, 1], 30)[:, None]
    features[:, 4] = 7  # nothing to divide by
    points = embedding_plot.embed(features)
    assert np.array_equal(points, embedding_plot.embed(features))
    near = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(near, np.inf)
    assert ((near.argmin(1) < 30) == (np.arange(60) < 30)).all()
    with pytest.raises(ValueError, match='t-SNE of 3 samples'):
        embedding_plot.embed(features[:3])
    assert embedding_plot.some(10, most=4).tolist() == sorted(set(embedding_plot.some(10, most=4).tolist()))


def logged(number, **values):
    return {**values, 'epoch': 1, 'iter': number, 'step': number}


def test_trajectories(tmp_path):
    write(tmp_path, '20260101_000000', logged(20, **{
        'balance/rho_face': 1.5, 'balance/r': 2., 'balance/squared_norm_face': 0., 'loss': 1.}),
          accuracy(1, 50.), logged(40, **{'balance/rho_face': float('nan'), 'balance/weight_align/face': 3.}))
    write(tmp_path, '20260102_000000', logged(40, **{'balance/rho_face': .5, 'balance/rho_audio': 2.}))
    found = read_trajectories(tmp_path)
    assert found == dict(rho=dict(face={20: 1.5, 40: .5}, audio={40: 2.}), r={'': {20: 2.}},
                         norm=dict(face={20: 0.}), weight={'align/face': {40: 3.}})
    path = plot_trajectories(found, tmp_path / 'x.png', 'a run')
    drawn = path.with_suffix('.svg').read_text()
    assert 'squared norms' in drawn  # with nothing that a logarithm could show
    assert 'weight of the loss' not in drawn
    assert 'weight of the loss' in plot_trajectories(found, path, show=['weight']).with_suffix('.svg').read_text()
    with pytest.raises(ValueError, match='has not logged sigma: it has rho, r, norm, weight'):
        plot_trajectories(found, path, show=['sigma'])


def test_what_a_balanced_run_logs_is_found(folder, command):
    found = read_trajectories(folder)
    assert {'rho', 'sigma', 'k', 'p', 'cosine'} <= set(found)
    assert set(found['k']) == {'face', 'audio'}
    code, said = command('trajectories', folder, '--show', 'rho', 'k')
    assert (code, (folder / 'trajectories.svg').is_file()) == (0, True), said


def searched(place):
    """A journal as tools/benchmark.py leaves it beside the folders of its data sets."""
    storage = JournalStorage(JournalFileBackend(str(place / 'optuna.journal')))
    for name in ('set/gmp/z', 'set/erm/z', 'other/gmp/z'):
        study = optuna.create_study(storage=storage, study_name=name, direction='maximize')
        for rate, score in ((1e-3, 80.), (1e-5, 60.), (2e-3, None)):
            study.enqueue_trial({'optim.lr': rate})
            trial = study.ask({'optim.lr': FloatDistribution(1e-6, 1, log=True), 'fixed': IntDistribution(1, 1)})
            if score is not None and name != 'set/erm/z':
                study.tell(trial, score)
    (place / 'set').mkdir()
    return place / 'set'


def test_search(tmp_path, command):
    folder = searched(tmp_path)
    assert read_search(folder, 'gmp') == {'optim.lr': {'z': [(1e-3, 80.), (1e-5, 60.)]}}
    code, said = command('search', folder, 'gmp')
    assert (code, 'search_gmp.png and search_gmp.svg' in said) == (0, True), said
    assert 'optim.lr' in (folder / 'search_gmp.svg').read_text()
    assert "has searched no row 'base' on set: gmp, erm" in command('search', folder, 'base')[1]
    assert "no two trials of row 'erm' on set" in command('search', folder, 'erm')[1]
    words = {'model.kind': {'z': [('a', 1.), ('b', 2.)], 'y': [('b', 3.)]}}
    assert plot_search(words, tmp_path / 'words.png').is_file()


def test_two_lines_never_look_alike():
    assert len({colour_and_mark(index) for index in range(49)}) == 49


def test_the_same_picture_has_the_same_bytes(tmp_path):
    counts = np.eye(3, dtype=int)
    one, two = (confusion_plot.plot_confusion(counts, 'abc', tmp_path / name / 'a.png') for name in 'xy')
    assert one.with_suffix('.svg').read_bytes() == two.with_suffix('.svg').read_bytes()


def test_every_picture_of_the_page_is_a_command():
    page = (ROOT / 'docs/pictures.md').read_text()
    for name in ('tsne', 'confusion', 'trajectories', 'search'):
        assert f'mmda plot {name} ' in page
