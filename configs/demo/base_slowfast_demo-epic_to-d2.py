# Base: ERM and the domain-adversarial loss, plain sum.
_base_ = ['./erm_slowfast_demo-epic_to-d2.py']

model = dict(
    objectives=[
        dict(
            type='mmda_ext.DomainAdversarial',
            head=dict(type='mmda_ext.DomainDiscriminatorHead', num_domains=2, reversal=0.1)),
    ])
