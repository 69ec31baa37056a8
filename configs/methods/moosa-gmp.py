# MOOSA with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
#
# section: Multimodal domain generalization
# method: with GMP
# needs: and of GMP
# keeps: permutations
# table: GMP 3
# differs: as above
_base_ = ['./gmp.py', '../_base_/objectives/moosa_terms.py']

_entropy, _jigsaw, *_terms, _splitting = _base_.moosa
model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        *_base_.model.objectives,
        _base_.moosa_heads,
        _entropy,
        # as published: 4 parts of two modalities, 2 of three
        dict(_jigsaw, num_parts=2 if len(_base_.modalities) > 2 else 4, **_base_._heads),
        *[dict(term, **_base_._heads) for term in _terms],
        dict(_splitting, margin=_base_.strengths.get('splitting_margin')),
    ])
