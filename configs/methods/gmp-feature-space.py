# GMP with inner products of feature gradients: one encoder backward pass (not in the paper).
#
# section: Ablation of GMP
# row: feature space
# what is left: all, decided by gradients of the features
# table: in no paper
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(space='feature'))
