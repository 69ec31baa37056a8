# A3D2: one modality is the anchor, the others drift towards it. Words before sound, which the release trusts more than
# pictures.
#
# section: Adaptation
# method: [A3D2](methods/a3d2.md), Sun et al., ACL 2025
# needs: an anchor modality, logits of both domains, features of one width
# keeps: transport plans
# differs: standardised determinant
_base_ = ['../_base_/adaptation.py']

_trusted = [name for name in ('text', 'speech', 'audio') if name in _base_.modalities]
_pictures = ('face', 'image', 'video', 'flow')
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(
            type='mmda_ext.A3D2',
            num_classes=_base_.num_classes,
            anchor=[*_trusted, *_base_.modalities][0],
            modality_weights={name: 0.7 if name in _pictures else 0.1 for name in _base_.modalities}),
    ])
