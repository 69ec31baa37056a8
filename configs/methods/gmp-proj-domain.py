# Fixed projection of the domain gradient, no modulation.
#
# section: Ablation of GMP
# row: Fixed Proj-Domain
# what is left: the domain always yields
# table: GMP 4
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='domain'))
