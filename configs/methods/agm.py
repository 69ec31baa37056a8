# AGM: the classification gradient at each modality's part of the logits is scaled; the adversarial one is left alone.
_base_ = ['./base.py']

model = dict(cls_head=dict(type='mmda_ext.AGMClsHead', alpha=1.0))
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
