# CMRF.
#
# section: Multimodal domain generalization
# method: [CMRF](methods/cmrf.md), Fan, Xu, Wang, Guo, NeurIPS 2024
# code: `CrossModalDistillation`: `models/objectives/cross_modal_distillation.py`, `models/teacher.py`,
#     `LocalClassification`
# needs: memory for a second model
# cost: one of them the teacher's
# keeps: averaged teacher; `AveragedTeacherHook`
# table: GMP 3
# differs: the method's own terms are the default; on feature files heads are as wide as the features, not 2048
_base_ = ['./erm.py', '../_base_/objectives/cmrf_terms.py']

# The release halves the weight of sound and leaves pictures and flow at 1.
_weights = {name: 0.5 for name in _base_.modalities if name in ('audio', 'speech')}
model = dict(
    objectives=[
        dict(_base_.cmrf_heads, modality_weights=_weights),
        dict(_base_.cmrf_contrast, **_base_._heads),
        dict(
            _base_.cmrf_distillation,
            start=_base_.strengths.get('cmrf_start', 100),
            modality_weights=_weights),
    ])
train_cfg = dict(max_epochs=15)
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
