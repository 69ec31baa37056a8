# Boomda with the MGDA solution for losses of which only the fused one overlaps the others.
#
# section: Boomda's rows
# row: arrowhead
# what it is: both, closed form with the overlaps
# table: in no paper
_base_ = ['./boomda.py']

optim_wrapper = dict(balancer=dict(solver='arrowhead'))
