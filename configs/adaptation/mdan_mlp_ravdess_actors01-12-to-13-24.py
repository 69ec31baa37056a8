# MDAN: both groups of source actors against the target. The cross-entropy of the classifier is in the objective.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    cls_head=dict(loss_weight=0.),
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.MDAN', num_domains=2),
    ])
