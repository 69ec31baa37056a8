# Without k: only the domain gradient is modulated, no projection.
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(modulation='domain_only', projection='none'))
