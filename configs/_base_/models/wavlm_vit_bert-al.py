# Speech and words of wavlm_vit_bert.py.
_base_ = ['./wavlm_vit_bert.py']

model = dict(
    backbones=dict(_delete_=True, speech={{_base_.model.backbones.speech}}, text={{_base_.model.backbones.text}}),
    fusion=dict(in_channels=dict(_delete_=True, speech=256, text=256)),
    data_preprocessor=dict(
        preprocessors=dict(
            _delete_=True,
            speech={{_base_.model.data_preprocessor.preprocessors.speech}},
            text={{_base_.model.data_preprocessor.preprocessors.text}})))
