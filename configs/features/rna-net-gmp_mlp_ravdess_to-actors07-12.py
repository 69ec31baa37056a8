# RNA-Net with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from features/rna-net-gmp_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_mlp_ravdess_to-actors07-12.py', '../_base_/methods/rna-net.py']

model = dict(objectives=[*_base_.model.objectives, *_base_.rna_net])
