# MMD between source domains: features of each modality agree in all moments.
#
# section: Regularisers over source domains
# method: MMD between all pairs of sources, after Li, Pan, Wang, Kot, CVPR 2018
# needs: two samples of each source domain
# differs: DomainBed's form, without autoencoder and adversary; unbiased estimate, since with five samples of a domain
#     the published one makes all features alike; features of each modality, `features='fused'` for the representation
#     in front of the last layer
_base_ = ['../_base_/balanced_domains.py']

model = dict(objectives=[dict(
    type='mmda_ext.SourceMMD', num_domains=len(_base_.source_domains), loss_weight=1.0, estimator='unbiased')])
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=10.0, log=True)}
