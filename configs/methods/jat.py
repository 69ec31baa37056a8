# JAT: three adversaries (modality, domain of each modality, domain of all), heads weighted by the second,
# samples that lack modalities, and averaged weights.
#
# section: Multimodal domain generalization
# method: [JAT](methods/jat.md), Li et al., ACM MM 2025
# code: `JointAdversarial`: `models/objectives/joint_adversarial.py`, `DomainAdversarial`, `ModalityDropout`
# needs: two modalities and two source domains; memory for a second model
# keeps: raw and averaged weights; `AveragedWeightsHook`
# differs: the weights of the heads carry no gradient (`detach=False`: as released); heads are linear
_base_ = ['./erm.py']

model = dict(
    cls_head=dict(feature_dropout=dict(type='mmda_ext.ModalityDropout', p=0.5, independent=True)),
    objectives=[
        dict(type='mmda_ext.JointAdversarial', num_domains=len(_base_.source_domains), loss_weights=(0.1, 0.5),
             **_base_._heads),
        dict(type='mmda_ext.DomainAdversarial', task='domain', head=dict(
            num_domains=len(_base_.source_domains), reversal=0.3, loss_weight=0.5)),
    ])
default_hooks = dict(average=dict(type='mmda_ext.AveragedWeightsHook', momentum=0.001))
search = {'model.objectives.1.head.reversal': dict(low=0.03, high=3.0, log=True)}
