# Without k: only the domain gradient is modulated, no projection.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='domain_only', projection='none'))
