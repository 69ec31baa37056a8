# IMTL-G: equal projections on all gradients; needs torchjd.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers of any losses
# method: [IMTL-G](methods/torchjd.md), Liu et al., ICLR 2021
# code: `TorchJDWeighting`
# needs: `torchjd`
# keeps: step
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.TorchJDWeighting', name='IMTLG', **_base_.balanced))
