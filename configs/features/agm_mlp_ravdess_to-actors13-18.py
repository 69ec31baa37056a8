# AGM: the classification gradient at each modality's part of the logits is scaled; the adversarial one is left alone.
# Written by tools/spread_recipes.py from features/agm_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors13-18.py']

model = dict(cls_head=dict(type='mmda_ext.AGMClsHead', alpha=1.0))
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
