# Direct transfer: the losses of the source alone; nothing reads samples of the target.
#
# section: Adaptation
# method: direct transfer
# needs: source labels; reads no target sample
# table: Boomda, comparison and ablation (D.T.)
_base_ = ['./erm.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
    ])
