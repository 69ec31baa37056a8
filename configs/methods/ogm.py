# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone. 4 means
# convolutions, as published.
_base_ = ['./base.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.OGM', alpha=0.3, min_rank=_base_.strengths.get('ogm_min_rank', 4)))
