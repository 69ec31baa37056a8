# Label smoothing: a tenth of the target of the fused cross-entropy is the uniform distribution. The option of the head
# goes with any method: `--cfg-options model.cls_head.label_smooth_eps=0.1`.
#
# section: Strong simple rows
# method: label smoothing, Szegedy et al., CVPR 2016
# code: `label_smooth_eps` of `MultimodalClsHead`: `models/heads/cls_head.py`
# differs: the fused head alone
_base_ = ['./erm.py']

model = dict(cls_head=dict(label_smooth_eps=0.1))
