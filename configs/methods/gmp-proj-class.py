# Fixed projection of the classification gradient, no modulation.
#
# section: Ablation of GMP
# row: Fixed Proj-Class
# what is left: classification always yields
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='class'))
