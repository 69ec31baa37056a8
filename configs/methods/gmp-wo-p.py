# Without p: only the classification gradient is modulated, no projection.
#
# section: Ablation of GMP
# row: w/o p
# what is left: modulation of the class gradient
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='class_only', projection='none'))
