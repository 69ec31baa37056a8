# MER-DG: projections of each modality's features are to fill their space, batches with as many samples of each domain.
#
# section: Multimodal domain generalization
# method: [MER-DG](methods/mer-dg.md), Yarici, AlRegib, ICML 2026
# code: `MaximumEntropy`: `models/objectives/maximum_entropy.py`
# needs: two samples
# differs: Adam and selection on the sources; the release has LARS, and selects on the target
_base_ = ['../_base_/balanced_domains.py']

model = dict(objectives=[dict(type='mmda_ext.MaximumEntropy', loss_weight=3.0, **_base_._heads)])
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=10.0, log=True)}
