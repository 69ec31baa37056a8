"""Shapley values of modalities by hand and by their definition over orders."""

from itertools import combinations, permutations
from statistics import mean

import pytest
import torch

from mmda_ext.evaluation.protocols.missing import Missing, _shapley
from mmda_ext.evaluation.shapley import imbalance, shapley_values

THREE = ('video', 'audio', 'flow')


def game(names, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {subset: float(torch.rand((), generator=generator)) for size in range(1, len(names) + 1)
            for subset in combinations(names, size)}


def test_known_answer():
    values = shapley_values({('audio', ): .4, ('video', ): .6, ('audio', 'video'): .65}, ('audio', 'video'), .125)
    assert values == pytest.approx(dict(audio=.1625, video=.3625))
    assert imbalance(values) == pytest.approx(.2)


@pytest.mark.parametrize('names', [THREE[:1], THREE[:2], THREE, (*THREE, 'text')], ids=len)
def test_the_mean_over_all_orders(names):
    scores, empty = game(names), .1

    def score(group):
        return scores[tuple(name for name in names if name in group)] if group else empty

    for name, value in shapley_values(scores, names, empty).items():
        gains = [score(order[:order.index(name) + 1]) - score(order[:order.index(name)])
                 for order in permutations(names)]
        assert value == pytest.approx(mean(gains))


def test_they_add_up_and_the_index_does_not_need_the_guess():
    scores = game(THREE)
    one, other = (shapley_values(scores, THREE, empty) for empty in (0., .3))
    assert sum(one.values()) == pytest.approx(scores[THREE])
    assert sum(other.values()) == pytest.approx(scores[THREE] - .3)
    assert imbalance(one) == pytest.approx(imbalance(other))


def test_the_protocol_asks_every_subset_in_percent():
    labels = torch.tensor([0, 1, 2, 3])
    right, first = torch.eye(4), torch.eye(4)[[0, 0, 0, 0]]
    said = {('video', 'audio'): {'model': right}, ('video', ): {'model': right}, ('audio', ): {'model': first}}
    found = _shapley(said, ('video', 'audio'), labels)
    assert found == dict(values=dict(video=75., audio=0.), imbalance=75., empty=25.)
    fills = dict(zeros=dict(subsets={'video+audio': dict(accuracy=100.)}, rates={}, shapley=found))
    table = Missing().table(dict(fills=fills, modalities=['video', 'audio'], notes=[], not_done={}))
    assert ('| Shapley value of video | 75.0 |\n| Shapley value of audio | 0.0 |\n'
            '| imbalance of the modalities | 75.0 |') in table
