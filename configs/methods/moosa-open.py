# MOOSA for open sets: more of the translated features is masked.
#
# section: Multimodal domain generalization
# method: MOOSA for [open sets](open_set.md)
# needs: widths that divide into parts
# keeps: permutations
# differs: one setting for all targets: 70 % masked (30 or 70 % in the release)
_base_ = ['./moosa.py']

_classification, _entropy, _jigsaw, _translation, *_further = _base_.model.objectives
model = dict(
    objectives=[_classification, _entropy, _jigsaw, dict(_translation, mask_ratio=0.7), *_further])
