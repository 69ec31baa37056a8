# Boomda with the MGDA solution for losses of which only the fused one overlaps the others.
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='arrowhead'))
