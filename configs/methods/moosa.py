# MOOSA.
#
# section: Multimodal domain generalization
# method: [MOOSA](methods/moosa.md), Dong, Chatzi, Fink, ECCV 2024
# code: `EntropyWeightedClassification`, `EntropyMinimization`, `MultimodalJigsaw`:
#     `models/objectives/entropy_weighted_classification.py`, `models/objectives/entropy_minimization.py`,
#     `models/objectives/multimodal_jigsaw.py`, and those of SimMMDG
# needs: widths that divide into parts
# keeps: permutations
# table: GMP 3
# differs: closed set; one setting for all targets; on feature files heads are as wide as the features, not 2048
#     (512 of the jigsaw)
_base_ = ['./erm.py', '../_base_/objectives/moosa_terms.py']

_entropy, _jigsaw, *_terms, _splitting = _base_.moosa
model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        _base_.moosa_heads,
        _entropy,
        # as published: 4 parts of two modalities, 2 of three
        dict(_jigsaw, num_parts=2 if len(_base_.modalities) > 2 else 4, **_base_._heads),
        *[dict(term, **_base_._heads) for term in _terms],
        dict(_splitting, margin=_base_.strengths.get('splitting_margin')),
    ])
