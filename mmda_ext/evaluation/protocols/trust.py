"""May its probabilities be believed, and does it know when it is wrong?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from mmda_ext.evaluation import calibration, detection
from mmda_ext.evaluation.protocols.base import MODEL, Evaluation, Protocol, accuracy
from mmda_ext.registry import PROTOCOLS

#: Measures of a predictor in the order of the table -> heading, factor.
COLUMNS = {
    'accuracy': ('accuracy %', 1), 'ece': ('ECE', 1), 'brier': ('Brier', 1), 'nll': ('NLL', 1),
    'aurc': ('AURC ‰', 1000), 'excess_aurc': ('E-AURC ‰', 1000), 'auroc': ('AUROC', 1), 'fpr95': ('FPR95', 1)}

NOTHING_HELD_OUT = ('No out-of-class detection: the model knows all classes of its data; unknown_classes holds some '
                    'out (docs/robustness.md).')


@PROTOCOLS.register_module()
class Trust(Protocol):
    """Calibration, and detection of wrong predictions by the confidence, for every predictor of the model.

    Where the data sets hold classes out (``unknown_classes``), also whether the samples of these classes in the domains
    of the test are predicted with less confidence than those of known classes.

    Args:
        bins (int): Bins of the calibration error and of the reliability diagram.

    Raises:
        ValueError: If there is no bin.
    """

    def __init__(self, bins: int = 15) -> None:
        if not isinstance(bins, int) or bins < 1:
            raise ValueError(f'protocols.trust.bins={bins!r} must be a whole number from 1 on')
        self.bins = bins

    def evaluate(self, evaluation: Evaluation) -> dict[str, Any]:
        """``predictors.<name>.<measure>``, ``reliability`` of the model, and ``notes`` on what is not a number."""
        scores = evaluation.clean
        measured = {name: measures(own, scores.labels, self.bins) for name, own in scores.probabilities.items()}
        bins = calibration.reliability(scores.probabilities[MODEL], scores.labels, self.bins)
        outside = _out_of_class(evaluation)
        notes = [*_notes(measured), *([] if outside else [NOTHING_HELD_OUT])]
        return {'samples': len(scores.labels), 'predictors': measured, 'reliability': [one._asdict() for one in bins],
                'out_of_class': outside, 'notes': notes}

    def table(self, result: Mapping[str, Any]) -> str:
        head = ['predictor', *(title for title, _ in COLUMNS.values())]
        lines = [_line(head), '|' + '---|' * len(head)]
        for name, own in result['predictors'].items():
            lines.append(_line([name, *(f'{float(own[key]) * factor:.3f}' for key, (_, factor) in COLUMNS.items())]))
        return '\n'.join([*lines, '', *_lines_out_of_class(result['out_of_class']), *result['notes'], ''])

    def draw(self, result: Mapping[str, Any], folder: Path) -> Sequence[Path]:
        from mmda_ext.visualization.reliability_plot import plot_reliability

        return [plot_reliability(result, folder / 'trust.png')]


def measures(probabilities: Tensor, labels: Tensor, bins: int) -> dict[str, float]:
    """Of one predictor: accuracy in percent, everything else as its function has it.

    Args:
        probabilities (Tensor): ``(N, C)``.
        labels (Tensor): ``(N, )``.
        bins (int): Bins of the calibration error.
    """
    confidence, guess = probabilities.max(1)
    correct = guess == labels
    sides = confidence[correct], confidence[~correct]
    return {
        'accuracy': accuracy(probabilities, labels),
        'ece': calibration.expected_calibration_error(calibration.reliability(probabilities, labels, bins)),
        'brier': calibration.brier_score(probabilities, labels),
        'nll': calibration.negative_log_likelihood(probabilities, labels),
        'aurc': detection.aurc(confidence, correct),
        'excess_aurc': detection.excess_aurc(confidence, correct),
        'auroc': detection.auroc(*sides),
        'fpr95': detection.fpr_at_95(*sides)}


def _out_of_class(evaluation: Evaluation) -> dict[str, Any]:
    """Known against held-out classes by the confidence, of each predictor; empty where none is held out."""
    if evaluation.unknown is None:
        return {}
    inside, (classes, outside) = evaluation.clean, evaluation.unknown
    sides = {name: (own.max(1)[0], outside.probabilities[name].max(1)[0])
             for name, own in inside.probabilities.items() if name in outside.probabilities}
    return {'classes': classes, 'samples': len(outside.labels), 'predictors': {
        name: {'auroc': detection.auroc(*own), 'fpr95': detection.fpr_at_95(*own)} for name, own in sides.items()}}


def _lines_out_of_class(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    rows = [_line([name, *(f'{float(own[key]):.3f}' for key in ('auroc', 'fpr95'))])
            for name, own in found['predictors'].items()]
    title = f'Known classes against {found["samples"]} samples of {", ".join(found["classes"])}, which were held out'
    return [title, '', _line(['predictor', 'AUROC', 'FPR95']), '|---|---|---|', *rows, '']


def _notes(measured: Mapping[str, Mapping[str, float]]) -> Sequence[str]:
    one_sided = [name for name, own in measured.items() if own['auroc'] != own['auroc']]
    if not one_sided:
        return ()
    return (f'No AUROC and no FPR95 of {", ".join(one_sided)}: all of its predictions are right, or all are wrong, so '
            'there is nothing to tell apart.', )


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'
