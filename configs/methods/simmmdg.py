# SimMMDG. Where encoders train as a whole, the splitting needs a bound: their features grow until only it counts.
#
# section: Multimodal domain generalization
# method: [SimMMDG](methods/simmmdg.md), Dong et al., NeurIPS 2023
# code: `SupervisedContrastive`, `CrossModalTranslation`, `FeatureSplitting`:
#     `models/objectives/supervised_contrastive.py`, `models/objectives/cross_modal_translation.py`,
#     `models/objectives/feature_splitting.py`
# needs: even widths, wide heads
# table: GMP 3
# differs: one setting for all targets; on feature files the splitting is bounded and heads are as wide
#     as the features, not 2048
_base_ = ['./erm.py', '../_base_/objectives/simmmdg_terms.py']

_contrast, _translation, _splitting = _base_.simmmdg
model = dict(
    objectives=[
        dict(_contrast, **_base_._heads),
        dict(_translation, **_base_._heads),
        dict(_splitting, margin=_base_.strengths.get('splitting_margin')),
    ])
