# CORAL between source domains: features of each modality agree in mean and covariance.
#
# section: Regularisers over source domains
# method: CORAL between all pairs of sources, after Sun, Saenko, ECCV workshops 2016
# needs: two samples of each source domain
# differs: DomainBed's form, with the means; features of each modality, `features='fused'` for the representation in
#     front of the last layer
_base_ = ['../_base_/balanced_domains.py']

model = dict(objectives=[dict(type='mmda_ext.SourceCORAL', num_domains=len(_base_.source_domains), loss_weight=1.0)])
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=10.0, log=True)}
