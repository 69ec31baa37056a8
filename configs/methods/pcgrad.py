# PCGrad: the classification and the adversarial gradient lose what opposes the other, for each encoder apart.
#
# section: Balancing strategies
# method: [PCGrad](methods/pcgrad.md), Yu et al., NeurIPS 2020
# needs: two losses
# keeps: step of the orders
# table: GMP 4
# differs: per modality, as in GMP's ablation; `scope='shared'` as published
_base_ = ['./base.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
