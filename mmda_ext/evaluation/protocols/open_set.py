"""Does it predict what it knows and reject what it does not?"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from mmda_ext.choices import choose
from mmda_ext.evaluation import detection
from mmda_ext.evaluation.open_set import MEANS, Known, accepting, open_set_score, oracle
from mmda_ext.evaluation.protocols.base import Evaluation, Protocol
from mmda_ext.registry import PROTOCOLS

#: Columns of the table: heading -> where in the measures of a predictor, factor.
COLUMNS = {
    'HOS': ('hos', 100), 'OS*': ('os', 100), 'UNK': ('unk', 100), 'AUROC': ('auroc', 1),
    'FPR95 (known positive)': ('fpr95_known_positive', 1), 'FPR95 (unknown positive)': ('fpr95_unknown_positive', 1),
    'HOS (oracle)': ('hos_oracle', 100), 'accuracy (oracle)': ('accuracy_oracle', 100)}
ORACLE_NOTE = ('Oracle: the best of ten thresholds, chosen by the labels of the test, with OS* over samples, as '
               'MOOSA\'s release reports; no model can know it.')


@PROTOCOLS.register_module()
class OpenSet(Protocol):
    """HOS at a threshold from source validation, AUROC and FPR95, and the published oracle beside them.

    A sample is rejected where the largest probability is below the threshold. Unknown samples are those of
    ``unknown_classes`` in the domains of the test; none is in validation.

    Args:
        os (str): OS* is a mean over the classes that occur (``'class'``) or over samples (``'sample'``).
        keep (float): Share of the source validation samples, right or wrong, that the threshold accepts.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    def __init__(self, os: str = 'class', keep: float = .95) -> None:
        choose('protocols.open_set.os', os, MEANS)
        if not 0 < keep <= 1:
            raise ValueError(f'protocols.open_set.keep={keep!r} is a share of the validation samples: it must be above '
                             '0 and at most 1')
        self.os, self.keep = os, keep

    def evaluate(self, evaluation: Evaluation) -> dict[str, Any]:
        """``predictors.<name>.<measure>``, ``classes`` that are unknown, numbers of samples, and the options.

        Raises:
            ValueError: If the data hold no class out, or there is no validation set.
        """
        if evaluation.unknown is None:
            raise ValueError('the model knows all classes of its data: train and test with unknown_classes '
                             '(docs/open_set.md)')
        classes, unknown = evaluation.unknown
        known, validation = evaluation.clean, evaluation.validation
        names = [name for name in known.probabilities
                 if name in unknown.probabilities and name in validation.probabilities]
        found = {}
        for name in names:
            threshold = accepting(validation.probabilities[name].max(1)[0], self.keep)
            own = Known.of(known.probabilities[name], known.labels)
            found[name] = self._measures(own, unknown.probabilities[name].max(1)[0], threshold)
        return {'predictors': found, 'classes': classes, 'known_samples': len(known.labels),
                'unknown_samples': len(unknown.labels), 'validation_samples': len(validation.labels), 'os': self.os,
                'keep': self.keep}

    def _measures(self, known: Known, unknown: Any, threshold: float) -> dict[str, float]:
        score = open_set_score(known, unknown, threshold, self.os)
        best, most = (oracle(known, unknown, attrgetter(key)) for key in ('hos', 'accuracy'))
        return {
            **score._asdict(),
            'auroc': detection.auroc(known.confidence, unknown),
            'fpr95_known_positive': detection.fpr_at_95(known.confidence, unknown),
            'fpr95_unknown_positive': detection.false_alarms_at_95(known.confidence, unknown),
            **{f'{key}_oracle': getattr(best, key) for key in ('hos', 'os', 'unk', 'threshold')},
            'accuracy_oracle': most.accuracy}

    def table(self, result: Mapping[str, Any]) -> str:
        mean = {'class': 'classes', 'sample': 'samples'}[result['os']]
        title = (f'{result["known_samples"]} samples of known classes, {result["unknown_samples"]} of '
                 f'{", ".join(result["classes"])}. HOS, OS* (mean over {mean}) and UNK in percent, at the threshold '
                 f'that accepts {100 * result["keep"]:g} % of {result["validation_samples"]} validation samples '
                 'of the sources.')
        lines = [title, '', _line(['predictor', *COLUMNS]), '|' + '---|' * (len(COLUMNS) + 1)]
        for name, own in result['predictors'].items():
            lines.append(_line([name, *(f'{factor * float(own[key]):.{1 if factor > 1 else 3}f}'
                                        for key, factor in COLUMNS.values())]))
        return '\n'.join([*lines, '', ORACLE_NOTE, ''])


def _line(cells: list[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'
