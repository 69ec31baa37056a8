# PCL on top of DANN: two views of a target sample agree in their class probabilities.
_base_ = ['../_base_/adaptation.py']

_views = {name: _base_.networks[name]['view'] for name in _base_.modalities if 'view' in _base_.networks[name]}
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.DANN'),
        dict(type='mmda_ext.PCL', loss_weight=0.05, views=_views),
    ])
