"""Corrected p values and mean ranks against numbers worked out by hand or printed in the sources."""

import csv
import json
import math

import pytest

from mmda_ext.visualization.data_sets import csv_of_sets, markdown_of_sets, read_data_sets
from mmda_ext.visualization.difference_plot import plot_differences
from mmda_ext.visualization.rank_plot import plot_ranks
from mmda_ext.visualization.ranks import critical_difference, mean_ranks
from mmda_ext.visualization.statistics import holm, paired_difference


def test_p_value_of_a_paired_t_test():
    # differences 1, 2, 3: t = 2 sqrt(3) / 1 = 3.464102 with two degrees; p = 1 - t / sqrt(t^2 + 2)
    assert paired_difference([10.0, 50.0, 90.0], [11.0, 52.0, 93.0]).p == pytest.approx(1 - math.sqrt(12 / 14))
    assert paired_difference([11.0, 52.0, 93.0], [10.0, 50.0, 90.0]).p == pytest.approx(1 - math.sqrt(12 / 14))
    assert [paired_difference([1.0, 2.0], [1.0 + d, 2.0 + d]).p for d in (0.0, 1.0)] == [1.0, 0.0]
    assert math.isnan(paired_difference([1.0], [2.0]).p)


def test_holm():
    # sorted .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04, and never below the one before
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    found = holm([math.nan, 0.01, 0.02])
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx([0.02, 0.02])


@pytest.mark.parametrize(('rows', 'sets', 'expected'), [(4, 14, 1.25), (2, 1, 1.960), (5, 10, 2.728 / math.sqrt(2))])
def test_critical_difference_of_the_printed_table(rows, sets, expected):
    # Demsar 2006: q.05 = 1.960, 2.569, 2.728 for 2, 4, 5 rows; his example with 4 rows on 14 sets has CD 1.25.
    assert critical_difference(rows, sets) == pytest.approx(expected, abs=4e-3)


def test_mean_ranks_share_ties():
    ranks = mean_ranks({'a': [90.0, 60.0], 'b': [80.0, 60.0], 'c': [85.0, 50.0]})
    assert ranks.mean == {'a': (1 + 1.5) / 2, 'b': (3 + 1.5) / 2, 'c': (2 + 3) / 2}
    assert ranks.sets == 2
    with pytest.raises(ValueError, match='two rows'):
        mean_ranks({'a': [1.0]})
    with pytest.raises(ValueError, match=r'\[1, 2\]'):
        mean_ranks({'a': [1.0], 'b': [1.0, 2.0]})


def write_sweep(folder, dataset, scores):
    """``scores``: row -> one score per seed on the one target."""
    cells = [{'row': row, 'target': 't', 'seed': seed, 'reason': '', 'state': 'done',
              'result': {'test': {'acc/top1': value}}} for row, values in scores.items()
             for seed, value in enumerate(values)]
    folder.mkdir()
    content = {'rows': list(scores), 'targets': ['t'], 'dataset': dataset, 'cells': cells}
    (folder / 'results.json').write_text(json.dumps(content))
    return folder / 'results.json'


@pytest.fixture
def files(tmp_path):
    one = {'erm': [50.0, 51.0, 52.0], 'up': [60.0, 61.1, 61.9], 'same': [50.0, 52.0, 51.0]}
    two = {'erm': [70.0, 71.0, 72.0], 'up': [71.0, 70.0, 73.0]}
    return [write_sweep(tmp_path / 'one', 'ravdess', one), write_sweep(tmp_path / 'two', None, two)]


def test_rows_by_data_sets(files):
    lines = markdown_of_sets(read_data_sets(files)).splitlines()
    assert lines[0] == '| recipe | ravdess | two | mean rank |'
    assert lines[2] == '| erm | 51.0 ± 1.0 (n=3) | 71.0 ± 1.0 (n=3) | 2.0 |'
    # 10 ± 4.302653 * 0.1 / sqrt(3); 1, -1, 1: sd 2 / sqrt(3)
    assert lines[3] == '| up | +10.0 [+9.8, +10.2] (n=3) * | +0.3 [-2.5, +3.2] (n=3) | 1.0 |'
    assert lines[4] == '| same | +0.0 [-2.5, +2.5] (n=3) | not run | not run |'
    assert 'less than 1.4 apart' in lines[6]


def test_two_tables_of_one_data_set_are_two_columns(tmp_path):
    paths = [write_sweep(tmp_path / name, 'ravdess', {'erm': [50.0], 'up': [60.0]}) for name in ('all', 'audio')]
    for path in paths:
        path.write_text(json.dumps({**json.loads(path.read_text()), 'table': f'{path.parent.name}-v1.0'}))
    assert list(read_data_sets(paths).sets) == ['all-v1.0', 'audio-v1.0']


def test_csv_of_sets_holds_the_corrected_value(files):
    data = read_data_sets(files)
    lines = {(line['recipe'], line['data_set']): line for line in csv.DictReader(csv_of_sets(data).splitlines())}
    up = lines['up', 'ravdess']
    assert float(up['p_holm']) == pytest.approx(2 * float(up['p']), rel=1e-4)
    assert lines['erm', 'two']['difference'] == lines['erm', 'two']['p'] == ''
    assert ('same', 'two') not in lines


def test_picture_of_ranks(files, tmp_path):
    assert plot_ranks(read_data_sets(files).ranks, tmp_path / 'ranks.png').stat().st_size > 5000


def test_picture_of_differences(files, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr('mmda_ext.visualization.difference_plot.save', lambda figure, path: drawn.update(own=figure))
    plot_differences(read_data_sets(files), tmp_path / 'differences.png')
    panels = drawn['own'].axes
    assert [axes.get_title() for axes in panels] == ['ravdess: erm 51.0', 'two: erm 71.0']
    bars = [[bar for bar in axes.containers if bar.lines[0].get_xdata().size] for axes in panels]
    # Row "same" did not run on the second; filled is what has a star in the table.
    assert [[(round(float(bar.lines[0].get_xdata()[0]), 1), int(bar.lines[0].get_ydata()[0])) for bar in own]
            for own in bars] == [[(10.0, 0), (0.0, 1)], [(0.3, 0)]]
    assert [bar.lines[0].get_markerfacecolor() for bar in bars[0]] == ['#0072B2', 'white']
    half = bars[0][0].lines[2][0].get_segments()[0]
    assert half[1][0] - half[0][0] == pytest.approx(2 * 4.302653 * .1 / math.sqrt(3), rel=1e-4)


def test_what_cannot_be_compared_is_named(files, tmp_path):
    with pytest.raises(ValueError, match='a second file of the data set ravdess'):
        read_data_sets([files[0], files[0]])
    other = write_sweep(tmp_path / 'three', 'watch', {'base': [1.0], 'erm': [2.0]})
    with pytest.raises(ValueError, match='erm on ravdess, base on watch'):
        read_data_sets([files[0], other])
    assert read_data_sets([files[0], other], rows=['erm']).ranks is None
