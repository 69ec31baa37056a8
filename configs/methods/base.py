# Base: ERM and the domain-adversarial loss, plain sum.
#
# section: Balancing strategies
# method: Base: classification and the reversed loss of a discriminator of source domains, summed (after Ganin et al.,
#     JMLR 2016)
# code: `DomainAdversarial`: `models/objectives/domain_adversarial.py`, `DomainDiscriminatorHead`:
#     `models/heads/domain_head.py`; the same under a balancing wrapper: `Sum`, `balancing/sum.py`
# needs: two source domains
# table: GMP 1, 4, 5
# differs: the paper does not say whether its Base has the adversary: `erm` is the other reading
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
# Around the strengths that the data sets state.
search = {'model.objectives.0.head.reversal': dict(low=0.01, high=1.0, log=True)}
# What a rule that balances any losses balances here.
balanced = dict(tasks=('cls', 'domain'))
