# Boomda with the exact MGDA solution instead of the closed form.
_base_ = ['./boomda_vl_iemocap.py']

optim_wrapper = dict(balancer=dict(solver='exact'))
