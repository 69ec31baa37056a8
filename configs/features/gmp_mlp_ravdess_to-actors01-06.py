# GMP as published; lambda chosen like that of Base, on source validation (docs/results/ravdess/README.md).
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

model = dict(
    objectives=[
        dict(
            type='mmda_ext.DomainAdversarial',
            head=dict(type='mmda_ext.DomainDiscriminatorHead', num_domains=3, reversal=0.3)),
    ])
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.GMP', alpha_k=0.5, alpha_p=0.5))
