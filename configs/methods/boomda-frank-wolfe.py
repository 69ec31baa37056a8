# Boomda with MGDA solved by Frank-Wolfe iterations.
#
# section: Boomda's rows
# row: Frank-Wolfe
# what it is: both, MGDA as commonly solved
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='frank_wolfe'))
