# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone. 4 means
# convolutions, as published.
#
# section: Balancing strategies
# method: [OGM](methods/ogm.md), Peng, Wei, Deng, Wang, Hu, CVPR 2022
# needs: logits of each modality (split of the fused head)
# keeps: step of the noise
# differs: all convolutions, not the 2D ones alone; on feature files all matrices
_base_ = ['./base.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.OGM', alpha=0.3, min_rank=_base_.strengths.get('ogm_min_rank', 4)))
