# IGDM-only: modulation without projection.
#
# section: Ablation of GMP
# row: IGDM only
# what is left: modulation
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(projection='none'))
