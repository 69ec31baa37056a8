# MMCosine: the fused logits are a sum of cosines, so that no modality decides by the length of its features.
#
# section: Balancing strategies
# method: [MMCosine](methods/mmcosine.md), Xu, Feng, Zhang, Hu, ICASSP 2023
# code: `CosineFusion`: `models/fusions/cosine.py`
# differs: one classifier for training and test
_base_ = ['./erm.py']

model = dict(fusion=dict(type='mmda_ext.CosineFusion', hidden_channels=None, dropout=0.0, scale=10.0))
search = {'model.fusion.scale': dict(factor=4.0)}
