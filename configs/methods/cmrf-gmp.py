# CMRF with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
#
# section: Multimodal domain generalization
# method: with GMP
# needs: and of GMP
# keeps: as above
# table: GMP 3
# differs: as above
_base_ = ['./gmp.py', '../_base_/objectives/cmrf_terms.py']

# The release halves the weight of sound and leaves pictures and flow at 1.
_weights = {name: 0.5 for name in _base_.modalities if name in ('audio', 'speech')}
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(_base_.cmrf_heads, modality_weights=_weights),
        dict(_base_.cmrf_contrast, **_base_._heads),
        dict(
            _base_.cmrf_distillation,
            start=_base_.strengths.get('cmrf_start', 100),
            modality_weights=_weights),
    ])
train_cfg = dict(max_epochs=15)
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
