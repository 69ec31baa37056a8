# Without k: only the domain gradient is modulated, no projection.
#
# section: Ablation of GMP
# row: w/o k
# what is left: modulation of the domain gradient
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='domain_only', projection='none'))
