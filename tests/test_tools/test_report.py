"""Tables, plots and the picture of the data, by the command line."""

import csv
import json
from pathlib import Path

import cv2
import pytest

from mmda_ext.datasets.synthetic import DemoSpec, make_demo_data
from mmda_ext.visualization import accuracy_plot
from mmda_ext.visualization.results import SweepResults, read_results
from mmda_ext.visualization.tables import csv_table, markdown_table

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'analysis'
SCORES = {
    ('Base', 'a'): [60.0, 63.0, 66.0],
    ('Base', 'b'): [40.0, 41.0, 42.0],
    ('GMP', 'a'): [62.0, 67.0, 72.0],
    ('GMP', 'b'): [40.0, 41.0, 42.0],
    ('New', 'a'): [70.0],
}
# By row, as result.json says it; the second is of before the rule was written.
SELECTION = {
    'Base': {'selection': 'source_validation', 'selected_by': 'acc/top1'}, 'GMP': {'selected_by': 'last'},
    'New': {'selection': 'target_oracle'}}


@pytest.fixture
def file(tmp_path) -> Path:
    cells = []
    for row in ('Base', 'GMP', 'New'):
        for target in 'ab':
            for seed in range(3):
                values = SCORES.get((row, target), [])[seed:]
                cell = {'row': row, 'target': target, 'seed': seed, 'folder': f'{row}/{target}/seed{seed}'}
                cell |= (
                    {'state': 'done', 'result': {'test': {'acc/top1': values[0]}, **SELECTION[row]}}
                    if values else {'state': 'not run'}
                )
                cells.append({'reason': '', **cell})
    cells[-1] |= {'state': 'failed', 'reason': 'exit code 3'}
    content = {'rows': ['Base', 'GMP', 'New'], 'targets': ['a', 'b'], 'main_metric': 'acc/top1', 'cells': cells}
    (tmp_path / 'results.json').write_text(json.dumps(content))
    return tmp_path / 'results.json'


def test_markdown_holds_the_hand_worked_numbers(file):
    lines = markdown_table(read_results(file)).splitlines()
    numbers = '63.0 ± 3.0 (n=3) | 41.0 ± 1.0 (n=3) | 52.0 ± 2.0 (n=3)'
    assert lines[2] == f'| Base | {numbers} | reference | source validation |'
    # differences of the target means 1, 2, 3: 2 ± 4.302653 / sqrt(3)
    assert lines[3].endswith('| 54.0 ± 3.0 (n=3) | +2.0 [-0.5, +4.5] (n=3) | last |')
    assert lines[4] == '| New | 70.0 (n=1) | not run | not run | not run | target oracle |'
    assert 'Failed: New / b / seed 2: exit code 3' in lines


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('row', 'Ghost', 'cell 0 has no usable row'),
    ('seed', None, 'cell 0 has no usable seed'),
    ('result', {'test': None}, 'cell 0 has no usable result'),
    ('result', 'x', 'cell 0 has no usable result'),
    ('result', {'test': {'acc/top1': 'nan'}}, "Base/a/seed0: test 'acc/top1' is 'nan', not a finite number"),
    ('result', {'test': {'acc/top1': None}}, 'has no test'),
])
def test_a_damaged_cell_is_named(file, key, value, message):
    content = json.loads(file.read_text())
    content['cells'][0][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_results(file)


def test_csv_holds_the_same_numbers(file):
    lines = {
        (line['recipe'], line['target']): line for line in csv.DictReader(csv_table(read_results(file)).splitlines())
    }
    mean = lines['GMP', 'mean']
    assert (mean['difference'], mean['low'], mean['high'], mean['pairs']) == ('2.0000', '-0.4841', '4.4841', '3')
    assert (lines['New', 'b']['state'], lines['New', 'b']['mean']) == ('not run', '')
    assert [lines[row, 'mean']['selection'] for row in SELECTION] == ['source validation', 'last', 'target oracle']


def with_cells(file, change) -> Path:
    """The file with ``change(cell)`` made to every cell that is done."""
    content = json.loads(file.read_text())
    for cell in content['cells']:
        if cell['state'] == 'done':
            change(cell)
    file.write_text(json.dumps(content))
    return file


def on(cell, part: str) -> None:
    """What an adaptation row (``'held_out'``) or any other (``'all'``) says of its test."""
    sizes = dict(all=100, held_out=20)
    cell['result']['test_set'] = {key: dict(samples=sizes[key], fingerprint=key + cell['target'])
                                  for key in {'all', part}}
    if part == 'held_out':
        cell['result']['test']['acc/top1_transductive'] = 1.


def test_rows_of_two_test_sets_are_refused_and_can_be_reported_apart(file, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    import report_results

    with_cells(file, lambda cell: on(cell, 'held_out' if cell['row'] == 'GMP' else 'all'))
    assert report_results.main([str(file)]) == 2
    assert ('the rows of target a were scored on different samples (Base, New on all, 100 samples (alla); GMP on the '
            'held-out part, 20 samples (held_outa))') in capsys.readouterr().err
    assert not (tmp_path / 'table.md').exists()
    assert report_results.main([str(file), '--rows', 'GMP', '--out', str(tmp_path / 'gmp')]) == 0
    assert report_results.main([str(file), '--rows', 'Base', 'New', '--out', str(tmp_path / 'rest')]) == 0
    for folder, where, sets in (
            ('gmp', 'held-out part of the target domain', 'a: the held-out part, 20 samples (held_outa'),
            ('rest', 'target domain', 'a: all, 100 samples (alla')):
        caption = (tmp_path / folder / 'table.md').read_text()
        assert f'`acc/top1` on the {where} in percent' in caption
        assert f'Scored on: {sets}); b: ' in caption
    lines = list(csv.DictReader((tmp_path / 'rest' / 'table.csv').read_text().splitlines()))
    assert [(line['samples'], line['test_set']) for line in lines[:3]] == [('100', 'alla'), ('100', 'allb'), ('', '')]


def test_old_results_are_read_and_marked(file):
    assert 'On which samples the rows were scored is not recorded' in markdown_table(read_results(file))
    with_cells(file, lambda cell: cell['row'] == 'Base' and on(cell, 'all'))
    assert 'On which samples GMP, New were scored is not recorded' in markdown_table(read_results(file))
    with_cells(file, lambda cell: cell['row'] == 'New' and cell['result']['test'].update({'acc/top1_transductive': 1.}))
    with pytest.raises(ValueError, match='different samples'):
        read_results(file)


def test_nothing_is_asked_of_rows_that_are_not_wanted(file):
    """Neither the metric nor the test set; nor are their failures told."""
    with_cells(file, lambda cell: cell['row'] == 'Base' and cell['result']['test'].update(f1=1.))
    results = read_results(file, metric='f1', rows=['Base'])
    assert (results.rows, set(results.folders), results.failed) == (['Base'], {
        ('Base', target, seed) for target in 'ab' for seed in range(3)}, [])
    with pytest.raises(ValueError, match="GMP/a/seed0 has no test 'f1'"):
        read_results(file, metric='f1', rows=['GMP'])


def test_validation_on_the_target_is_not_called_source_validation(file):
    with_cells(file, lambda cell: cell['result'].update(val={'acc/top1': 1.}))
    assert read_results(file, 'val', rows=['Base']).scored_on == 'source validation'
    assert read_results(file, 'val').scored_on == 'validation, samples of the target among it'
    assert read_results(file).scored_on == 'target domain'


def test_runs_on_less_than_was_listed_are_marked(file):
    content = json.loads(file.read_text())
    for cell in content['cells']:
        if (cell['row'], cell['target'], cell['seed']) == ('GMP', 'b', 1):
            cell['result']['left_out'] = {'train': {'samples': 360, 'missing': 12, 'undecodable': 1}}
    file.write_text(json.dumps(content))
    results = read_results(file)
    lines = markdown_table(results).splitlines()
    assert lines[3].startswith('| GMP | 67.0 ± 5.0 (n=3) | 41.0 ± 1.0 (n=3) † |')
    assert '†' not in lines[2] + lines[4]
    assert (' † ran on less than was listed: GMP / b / seed 1: 12 of 360 train samples missing, 1 of 360 train samples '
            'undecodable') in lines
    counts = {(line['recipe'], line['target']): line['left_out']
              for line in csv.DictReader(csv_table(results).splitlines())}
    assert [counts['GMP', name] for name in ('a', 'b', 'mean')] == ['0', '1', '1']
    assert counts['Base', 'mean'] == '0'
    assert '†' not in markdown_table(SweepResults(['Base'], ['a'], results.scores, left_out=results.left_out))


def test_missing_metric_is_named_with_what_there_is(file):
    with pytest.raises(ValueError, match=r"no test 'f1', only \['acc/top1'\]"):
        read_results(file, metric='f1')


def test_a_file_that_is_no_sweep_is_refused(tmp_path):
    (tmp_path / 'x.json').write_text('{}')
    with pytest.raises(ValueError, match='run the sweep first'):
        read_results(tmp_path / 'x.json')


def test_command_line_writes_tables_and_plot(file, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    import report_results

    assert report_results.main([str(file), '--chance', '20']) == 0
    assert 'reference' in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {'results.json', 'table.md', 'table.csv', 'accuracy.png',
                                                              'accuracy.svg'}
    height, width, _ = cv2.imread(str(tmp_path / 'accuracy.png')).shape
    assert 600 < height < width <= 1600


def test_rows_are_chosen_by_name_and_in_order(file, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    import report_results

    assert report_results.main([str(file), '--rows', 'GMP', 'Base', '--out', str(tmp_path / 'two')]) == 0
    lines = (tmp_path / 'two' / 'table.md').read_text().splitlines()
    assert [line.split(' | ')[0] for line in lines[2:4]] == ['| GMP', '| Base']
    assert '| -2.0 [-4.5, +0.5] (n=3) |' in lines[3]
    assert report_results.main([str(file), '--rows', 'GMPP']) == 2
    assert '--rows GMPP: the sweep has Base, GMP, New' in capsys.readouterr().err


@pytest.mark.parametrize('targets', [['a'], ['a', 'b', 'c']])
def test_many_recipes_get_a_line_each(targets, tmp_path, monkeypatch):
    rows = [f'method-{i}' for i in range(30)]
    scores = {(row, target, seed): 50.0 + i / 10 + seed for i, row in enumerate(rows[:-1]) for target in targets
              for seed in range(3)}
    drawn = []
    monkeypatch.setattr(accuracy_plot, 'save', lambda figure, path: drawn.append(figure) or path)
    accuracy_plot.plot_accuracy(SweepResults(rows, targets, scores), tmp_path / 'x.png', chance=20)
    figure = drawn[0]
    figure.canvas.draw()
    panels = figure.axes
    assert len(panels) == (1 if len(targets) == 1 else 4)  # one target is its own mean
    assert [label.get_text() for label in panels[0].get_yticklabels()] == rows
    boxes = [label.get_window_extent() for label in panels[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in zip(boxes, boxes[1:]))  # no name covers another
    for panel in panels:
        low, high = panel.get_xlim()
        assert high - low >= 10
        assert [text.get_text() for text in panel.texts] == ['not run']  # the last row
        assert len(panel.get_lines()) >= 1


def test_contact_sheet(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import contact_sheet

    make_demo_data(tmp_path / 'hac', DemoSpec.for_layout('hac', classes=3, train_per_class=1, test_per_class=1))
    assert contact_sheet.class_titles(tmp_path / 'hac', [])[0] == 'sway\nrising'
    assert contact_sheet.main([str(tmp_path / 'hac'), '--out', str(tmp_path / 'x.png')]) == 0
    picture = cv2.imread(str(tmp_path / 'x.png'))
    assert picture.shape[1] <= 1600
    assert picture.std() > 30


def test_contact_sheet_of_a_missing_folder_names_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    import contact_sheet

    assert contact_sheet.main([str(tmp_path / 'no')]) == 2
    assert 'make_demo_data.py' in capsys.readouterr().err
