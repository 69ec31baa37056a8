# Base: ERM and the domain-adversarial loss, plain sum.
_base_ = ['./erm.py']

model = dict(
    objectives=[
        dict(
            type='mmda_ext.DomainAdversarial',
            head=dict(
                type='mmda_ext.DomainDiscriminatorHead',
                num_domains=len(_base_.source_domains),
                reversal=_base_.strengths.get('base', 0.5))),
    ])
# What a rule that balances any losses balances here.
balanced = dict(tasks=('cls', 'domain'))
