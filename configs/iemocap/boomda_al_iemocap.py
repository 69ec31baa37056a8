# Boomda: information bottleneck, pseudo labels by voting, and correlation alignment balanced in closed form.
_base_ = ['./dt_al_iemocap.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.pseudo_label}}, {{_base_.alignment}}])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
