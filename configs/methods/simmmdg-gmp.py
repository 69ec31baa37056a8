# SimMMDG with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
#
# section: Multimodal domain generalization
# method: with GMP
# needs: and of GMP
# table: GMP 3
# differs: as above
_base_ = ['./gmp.py', '../_base_/objectives/simmmdg_terms.py']

_margin = _base_.strengths.get('splitting_margin')
model = dict(
    objectives=[*_base_.model.objectives, *_base_.simmmdg[:-1], dict(_base_.simmmdg[-1], margin=_margin)])
