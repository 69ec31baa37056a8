# DDC: distance of the means of the concatenated features.
#
# section: Adaptation
# method: [DDC](methods/ddc.md), Tzeng et al., arXiv 1412.3474
# code: the same, linear kernel
# needs: as above
# differs: no bottleneck layer of its own
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.MKMMD', kernel='linear', estimator='biased', loss_weight=0.25),
    ])
