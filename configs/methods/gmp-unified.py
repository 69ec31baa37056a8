# Unified modulation: one coefficient for both gradients, no projection.
#
# section: Ablation of GMP
# row: Unified Modulation
# what is left: one coefficient for both tasks
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='unified', projection='none'))
