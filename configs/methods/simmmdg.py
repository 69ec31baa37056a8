# SimMMDG. Where encoders train as a whole, the splitting needs a bound: their features grow until only it counts.
#
# section: Multimodal domain generalization
# method: [SimMMDG](methods/simmmdg.md), Dong et al., NeurIPS 2023
# code: `SupervisedContrastive`, `CrossModalTranslation`, `FeatureSplitting`:
#     `models/objectives/supervised_contrastive.py`, `models/objectives/cross_modal_translation.py`,
#     `models/objectives/feature_splitting.py`
# needs: even widths, wide heads
# table: GMP 3
# differs: one setting for all targets; the splitting is bounded on feature files
_base_ = ['./erm.py', '../_base_/objectives/simmmdg_terms.py']

_margin = _base_.strengths.get('splitting_margin')
model = dict(objectives=[*_base_.simmmdg[:-1], dict(_base_.simmmdg[-1], margin=_margin)])
