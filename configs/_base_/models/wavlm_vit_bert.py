# WavLM base-plus, ViT-B/16 per face, BERT-base; the last three blocks of each train. Weights: docs/encoders.md.
_projection = dict(channels=256, norm='batch')

model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(
        speech=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.SpeechEncoder',
                pretrained='checkpoints/wavlm-base-plus',
                config=dict(model_type='wavlm'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.TextCNN', kernel_sizes=(3, 5)),
            projection=_projection),
        face=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.FrameEncoder',
                pretrained='checkpoints/vit-base-patch16-224-in21k',
                config=dict(model_type='vit'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.LSTMEncoder'),
            projection=_projection),
        text=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.TextEncoder',
                pretrained='checkpoints/bert-base-uncased',
                config=dict(model_type='bert'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.TextCNN', kernel_sizes=(3, 5)),
            projection=_projection)),
    fusion=dict(
        type='mmda_ext.ConcatFusion',
        in_channels=dict(speech=256, face=256, text=256),
        hidden_channels=128,
        dropout=0.3),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=4),
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors=dict(
            speech=dict(type='mmda_ext.PaddingPreprocessor', normalize=False, max_length=80160),
            # of pixels in [0, 1], as mmda_ext.LoadFaces gives them
            face=dict(type='mmda_ext.PaddingPreprocessor', mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
            text=dict(type='mmda_ext.PaddingPreprocessor', max_length=64))))
