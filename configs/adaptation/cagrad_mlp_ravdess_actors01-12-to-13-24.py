# CAGrad: the mean gradient and a step for the worst-off task.
# Over the alignment losses, in the place of Boomda's closed form.
_base_ = ['./boomda_mlp_ravdess_actors01-12-to-13-24.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.CAGrad', c=0.5, normalize=True))
