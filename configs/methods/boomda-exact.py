# Boomda with the exact MGDA solution instead of the closed form.
#
# section: Boomda's rows
# row: MGDA
# what it is: both, exact minimiser (Sener and Koltun, NeurIPS 2018)
# table: Boomda, running time (MGDA)
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='exact'))
