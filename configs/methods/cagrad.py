# CAGrad: the mean gradient and a step for the worst-off task.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers of any losses
# method: [CAGrad](methods/cagrad.md), Liu, Liu, Jin, Stone, Liu, NeurIPS 2021
# needs: at most 8 tasks
# differs: solved exactly
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.CAGrad', c=0.5, **_base_.balanced))
