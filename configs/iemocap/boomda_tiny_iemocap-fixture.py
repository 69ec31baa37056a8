# Boomda with tiny encoders on the fake release.
_base_ = ['./dt_tiny_iemocap-fixture.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.pseudo_label}}, {{_base_.alignment}}])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
