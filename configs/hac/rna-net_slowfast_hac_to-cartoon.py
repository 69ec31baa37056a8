# RNA-Net.
# Written by tools/spread_recipes.py from hac/rna-net_slowfast_hac_to-human.py
_base_ = ['./erm_slowfast_hac_to-cartoon.py', '../_base_/methods/rna-net.py']

model = dict(objectives=_base_.rna_net)
