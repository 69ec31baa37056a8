# GradNorm: gradient norms that follow the inverse training rates.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers that learn or read losses
# method: [GradNorm](methods/gradnorm.md), Chen et al., ICML 2018
# needs: losses, gradient norms
# keeps: weights, their Adam, first losses
# differs: norms at the features
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.GradNorm', alpha=1.5, **_base_.balanced))
