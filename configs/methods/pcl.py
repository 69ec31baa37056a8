# PCL on top of DANN: two views of a target sample agree in their class probabilities.
#
# section: Adaptation
# method: [PCL](methods/pcl.md), Li et al., IJCAI 2024, with DANN
# code: `PCL`: `models/objectives/pcl.py`, `models/views.py`
# needs: target logits, a second view of the target
# table: Boomda, comparison
# differs: first view as the pipeline makes it
_base_ = ['../_base_/adaptation.py']

_views = {name: _base_.networks[name]['view'] for name in _base_.modalities if 'view' in _base_.networks[name]}
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.DANN'),
        dict(type='mmda_ext.PCL', loss_weight=0.05, views=_views),
    ])
