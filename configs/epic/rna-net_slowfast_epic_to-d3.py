# RNA-Net.
# Written by tools/spread_recipes.py from epic/rna-net_slowfast_epic_to-d1.py
_base_ = ['./erm_slowfast_epic_to-d3.py', '../_base_/methods/rna-net.py']

model = dict(objectives=_base_.rna_net)
