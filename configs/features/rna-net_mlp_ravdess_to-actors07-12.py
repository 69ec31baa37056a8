# RNA-Net.
# Written by tools/spread_recipes.py from features/rna-net_mlp_ravdess_to-actors01-06.py
_base_ = ['./erm_mlp_ravdess_to-actors07-12.py', '../_base_/methods/rna-net.py']

model = dict(objectives=_base_.rna_net)
