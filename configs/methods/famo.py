# FAMO: equal relative decrease of all losses.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers that learn or read losses
# method: [FAMO](methods/famo.md), Liu, Feng, Stone, Liu, NeurIPS 2023
# needs: losses
# keeps: its Adam, last losses
# differs: decrease read from the next batch
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.FAMO', **_base_.balanced))
