# Without k: only the domain gradient is modulated, no projection.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(modulation='domain_only', projection='none'))
