# CAGrad: the mean gradient and a step for the worst-off task.
# Over classification and the adversarial loss.
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.CAGrad', c=0.5, tasks=('cls', 'domain')))
