# CAGP-only: projection without modulation.
#
# section: Ablation of GMP
# row: CAGP only
# what is left: projection
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none'))
