# SimMMDG with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
#
# section: Multimodal domain generalization
# method: with GMP
# needs: and of GMP
# table: GMP 3
# differs: as above
_base_ = ['./gmp.py', '../_base_/objectives/simmmdg_terms.py']

_contrast, _translation, _splitting = _base_.simmmdg
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(_contrast, **_base_._heads),
        dict(_translation, **_base_._heads),
        dict(_splitting, margin=_base_.strengths.get('splitting_margin')),
    ])
