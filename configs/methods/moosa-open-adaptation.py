# MOOSA for open-set adaptation: its terms on sure samples of the target, too.
#
# section: Multimodal domain generalization
# method: MOOSA for [open-set adaptation](open_set.md)
# code: `ConfidentTarget`: `models/objectives/confident_target.py`
# needs: an unlabelled target
# keeps: permutations
# differs: one setting for all pairs: threshold 0.3 (0.5 in the release but for D3 to D1), 70 % masked
_base_ = ['./moosa-open.py']

reads_target = True

_classification, _entropy, *_others = _base_.model.objectives
model = dict(
    objectives=[
        _classification,
        dict(
            type='mmda_ext.ConfidentTarget',
            threshold=0.3,
            objectives=[dict(_entropy, loss_weight=0.1), *_others]),
    ])
