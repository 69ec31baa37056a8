# Reverse CAGP: the adaptive choice swapped, no modulation.
#
# section: Ablation of GMP
# row: Reverse CAGP
# what is left: the wrong one yields
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='reverse'))
