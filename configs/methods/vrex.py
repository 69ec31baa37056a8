# VREx: the source domains are to have equal risks.
#
# section: Regularisers over source domains
# method: VREx, Krueger et al., ICML 2021: the variance of the risks of the domains
# needs: two samples of each source domain
# keeps: `FreshOptimizerHook`
# differs: weight 10 after a tenth of the training (DomainBed: after 500 of 5001 steps); the fused classifier
_base_ = ['../_base_/balanced_domains.py']

model = dict(objectives=[dict(type='mmda_ext.VREx', num_domains=len(_base_.source_domains), loss_weight=10.0)])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.FreshOptimizerHook')]
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=1e5, log=True)}
