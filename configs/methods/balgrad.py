# BALGRAD: heads of the modalities learn from each other, and the classification gradient yields where it opposes that.
#
# section: Balancing strategies
# method: [BALGRAD](methods/balgrad.md), Kwon, Kim, Lee, Choi, Kim, NAACL 2025
# code: `BalGrad`: `balancing/balgrad.py`, `MutualDistillation`: `models/objectives/mutual_distillation.py`
# needs: a head for each modality
# table: GMP 2
# differs: **unverified**: no public code, formula of the weights is our reading
_base_ = ['./base.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(
            type='mmda_ext.LocalClassification',
            loss_weight=1.0,
            task='heads',
            by_modality=True,
            balanced_heads=False),
        dict(type='mmda_ext.MutualDistillation'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.BalGrad'))
