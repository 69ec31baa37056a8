# Boomda with MGDA solved by Frank-Wolfe iterations.
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='frank_wolfe'))
