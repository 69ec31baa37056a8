# PMR: ERM, and the modality that is behind is classified by its distances to class prototypes.
#
# section: Balancing strategies
# method: [PMR](methods/pmr.md), Fan, Xu, Wang, Wang, Guo, CVPR 2023
# code: `PrototypeClassification`: `models/objectives/prototype_classification.py`
# needs: two modalities
# cost: and a pass over a tenth of the training set for each epoch
# keeps: prototypes; `PrototypesHook`
# differs: for any number of modalities; without the entropy term of the paper, which its release does not have
_base_ = ['./erm.py']

model = dict(objectives=[dict(
    type='mmda_ext.PrototypeClassification', num_classes=_base_.num_classes, loss_weight=1.0)])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.PrototypesHook')]
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=10.0, log=True)}
