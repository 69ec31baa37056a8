"""Rules side by side, and upper bounds that are compared with nothing."""

import csv
import json

import pytest

from mmda_ext.visualization.data_sets import csv_of_sets, markdown_of_sets, read_data_sets
from mmda_ext.visualization.results import read_results
from mmda_ext.visualization.rules_table import csv_of_rules, markdown_of_rules
from mmda_ext.visualization.tables import csv_table, markdown_table


def cell(row, seed, test, **more):
    scores = {'val': {}, 'test': {'acc/top1': test}, 'selection': 'source_validation',
              'test_set': {'all': {'samples': 9, 'fingerprint': 'all'}}}
    return {'row': row, 'target': 't', 'seed': seed, 'state': 'done', 'reason': '', 'result': {**scores, **more}}


def rules(last, oracle):
    return {'rules': {name: {'epoch': 1, 'val': {}, 'test': {'acc/top1': value}}
                      for name, value in (('last', last), ('oracle', oracle))}}


def write(path, cells):
    path.parent.mkdir(exist_ok=True)
    named = list(dict.fromkeys(own['row'] for own in cells))
    path.write_text(json.dumps({'rows': named, 'targets': ['t'], 'cells': cells}))
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / 'one' / 'results.json', [
        cell('erm', 0, 50., **rules(48., 60.)), cell('erm', 1, 52., **rules(50., 61.)),
        cell('gmp', 0, 55., **rules(40., 56.)), cell('gmp', 1, 57., **rules(44., 58.))])


def test_each_rule_reads_its_own_epoch(file):
    by_rule = {rule: read_results(file, selection=rule) for rule in ('source_validation', 'last', 'oracle')}
    lines = markdown_of_rules(by_rule).splitlines()
    assert lines[0] == '| recipe | source validation | last | oracle |'
    assert lines[2] == '| erm | 51.0 ± 1.4 (n=2) | 49.0 ± 1.4 (n=2) | 60.5 ± 0.7 (n=2) |'
    assert lines[3].startswith('| gmp | 56.0 ± 1.4 (n=2) | 42.0')
    assert 'an upper bound' in lines[5]
    assert csv_of_rules(by_rule).splitlines()[4] == 'gmp,last,42.0000,2.8284,2'
    # One rule alone: the ordinary table, which says whose epochs these are.
    assert markdown_table(by_rule['oracle']).splitlines()[2].endswith('| reference | target oracle |')
    assert by_rule['last'].difference('gmp').mean == -7
    with pytest.raises(ValueError, match='erm/t/seed0 does not say what snd selects, only source_validation, last, '
                                         'oracle: name the rule'):
        read_results(file, selection='snd')


def test_a_rule_that_found_nothing_is_a_failure_of_its_own(file):
    content = json.loads(file.read_text())
    content['cells'][2]['result']['rules']['last'] = {'reason': 'no score'}
    file.write_text(json.dumps(content))
    by_rule = {rule: read_results(file, selection=rule) for rule in ('source_validation', 'last')}
    text = markdown_of_rules(by_rule)
    assert '| gmp | 56.0 ± 1.4 (n=2) | 44.0 (n=1) |' in text
    assert 'Failed, last: gmp / t / seed 0: no score' in text


def test_an_upper_bound_has_no_rank_and_no_comparison(tmp_path):
    share = {'seen_test_domains': ['t'], 'test_set': {'all': {'samples': 2, 'fingerprint': 'part'}}}
    cells = [cell(row, seed, value + seed) for row, value in (('erm', 50.), ('gmp', 55.5)) for seed in (0, 1, 2)]
    bound = [cell('bound', seed, 90. + seed, **share) for seed in (0, 1, 2)]
    without, beside = (write(tmp_path / name / 'results.json', own)
                       for name, own in (('without', cells), ('beside', [*cells, *bound])))
    lines = markdown_table(read_results(beside)).splitlines()
    assert lines[4].startswith('| bound ‡ | 91.0 ± 1.0 (n=3) | 91.0 ± 1.0 (n=3) | upper bound |')
    assert any(line.startswith('‡ trained on labels of the target') for line in lines)
    row = list(csv.DictReader(csv_table(read_results(beside)).splitlines()))[-1]
    assert (row['recipe'], row['target'], row['difference']) == ('bound', 'mean', '')
    one, two = read_data_sets([without]), read_data_sets([beside])
    assert one.corrected['without', 'gmp'] == two.corrected['beside', 'gmp']
    assert ('beside', 'bound') not in two.corrected
    assert (one.ranks.mean, one.ranks.critical) == (two.ranks.mean, two.ranks.critical)
    assert '| bound ‡ | 91.0 ± 1.0 (n=3) | none |' in markdown_of_sets(two)
    last = list(csv.DictReader(csv_of_sets(two).splitlines()))[-1]
    assert (last['recipe'], last['difference'], last['p_holm'], last['mean_rank']) == ('bound', '', '', '')
