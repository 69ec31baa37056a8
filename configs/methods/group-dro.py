# GroupDRO: the source domains that are hardest count most.
#
# section: Regularisers over source domains
# method: GroupDRO, Sagawa, Koh, Hashimoto, Liang, ICLR 2020
# needs: two samples of each source domain
# keeps: weights of the domains
# differs: a domain is a group; one update of the weights for each step, as in DomainBed
_base_ = ['../_base_/balanced_domains.py']

model = dict(
    cls_head=dict(loss_weight=0.0),
    objectives=[dict(type='mmda_ext.GroupDRO', num_domains=len(_base_.source_domains), eta=0.01)])
search = {'model.objectives.0.eta': dict(low=1e-3, high=0.1, log=True)}
