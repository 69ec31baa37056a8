# Aligned-MTL: the gradients made orthogonal and equally long; needs torchjd.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers of any losses
# method: [Aligned-MTL](methods/torchjd.md), Senushkin et al., CVPR 2023
# needs: `torchjd`
# keeps: step
# differs: heads keep the plain gradient
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.TorchJDWeighting', name='AlignedMTL', **_base_.balanced))
