# Speech, face and text encoders of transformers, small enough for a CPU; random weights, the last block trains.
_tiny = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
_projection = dict(channels=32, norm='batch', l2=False)

model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(
        speech=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.SpeechEncoder',
                trainable_layers=1,
                config=dict(
                    model_type='wavlm',
                    conv_dim=(16, 16, 16),
                    conv_kernel=(10, 8, 4),
                    conv_stride=(5, 8, 8),
                    num_feat_extract_layers=3,
                    num_conv_pos_embeddings=16,
                    num_conv_pos_embedding_groups=4,
                    feat_extract_norm='layer',
                    **_tiny)),
            sequence=dict(type='mmda_ext.TextCNN', channels=16),
            projection=_projection),
        face=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.FrameEncoder',
                trainable_layers=1,
                config=dict(model_type='vit', image_size=32, patch_size=8, **_tiny)),
            sequence=dict(type='mmda_ext.LSTMEncoder'),
            projection=_projection),
        text=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.TextEncoder',
                trainable_layers=1,
                config=dict(model_type='bert', vocab_size=1000, max_position_embeddings=64, **_tiny)),
            sequence=dict(type='mmda_ext.TextCNN', channels=16),
            projection=_projection)),
    fusion=dict(
        type='mmda_ext.ConcatFusion',
        in_channels=dict(speech=32, face=32, text=32),
        hidden_channels=32,
        dropout=0.3),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=4),
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors=dict(
            speech=dict(type='mmda_ext.PaddingPreprocessor', normalize=True, max_length=80160),
            # of pixels in [0, 1], as mmda_ext.LoadFaces gives them
            face=dict(type='mmda_ext.PaddingPreprocessor', mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
            text=dict(type='mmda_ext.PaddingPreprocessor', max_length=64))))
