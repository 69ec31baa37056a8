"""One NaN ends a step in a loss that is not finite, and a prediction in scores that are not: nothing hides it."""

import math

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmda_ext.apis.recipe_files import methods
from mmda_ext.models.adaptation import nuclear_wasserstein
from mmda_ext.models.heads.base import masked_cross_entropy, probabilities
from mmda_ext.models.objectives.amanda import class_shares
from mmda_ext.models.objectives.voting_pseudo_label import VotingPseudoLabel, vote
from mmda_ext.models.transport import transport_plan
from mmda_ext.registry import MODELS
from tests.recipes import recipe
from tests.steps import given
from tests.tiny import batch_of, model_of

FEATURES = {'face': 35, 'audio': 116}


def adaptation_batch(bad: float = 0.) -> dict:
    """Eight source samples, eight of the target; one number of one target sample is ``bad``."""
    generator = torch.Generator().manual_seed(0)
    inputs = [{name: torch.randn(width, generator=generator) for name, width in FEATURES.items()} for _ in range(16)]
    samples = [ActionDataSample() for _ in range(16)]
    for index, sample in enumerate(samples):
        is_target = index >= 8
        sample.set_metainfo(dict(domain_label=-1 if is_target else index % 2, is_target=is_target))
        if not is_target:
            sample.set_gt_label(index)
    inputs[12]['audio'][3] = bad
    return dict(inputs=inputs, data_samples=samples)


@pytest.mark.parametrize('method', methods(reads_target=True))
def test_a_nan_in_one_target_sample_shows_in_the_loss_of_every_adaptation(method: str) -> None:
    """Not in an error of a solver, not in an index out of bounds, and not first in the next step."""
    torch.manual_seed(0)
    model = MODELS.build(recipe(method, 'ravdess-adaptation').model)
    for bad in (0., math.nan):
        losses = model(**model.data_preprocessor(adaptation_batch(bad), True), mode='loss')
        total, _ = model.parse_losses(losses)
        assert math.isfinite(total.item()) != bool(bad), losses


def test_solvers_return_what_is_not_finite_and_do_not_raise() -> None:
    spoiled = torch.rand(5, 4)
    for bad in (math.nan, math.inf):
        spoiled[3, 1] = bad
        assert not nuclear_wasserstein(torch.rand(5, 4), spoiled).isfinite()
        assert transport_plan(spoiled[:4]).isnan().all()
        assert class_shares(spoiled, torch.rand(4)).isnan().all()


def test_a_sample_without_a_label_spoils_the_loss_if_it_is_not_finite() -> None:
    """Its gradient would: 0 times NaN."""
    logits, targets = torch.randn(3, 4, requires_grad=True), torch.tensor([1, -1, 2])
    expected = torch.nn.functional.cross_entropy(logits[[0, 2]], targets[[0, 2]])
    assert torch.equal(masked_cross_entropy(logits, targets), expected)
    for bad in (math.nan, math.inf, -math.inf):
        spoiled = logits.detach().clone()
        spoiled[1, 0] = bad
        assert not math.isfinite(masked_cross_entropy(spoiled, targets))


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_votes_among_logits_that_are_not_finite_are_indices(bad: float) -> None:
    logits = torch.randn(3, 5, 4)
    logits[1, 2, 1], logits[:, 4] = bad, bad
    labels, votes = vote(list(logits))
    assert ((labels >= 0) & (labels < 4)).all()
    clean = vote(list(logits[:, [0, 1, 3]]))
    assert torch.equal(labels[[0, 1, 3]], clean[0])
    assert torch.equal(votes[[0, 1, 3]], clean[1])


@pytest.mark.parametrize('rows', [(0, 1, 2), (2, 1, 0)])
def test_a_voter_that_is_not_finite_spoils_the_loss(rows: tuple[int, ...]) -> None:
    """Also where only the other heads learn, and where the sample is not kept."""
    votes = 5 * torch.eye(4)[[0, *rows]]
    heads = {'a': votes, 'b': votes.flip(0)}
    objective = VotingPseudoLabel(dict(in_channels=dict(a=1, b=1)), min_votes=3)
    record = given({}, torch.full((4, ), -1), torch.full((4, ), -1), is_target=torch.ones(4, dtype=torch.bool),
                   logits=votes.clone(), modality_logits=heads)
    assert objective(record)['loss_pseudo'].isfinite()
    heads['b'][1, 2] = math.nan
    assert not objective(record)['loss_pseudo'].isfinite()


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_a_row_of_logits_that_is_not_finite_has_no_probabilities(bad: float) -> None:
    logits = torch.randn(3, 4)
    assert torch.equal(probabilities(logits), logits.softmax(1))
    logits[1, 2] = bad
    found = probabilities(logits)
    assert found.isfinite().all(1).tolist() == [True, False, True]


def test_predictions_of_a_bad_sample_say_so_and_those_of_the_others_stay() -> None:
    model, batch = model_of().eval(), batch_of()
    before = [sample.pred_score.clone() for sample in model.val_step(batch)]
    batch['inputs'][2]['audio'][1] = math.nan
    after = model.val_step(batch)
    for index, (sample, score) in enumerate(zip(after, before)):
        assert torch.equal(sample.pred_score, score) == (index != 2)
        assert sample.pred_score.isfinite().all() == (index != 2)
        assert sample.modality_scores['audio'].isfinite().all() == (index != 2)
        assert sample.modality_scores['video'].isfinite().all()


@pytest.mark.parametrize('part', ['fused', 'modality_logits'])
def test_minus_infinity_does_not_pass_for_a_probability_of_zero(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    model, logits = model_of().eval(), torch.zeros(6, 3)
    logits[2, 1] = -math.inf
    if part == 'fused':
        monkeypatch.setattr(model.cls_head.fusion, 'classify', lambda fused: logits)
    else:
        monkeypatch.setattr(model.cls_head, part, lambda features, fused: {'video': logits})
    found = [sample.pred_score if part == 'fused' else sample.modality_scores['video']
             for sample in model.val_step(batch_of())]
    assert [bool(score.isfinite().all()) for score in found] == [True, True, False, True, True, True]
