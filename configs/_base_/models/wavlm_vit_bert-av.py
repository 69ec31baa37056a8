# Speech and face of wavlm_vit_bert.py.
_base_ = ['./wavlm_vit_bert.py']

model = dict(
    backbones=dict(_delete_=True, speech={{_base_.model.backbones.speech}}, face={{_base_.model.backbones.face}}),
    fusion=dict(in_channels=dict(_delete_=True, speech=256, face=256)),
    data_preprocessor=dict(
        preprocessors=dict(
            _delete_=True,
            speech={{_base_.model.data_preprocessor.preprocessors.speech}},
            face={{_base_.model.data_preprocessor.preprocessors.face}})))
