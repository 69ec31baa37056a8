"""The gallery: rows found on disk, trained by a stand-in, published with what a reader must know."""

import json
import signal
from pathlib import Path

import pytest

from mmda_ext.apis.recipe_files import methods
from tests.conftest import ROOT
from tests.recipes import recipe

TOOLS = ROOT / 'tools'
TRAINER = """
import json, pathlib, sys
argv = sys.argv
folder = pathlib.Path(argv[argv.index('--work-dir') + 1])
seed = int(argv[argv.index('--seed') + 1])
recipe = pathlib.Path(argv[1])
with open('calls.txt', 'a') as calls:
    calls.write(f'{recipe.stem} {seed} {argv[argv.index("--resume") + 1:]}\\n')
if recipe.read_text() == 'fail':
    sys.exit(3)
score = 50.0 + seed + 10 * ('gmp' in recipe.name)
result = {'val': {'acc/top1': 80.0}, 'test': {'acc/top1': score}, 'selection': 'source_validation'}
(folder / 'result.json').write_text(json.dumps(result))
"""
#: Stand for all of them.
METHODS = {False: ['gmp', 'new', 'base'], True: ['boomda', 'dt']}


@pytest.fixture
def gallery(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import gallery
    before = signal.getsignal(signal.SIGTERM)
    yield gallery
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def place(tmp_path, monkeypatch, gallery) -> Path:
    """A repository with the digits alone: three rows without, two with a target in training."""
    monkeypatch.setattr(gallery, 'methods', lambda reads_target: METHODS[reads_target])
    methods = [f'configs/methods/{name}.py' for names in METHODS.values() for name in names]
    for name in [*methods, 'data/av_digits/av_digits.npz']:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('good')
    (tmp_path / 'trainer.py').write_text(TRAINER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(gallery, *more: str) -> int:
    return gallery.main(['--trainer', 'trainer.py', '--jobs', '2', '--seeds', '0', *more])


def calls(place: Path) -> list[str]:
    return (place / 'calls.txt').read_text().splitlines() if (place / 'calls.txt').exists() else []


def test_one_command_fills_every_table_that_has_data(gallery, place, capsys):
    assert run(gallery) == 0
    said = capsys.readouterr().out
    assert 'ravdess-generalization is left out: data/ravdess_av/ravdess_av.npz is not there, docs/data.md says' in said
    assert "gmp 0 ['--dataset', 'avdigits', '--target', 'usps']" in calls(place)
    assert "dt 0 ['--dataset', 'avdigits-adaptation', '--target', 'usps']" in calls(place)
    assert len(calls(place)) == 3 * 3 + 2
    content = json.loads((place / 'work_dirs/gallery/avdigits-generalization/results.json').read_text())
    assert content['rows'] == ['base', 'gmp', 'new']  # the reference, the order of the page, the unknown one
    table = (place / 'work_dirs/gallery/avdigits-generalization/table.md').read_text()
    assert '| gmp | 60.0 (n=1) |' in table
    assert (place / 'work_dirs/gallery/avdigits-adaptation/accuracy.png').exists()
    assert '| dt | 50.0 (n=1)' in (place / 'work_dirs/gallery/avdigits-adaptation/table.md').read_text()
    assert run(gallery) == 0
    assert len(calls(place)) == 11  # nothing is trained twice


def test_a_failed_run_is_tried_again_and_nothing_incomplete_is_published(gallery, place):
    broken = place / 'configs/methods/boomda.py'
    broken.write_text('fail')
    assert run(gallery, '--family', 'adaptation', '--publish') == 1
    assert not (place / 'docs').exists()
    assert 'Failed: boomda' in (place / 'work_dirs/gallery/avdigits-adaptation/table.md').read_text()
    broken.write_text('good')
    assert run(gallery, '--family', 'adaptation', '--publish') == 0
    assert len(calls(place)) == 3
    assert {path.name for path in (place / 'docs/results/gallery-avdigits-adaptation').iterdir()} == {
        'README.md', *gallery.PUBLISHED}


def test_what_is_published_says_how_it_came_about(gallery, place):
    options = ('--data', 'avdigits', '--family', 'generalization', '--rows', 'gmp', '--cfg-options', 'lr=1',
               '--new-options', 'x=2')
    assert run(gallery, *options, '--publish') == 0
    assert all(line.endswith("'--cfg-options', 'lr=1', '--new-options', 'x=2']") for line in calls(place))
    folder = place / 'docs/results/gallery-avdigits-generalization'
    results, page = json.loads((folder / 'results.json').read_text()), (folder / 'README.md').read_text()
    assert results['rows'] == ['base', 'gmp']  # the reference is always there
    assert ('python tools/gallery.py --data avdigits --family generalization --seeds 0 --rows base gmp '
            '--cfg-options lr=1 --new-options x=2 --publish') in page
    assert f'on {results["updated"][:10]}.' in page
    assert 'selected by: source validation.' in page
    assert '2 recipes of [methods.md](../../methods.md). Seeds 0, targets:\nmnist, optdigits, usps.' in page


def test_a_row_of_one_family_leaves_the_other_alone(gallery, place):
    assert run(gallery, '--rows', 'boomda') == 0
    assert sorted(line.split()[0] for line in calls(place)) == ['boomda', 'dt']


def test_unknown_rows_and_a_wrong_folder_are_refused_in_one_sentence(gallery, place, capsys, monkeypatch):
    assert run(gallery, '--rows', 'gmpp') == 2
    assert '--rows gmpp: there are base, boomda, dt, gmp, new' in capsys.readouterr().out
    (place / 'empty').mkdir()
    monkeypatch.chdir(place / 'empty')
    assert run(gallery) == 2
    assert 'run the command in the root of the repository' in capsys.readouterr().out
    assert not calls(place)


def test_a_stop_ends_the_whole_gallery(gallery, place, monkeypatch):
    begun = []

    def stopped(command):
        begun.append(command)
        return 143

    monkeypatch.setattr(gallery.sweep, 'main', stopped)
    assert run(gallery) == 143
    assert len(begun) == 1


@pytest.mark.parametrize('family', ['generalization', 'adaptation'])
def test_the_methods_of_this_repository_are_all_found(gallery, monkeypatch, family):
    monkeypatch.chdir(ROOT)
    for part in (part for part in gallery.PARTS if part.family == family):
        found = part.methods()
        assert found[:3] == (['base', 'erm', 'g-blend'] if family == 'generalization' else ['dt', 'dann', 'cdan'])
        assert sorted(found) == sorted(set(methods(reads_target=family == 'adaptation')) - {*gallery.LEFT_OUT})
        order = gallery.names_in_order()
        listed = [name for name in order if name in found]
        assert [name for name in found if name in order] == listed, 'not the order of docs/methods.md'
        for target in part.targets:
            assert recipe(found[0], part.dataset, target=[target]).recipe.target
