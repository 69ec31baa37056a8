# Speech, face and text encoders of transformers, small enough for a CPU; random weights, the last block trains. In the
# place of wavlm_vit_bert.py.
_tiny_sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
_tiny_projection = dict(channels=32, norm='batch', l2=False)

tiny_networks = dict(
    speech=dict(
        backbone=dict(
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
                    **_tiny_sizes)),
            sequence=dict(type='mmda_ext.TextCNN', channels=16),
            projection=_tiny_projection),
        channels=32,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', normalize=True, max_length=80160),
        view=dict(type='mmda_ext.AudioView')),
    face=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.FrameEncoder',
                trainable_layers=1,
                config=dict(model_type='vit', image_size=32, patch_size=8, **_tiny_sizes)),
            sequence=dict(type='mmda_ext.LSTMEncoder'),
            projection=_tiny_projection),
        channels=32,
        # of pixels in [0, 1], as mmda_ext.LoadFaces gives them
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
        view=dict(type='mmda_ext.VideoView')),
    text=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.TextEncoder',
                trainable_layers=1,
                config=dict(model_type='bert', vocab_size=1000, max_position_embeddings=64, **_tiny_sizes)),
            sequence=dict(type='mmda_ext.TextCNN', channels=16),
            projection=_tiny_projection),
        channels=32,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', max_length=64),
        # ids of the vocabulary that tools/data/make_emotion_fixture.py writes
        view=dict(type='mmda_ext.TokenView', mask_id=4, special_ids=(0, 2, 3))))
tiny_fusion = dict(hidden_channels=32, dropout=0.3)
