# RNA-Net.
_base_ = ['./erm_slowfast_hac_to-human.py', '../_base_/methods/rna-net.py']

model = dict(objectives=_base_.rna_net)
