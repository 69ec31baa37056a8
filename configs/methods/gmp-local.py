# GMP in the form of the first author's later release, without its three defects (docs/methods/gmp.md).
#
# section: Balancing strategies
# method: GMP, the first author's later form
# code: `LocalClassification`, `LocalDomainAdversarial`: `models/objectives/local_classification.py`,
#     `models/objectives/local_domain_adversarial.py`
# needs: heads and domain projections for each modality
# differs: its three defects are not reproduced
_base_ = ['./erm.py']

model = dict(
    cls_head=dict(task='fused'),
    objectives=[
        dict(type='mmda_ext.LocalClassification'),
        dict(type='mmda_ext.LocalDomainAdversarial', num_domains=len(_base_.source_domains)),
    ])
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.GMP', alpha_k=0.5, alpha_p=0.5))
train_cfg = dict(max_epochs=15)
