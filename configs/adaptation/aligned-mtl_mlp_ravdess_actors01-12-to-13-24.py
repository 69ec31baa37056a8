# Aligned-MTL: the gradients made orthogonal and equally long; needs torchjd.
# Over the alignment losses, in the place of Boomda's closed form.
_base_ = ['./boomda_mlp_ravdess_actors01-12-to-13-24.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.TorchJDWeighting', name='AlignedMTL', normalize=True))
