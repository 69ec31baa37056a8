# Nash-MTL: the bargaining solution.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers of any losses
# method: [Nash-MTL](methods/nash_mtl.md), Navon et al., ICML 2022
# differs: Newton's method, with 1e-6 on the diagonal
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.NashMTL', **_base_.balanced))
