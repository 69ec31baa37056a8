# AGM: the classification gradient at each modality's part of the logits is scaled; the adversarial one is left alone.
# Written by tools/spread_recipes.py from hac/agm_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-cartoon.py']

model = dict(cls_head=dict(type='mmda_ext.AGMClsHead', alpha=1.0))
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
