# NEL: two views of each sample, drawn together after a shift to their neighbours, and features of many directions.
#
# section: Multimodal domain generalization
# method: [NEL](methods/nel.md), Nonpolarized embedding learning, Neurocomputing 658 (2025)
# code: `NonpolarizedEmbedding`: `models/objectives/nonpolarized_embedding.py`, `models/views.py`
# needs: even widths, a second view
# differs: from a benchmark's code; first view as the pipeline makes it
_base_ = ['./erm.py']

_views = {name: _base_.networks[name]['view'] for name in _base_.modalities if 'view' in _base_.networks[name]}
model = dict(
    cls_head=dict(loss_weight=0.25),
    objectives=[dict(type='mmda_ext.NonpolarizedEmbedding', loss_weight=0.25, agreement=0.7, views=_views,
                     **_base_._heads)])
search = {'model.objectives.0.agreement': dict(low=0.0, high=1.0)}
