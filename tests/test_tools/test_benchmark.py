"""One protocol: equal search for every row, seeds with what it found, one table; trained by a stand-in."""

import json
import re
import signal
from pathlib import Path

import pytest
from mmengine.config import Config

from mmda_ext.apis.compose import Choice, with_ingredients
from mmda_ext.apis.recipe_files import method_file, methods, recipe_name
from tests.conftest import ROOT

# The score on source validation is higher for a smaller rate; `fails` makes one row fail.
TRAINER = """
import json, math, pathlib, sys
argv = sys.argv
folder = pathlib.Path(argv[argv.index('--work-dir') + 1])
seed, row = int(argv[argv.index('--seed') + 1]), pathlib.Path(argv[1]).stem
options = dict(word.split('=') for word in argv if word.startswith('optim_wrapper'))
rate = float(options.get('optim_wrapper.optimizer.lr', 1e-3))
with open('calls.txt', 'a') as calls:
    calls.write(f'{folder} {row} {seed} {rate}\\n')
broken = pathlib.Path('broken.txt')
if broken.exists() and broken.read_text() in str(folder):
    sys.exit(3)
rule = 'last' if broken.exists() and broken.read_text() == f'unselected {row}' else 'source_validation'
val = -10 * math.log10(rate)
result = {'val': {'acc/top1': 0.0, 'a/acc/top1': val, 'b/acc/top1': val + 2},
          'val_set': {'all': {'samples': 2, 'domains': {'a': 1, 'b': 1}, 'fingerprint': 'x'}},
          'test': {'acc/top1': 50.0 + seed + 10 * (row == 'base')}, 'selection': rule}
if '--also-select' in argv:
    result['rules'] = {'last': {'epoch': 9, 'val': {}, 'test': {'acc/top1': result['test']['acc/top1'] - 5}}}
if '--upper-bound' in argv:
    result['seen_test_domains'] = ['usps']
(folder / 'result.json').write_text(json.dumps(result))
"""
PROTOCOL = """
rows: [erm, base]
tables:
  digits: {dataset: avdigits, targets: [usps, mnist]}
  faces: {dataset: ravdess, targets: [actors01-06], modalities: [face]}
seeds: 2
search: {trials: 3}
"""


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import benchmark
    before = signal.getsignal(signal.SIGTERM)
    yield benchmark
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    (tmp_path / 'trainer.py').write_text(TRAINER)
    (tmp_path / 'protocol.yaml').write_text(PROTOCOL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(benchmark) -> int:
    return benchmark.main(['protocol.yaml', '--work-dir', 'out', '--jobs', '2', '--trainer', 'trainer.py'])


def calls(place: Path) -> list[list[str]]:
    file = place / 'calls.txt'
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def test_every_row_is_searched_alike_and_trained_with_what_was_found(benchmark, place, capsys):
    (place / 'broken.txt').write_text('base/usps/seed1')
    assert run(benchmark) == 1
    (place / 'broken.txt').unlink()
    first = calls(place)
    # 3 trials and 2 seeds of 2 rows on 2 targets and 1
    assert len(first) == (3 + 2) * 2 * 3
    trials = {(folder, rate) for folder, _, seed, rate in first if seed == '1000'}
    by_row = {row: sorted(rate for folder, rate in trials if f'/{row}/' in folder) for row in ('erm', 'base')}
    assert by_row['erm'] == by_row['base']
    assert by_row['erm'].count('0.001') == 3  # the recipe as it stands, once for each target
    found = json.loads((place / 'out/digits/searched.json').read_text())
    smallest = min(by_row['erm'], key=float)
    chosen = dict(word.split('=') for word in found['erm']['usps']['options'])
    assert chosen['optim_wrapper.optimizer.lr'] == smallest
    assert {rate for _, _, seed, rate in first if seed != '1000'} == {smallest}
    # No target score is shown during a search.
    said = capsys.readouterr().out
    assert re.search(r'done erm trial 0 .*source validation acc', said)
    assert not re.search(r'trial \d.*target acc', said)

    assert run(benchmark) == 0
    assert [call[0] for call in calls(place)[len(first):]] == ['out/digits/base/usps/seed1']  # nothing trained twice
    table = (place / 'out/table.md').read_text().splitlines()
    assert table[0] == '| recipe | digits | faces | mean rank |'
    assert table[2] == '| erm | 50.5 ± 0.7 (n=2) | 50.5 ± 0.7 (n=2) | 2.0 |'
    assert table[3] == '| base | +10.0 [+10.0, +10.0] (n=2) * | +10.0 [+10.0, +10.0] (n=2) * | 1.0 |'
    assert (place / 'out/ranks.png').exists()
    assert (place / 'out/digits/accuracy.png').exists()


def test_a_row_whose_search_fails_is_a_row_with_its_reason(benchmark, place):
    (place / 'protocol.yaml').write_text(PROTOCOL.replace('[usps, mnist]', '[usps]').replace('trials: 3', 'trials: 1'))
    (place / 'broken.txt').write_text('digits/search/base')
    assert run(benchmark) == 1
    cells = json.loads((place / 'out/digits/results.json').read_text())['cells']
    reasons = {cell['reason'] for cell in cells if cell['row'] == 'base'}
    assert reasons == {'no trial of its search ended'}
    assert {cell['state'] for cell in cells if cell['row'] == 'erm'} == {'done'}
    (place / 'broken.txt').unlink()
    assert run(benchmark) == 0
    assert {cell['state'] for cell in json.loads((place / 'out/digits/results.json').read_text())['cells']} == {'done'}


def test_a_run_that_source_validation_did_not_select_is_the_reason_of_its_row(benchmark, place):
    (place / 'protocol.yaml').write_text(PROTOCOL.replace('[usps, mnist]', '[usps]').replace('trials: 3', 'trials: 1'))
    (place / 'broken.txt').write_text('unselected base')
    assert run(benchmark) == 1
    cells = json.loads((place / 'out/digits/results.json').read_text())['cells']
    reason = "a search needs source validation, and this run was selected by 'last'"
    assert {cell['row']: (cell['state'], cell['reason']) for cell in cells} == {
        'erm': ('done', ''), 'base': ('failed', reason)}
    assert f'Failed on digits: base / usps / seed 0: {reason}' in (place / 'out/table.md').read_text()


def test_a_cell_that_another_recipe_made_is_the_reason_of_its_row(benchmark, place):
    (place / 'protocol.yaml').write_text('rows: [erm, base]\ntables: {x: {dataset: avdigits, targets: [usps]}}\n')
    assert run(benchmark) == 0
    file = place / 'out/x/base/usps/seed0/cell.json'
    file.write_text(file.read_text().replace('"options": []', '"options": ["lr=1"]'))
    assert run(benchmark) == 1
    results = json.loads((place / 'out/x/results.json').read_text())
    erm, base = results['cells']
    assert (erm['state'], base['state'], base['result']) == ('done', 'failed', None)
    assert "was made with options ['lr=1'], now it is []: name another row" in base['reason']
    assert (results['table'], results['dataset']) == ('x', 'avdigits')


def test_a_search_of_another_space_is_refused_before_anything_trains(benchmark, place):
    """Of any table: nothing is lost, and nothing is trained in front of the refusal."""
    short = PROTOCOL.replace('[usps, mnist]', '[usps]').replace('trials: 3', 'trials: 1')
    (place / 'protocol.yaml').write_text(short)
    assert run(benchmark) == 0
    begun = len(calls(place))
    (place / 'protocol.yaml').write_text(short.replace('seeds: 2', 'seeds: 5').replace('[face]', '[audio]'))
    with pytest.raises(ValueError, match='the search faces/erm/actors01-06 was begun with another recipe or space'):
        run(benchmark)
    assert len(calls(place)) == begun


def test_a_benchmark_can_move_to_another_machine(benchmark, place):
    """Records name a config of the package by its place in the package, and any other as it was given."""
    (place / 'protocol.yaml').write_text(PROTOCOL.replace('seeds: 2', 'seeds: 1').replace('trials: 3', 'trials: 1'))
    assert run(benchmark) == 0
    records = [path.read_text() for path in (place / 'out').rglob('cell.json')]
    records += [(place / 'out/optuna.journal').read_text(), (place / 'out/digits/results.json').read_text()]
    assert len(records) > 6
    assert all('configs/methods/erm.py' in text or 'configs/methods/base.py' in text for text in records)
    assert not any(f'{ROOT}/configs' in text for text in records)
    assert recipe_name(method_file('erm')) == 'configs/methods/erm.py'
    assert recipe_name('own/erm.py') == 'own/erm.py'


def test_rules_are_put_side_by_side_and_an_upper_bound_beside_the_rows(benchmark, place):
    (place / 'protocol.yaml').write_text('''
rows: [erm, base, upper-bound]
tables: {x: {dataset: avdigits, targets: [usps]}}
seeds: 2
search: {trials: 1}
selection: [source_validation, last]
''')
    assert run(benchmark) == 0
    side_by_side = (place / 'out/x/selection.md').read_text().splitlines()
    assert side_by_side[0] == '| recipe | source validation | last |'
    assert side_by_side[3] == '| base | 60.5 ± 0.7 (n=2) | 55.5 ± 0.7 (n=2) |'
    assert side_by_side[4].startswith('| upper-bound ‡ |')
    table = (place / 'out/x/table.md').read_text()
    assert re.search(r'\| upper-bound ‡ .* \| upper bound \| source validation \|', table)
    flags = {file.parent.relative_to(place / 'out/x').as_posix(): json.loads(file.read_text())['data'][4:]
             for file in (place / 'out/x').rglob('cell.json')}
    # No search looks at the target.
    assert flags['search/erm/usps/trial0'] == []
    assert flags['search/upper-bound/usps/trial0'] == ['--upper-bound']
    assert flags['erm/usps/seed0'] == ['--also-select', 'last']
    assert flags['upper-bound/usps/seed1'] == ['--upper-bound', '--also-select', 'last']


def test_a_row_has_options_of_its_own(benchmark, place):
    row = '{name: slow, method: base, options: {optim_wrapper.optimizer.lr: 0.5}}'
    (place / 'protocol.yaml').write_text(f'rows: [erm, {row}]\ntables: {{x: {{dataset: ravdess}}}}\n')
    assert run(benchmark) == 0
    assert {(row, rate) for _, row, _, rate in calls(place)} == {('erm', '0.001'), ('base', '0.5')}
    assert len(calls(place)) == 2 * 4  # every domain in turn
    results = json.loads((place / 'out/x/results.json').read_text())
    assert results['rows'] == ['erm', 'slow']


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('rows: [erm, base]', 'rows: [erm, bass]', 'protocol.yaml: .*bass'),
    ('rows: [erm, base]', 'rows: [erm, erm]', 'rows: erm twice'),
    ('rows: [erm, base]', 'rows: []', 'the file: rows is missing'),
    ('[usps, mnist]', '[usp]', 'row erm on table digits: --target usp: unknown'),
    ('dataset: avdigits', 'dataset: nowhere', 'protocol.yaml: .*nowhere'),
    ('seeds: 2', 'sedes: 2', 'sedes is unknown; it holds rows, tables, seeds, search, selection'),
    ('trials: 3', 'trails: 3', 'search: trails is unknown'),
    ('trials: 3', 'trials: 3, seed: 1', 'its seed 1 is among the seeds'),
    ('[face]', '[nose]', 'row erm on table faces: --modalities nose'),
    ('digits:', '../digits:', r'\.\./digits'),
    ('rows:', 'rows: [', 'is no YAML'),
    ('seeds: 2', 'selection: [best]', "selection: rule='best' is unknown: choose one of 'last', 'oracle'"),
    ('[erm, base]', '[upper-bound, erm]', 'upper-bound is an upper bound, and the first row is the reference'),
    ('dataset: avdigits, targets: [usps, mnist]', 'dataset: bare.py', 'bare.py has no `domains`, so none can be left'),
    ('erm, base]', 'erm, {name: odd, method: base, options: {search.x.factor: 2}}]',
     'row odd on table digits: search: the recipe has no x .nothing at'),
])
def test_a_wrong_file_is_one_sentence(benchmark, place, old, new, message):
    (place / 'protocol.yaml').write_text(PROTOCOL.replace(old, new))
    (place / 'bare.py').write_text('num_classes = 2')
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        run(benchmark)
    assert '\n' not in str(error.value)
    assert not calls(place)


@pytest.fixture
def search(benchmark):
    import benchmark_search
    return benchmark_search


def config(**entries) -> Config:
    return Config({'a': {'b': [0.5, 2]}, 'search': {'a.b.0': {'factor': 10}, **entries}})


def open_search(search, journal: Path, name: str, cfg: Config):
    return search.Search(search.open_journal(journal), name, search.read_space(cfg), 'x')


def test_what_all_rows_search_is_drawn_alike(search, tmp_path):
    journal = tmp_path / 'optuna.journal'
    few = open_search(search, journal, 'few', config()).trials(5, seed=3)
    many = config(**{'a.b.1': {'low': 1, 'high': 9}})
    more = open_search(search, journal, 'more', many)
    drawn = more.trials(2, seed=3)
    again = open_search(search, journal, 'more', many).trials(5, seed=3)  # as after a kill
    assert again[:2] == drawn
    assert again[0] == {'a.b.0': 0.5, 'a.b.1': 2}
    assert [trial['a.b.0'] for trial in again] == [trial['a.b.0'] for trial in few]
    assert len({trial['a.b.0'] for trial in few}) == 5
    assert all(0.05 <= trial['a.b.0'] <= 5 and trial['a.b.1'] in range(1, 10) for trial in again)


def test_first_of_equals_is_best_and_a_failed_trial_stays_open(search, tmp_path):
    found = open_search(search, tmp_path / 'j', 'x', config())
    trials = found.trials(4, seed=3)
    assert found.best() is None
    for number, value in ((0, 1.0), (3, 2.0), (1, 2.0), (1, 99.0)):
        found.tell(number, value)
    assert found.best() == (1, trials[1], 2.0)


def test_a_file_that_is_no_journal_is_one_sentence(search, tmp_path):
    (tmp_path / 'j').write_text('x\ny\n')
    with pytest.raises(ValueError, match='j is no journal of Optuna, or damaged .*name another --work-dir') as error:
        search.open_journal(tmp_path / 'j')
    assert '\n' not in str(error.value)


def test_a_journal_of_another_search_is_refused(search, tmp_path):
    open_search(search, tmp_path / 'j', 'x', config())
    with pytest.raises(ValueError, match='begun with another recipe or space'):
        open_search(search, tmp_path / 'j', 'x', config(**{'a.b.1': {'choices': [1, 2]}}))


@pytest.mark.parametrize('dataset', ['ravdess', 'ravdess-adaptation'])
def test_every_method_has_a_space_that_begins_with_the_rates(search, dataset):
    for name in methods(reads_target=dataset.endswith('adaptation')):
        cfg = with_ingredients(Path(method_file(name)), Choice(dataset=dataset))
        space, _ = search.read_space(cfg)
        assert list(space)[:2] == ['optim_wrapper.optimizer.lr', 'optim_wrapper.optimizer.weight_decay']


@pytest.mark.parametrize(('key', 'entry', 'message'), [
    ('a.c', {'factor': 2}, "has no a.c .nothing at 'c'"),
    ('a.b.7', {'factor': 2}, "has no a.b.7 .nothing at '7'"),
    ('a.b.1', {'low': 3, 'high': 5}, 'a.b.1 is 2 in the recipe, which'),
    ('a.b.1', {'choices': [3]}, 'a.b.1 is 2 in the recipe, which'),
    ('a.b.1', {'low': 3}, 'is no range: low or high is missing'),
    ('a.b.1', {'lo': 3}, 'is no range: .*lo'),
    ('a.b.1', {'low': 5, 'high': 1}, 'is no range'),
])
def test_a_wrong_space_is_one_sentence(search, key, entry, message):
    with pytest.raises(ValueError, match=message) as error:
        search.read_space(config(**{key: entry}))
    assert '\n' not in str(error.value)
    assert str(error.value).startswith('search: ')


def test_score_is_the_mean_over_source_domains(search):
    result = {'selection': 'source_validation', 'val': {'acc/top1': 1.0, 'a/acc/top1': 2.0, 'b/acc/top1': 6.0},
              'val_set': {'all': {'domains': {'a': 9, 'b': 1}}}}
    assert search.score(result) == 4.0
    assert search.score({**result, 'val_set': None}) == 1.0
    with pytest.raises(ValueError, match="needs source validation, and this run was selected by 'last'"):
        search.score({**result, 'selection': 'last'})


@pytest.mark.slow
@pytest.mark.parametrize('file', sorted((ROOT / 'configs/benchmarks').glob('*.yaml')), ids=lambda file: file.stem)
def test_the_files_that_are_shipped_can_run(benchmark, file, monkeypatch):
    import benchmark_file
    monkeypatch.chdir(ROOT)
    assert benchmark_file.read_benchmark(file).rows[0].name in ('erm', 'dt')
    assert f'python tools/benchmark.py configs/benchmarks/{file.name}' in ' '.join(
        line.lstrip('# ') for line in file.read_text().splitlines() if line.startswith('#'))
