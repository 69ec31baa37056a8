# Aligned-MTL: the gradients made orthogonal and equally long; needs torchjd.
# Over classification and the adversarial loss.
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.TorchJDWeighting', name='AlignedMTL', tasks=('cls', 'domain')))
