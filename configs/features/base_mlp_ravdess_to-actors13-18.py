# Base: ERM and the domain-adversarial loss, plain sum.
_base_ = ['./erm_mlp_ravdess_to-actors13-18.py']

model = dict(
    objectives=[
        dict(
            type='mmda_ext.DomainAdversarial',
            head=dict(type='mmda_ext.DomainDiscriminatorHead', num_domains=3, reversal=0.1)),
    ])
