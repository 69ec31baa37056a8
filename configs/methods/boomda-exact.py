# Boomda with the exact MGDA solution instead of the closed form.
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='exact'))
