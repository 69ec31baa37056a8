# Balanced correlation alignment alone.
_base_ = ['./dt_avl_iemocap.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.alignment}}])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
