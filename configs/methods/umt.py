# UMT: ERM, and features drawn to those of teachers of one modality each. Train the teachers first, `erm` with
# `--modalities face` and so on, then name their checkpoints:
# `--cfg-options model.objectives.0.teachers.face=FILE.pth model.objectives.0.teachers.audio=FILE.pth`.
#
# section: Strong simple rows
# method: UMT, Du et al., ICML 2023: features of teachers that know one modality each
# needs: a trained `erm` of each modality
# cost: one of them the teachers'
# keeps: teachers
# differs: weight of a third party's code; student features with dropout
_base_ = ['./erm.py']

model = dict(objectives=[
    dict(type='mmda_ext.UnimodalTeachers', teachers={name: None for name in _base_.modalities}, loss_weight=10.0)])
