# IMTL-G: equal projections on all gradients; needs torchjd.
# Over classification and the adversarial loss.
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.TorchJDWeighting', name='IMTLG', tasks=('cls', 'domain')))
