"""Means and intervals against numbers worked out by hand."""

import math

import pytest

from mmda_ext.visualization.statistics import paired_difference, summarise, t_quantile


def test_summary_of_three_values():
    summary = summarise([60.0, 63.0, 66.0])
    assert (summary.mean, summary.sd, summary.n) == (63.0, 3.0, 3)
    # t(2) = 4.302653; 4.302653 * 3 / sqrt(3)
    assert summary.half_width() == pytest.approx(7.452413, abs=1e-5)


def test_one_value_has_no_spread_and_none_has_no_mean():
    one, none = summarise([5.0]), summarise([])
    assert one.mean == 5.0
    assert math.isnan(one.sd)
    assert math.isnan(one.half_width())
    assert none.n == 0
    assert math.isnan(none.mean)


@pytest.mark.parametrize(('degrees', 'expected'), [(1, 12.706205), (2, 4.302653), (4, 2.776445), (9, 2.262157)])
def test_quantiles_of_the_printed_table(degrees, expected):
    assert t_quantile(degrees) == pytest.approx(expected, abs=1e-5)


def test_paired_difference():
    # differences 1, 2, 3: mean 2, sd 1, half width 4.302653 / sqrt(3) = 2.484138
    found = paired_difference([10.0, 50.0, 90.0], [11.0, 52.0, 93.0])
    assert found.mean == pytest.approx(2.0)
    assert (found.low, found.high) == (pytest.approx(-0.484138, abs=1e-5), pytest.approx(4.484138, abs=1e-5))


def test_pairing_takes_out_what_the_seeds_share():
    shared = paired_difference([10.0, 50.0, 90.0], [12.0, 52.0, 92.0])
    assert (shared.low, shared.high) == (2.0, 2.0)


def test_difference_is_antisymmetric_and_one_pair_has_no_interval():
    a, b = [1.0, 4.0, 2.0], [3.0, 3.0, 7.0]
    assert paired_difference(a, b).low == pytest.approx(-paired_difference(b, a).high)
    assert math.isnan(paired_difference([1.0], [2.0]).low)


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match='2 and 1'):
        paired_difference([1.0, 2.0], [1.0])
