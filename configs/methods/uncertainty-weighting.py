# Uncertainty weighting: a learned log-variance per loss.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers that learn or read losses
# method: [uncertainty weighting](methods/uncertainty_weighting.md), Kendall, Gal, Cipolla, CVPR 2018
# needs: losses
# keeps: log-variances, their Adam
# differs: normalised
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.UncertaintyWeighting', lr=0.01, **_base_.balanced))
