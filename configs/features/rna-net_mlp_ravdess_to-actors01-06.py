# RNA-Net.
_base_ = ['./erm_mlp_ravdess_to-actors01-06.py', '../_base_/methods/rna-net.py']

model = dict(objectives=_base_.rna_net)
