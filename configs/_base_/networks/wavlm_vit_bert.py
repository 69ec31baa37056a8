# WavLM base-plus, ViT-B/16 per face, BERT-base; the last three blocks of each train. Weights: docs/encoders.md.
_projection = dict(channels=256, norm='batch')

networks = dict(
    speech=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.SpeechEncoder',
                pretrained='checkpoints/wavlm-base-plus',
                config=dict(model_type='wavlm'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.TextCNN', kernel_sizes=(3, 5)),
            projection=_projection),
        channels=256,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', normalize=False, max_length=80160),
        view=dict(type='mmda_ext.AudioView')),
    face=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.FrameEncoder',
                pretrained='checkpoints/vit-base-patch16-224-in21k',
                config=dict(model_type='vit'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.LSTMEncoder'),
            projection=_projection),
        channels=256,
        # of pixels in [0, 1], as mmda_ext.LoadFaces gives them
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
        view=dict(type='mmda_ext.VideoView')),
    text=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.TextEncoder',
                pretrained='checkpoints/bert-base-uncased',
                config=dict(model_type='bert'),
                trainable_layers=3),
            sequence=dict(type='mmda_ext.TextCNN', kernel_sizes=(3, 5)),
            projection=_projection),
        channels=256,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', max_length=64),
        view=dict(type='mmda_ext.TokenView', mask_id=103, special_ids=(0, 101, 102))))
fusion = dict(hidden_channels=128, dropout=0.3)
