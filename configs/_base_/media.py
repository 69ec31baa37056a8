# Pipelines and small encoders for what a table names (mmda_ext.TableDataset), by kind; all of width 64, so that every
# method takes them, trained from scratch. A data set adds domains, classes and the lengths and widths of its files.
_base_ = ['./loaders.py', './schedules/adam_features.py', './default_runtime.py']

# As of feature vectors (feature_vectors.py); nothing was searched here.
strengths = dict(base=0.1, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2, head_width=64)
fusion = dict(hidden_channels=64, dropout=0.2)

_pictures = dict(
    words='16 frames spread over the sample, 112 x 112; a 3D ResNet-18 of an eighth of the width',
    network=dict(
        backbone=dict(
            type='ResNet3dSlowOnly',
            depth=18,
            pretrained=None,
            lateral=False,
            base_channels=8,
            conv1_kernel=(1, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 0, 1, 1),
            norm_eval=False),
        channels=64,
        preprocessor=dict(
            type='mmda_ext.ClipPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            format_shape='NCTHW'),
        view=dict(type='mmda_ext.VideoView')))
_opening = dict(
    video=[dict(type='mmda_ext.OpenVideo'), dict(type='mmda_ext.CutToSegment')],
    frames=[dict(type='mmda_ext.OpenFrames'), dict(type='mmda_ext.CutToSegment')])
_decoding = dict(video=dict(type='mmda_ext.DecodeVideo'), frames=dict(type='mmda_ext.DecodeFrames'))
_sizing = [dict(type='Resize', scale=(-1, 128))]
_sound = [dict(type='mmda_ext.LoadAudio'), dict(type='mmda_ext.LogSpectrogram', num_seconds=10.)]
_convolutions = dict(type='mmda_ext.TextCNN', out_channels=64, channels=64, dropout=0.2)

_kinds = {
    name: dict(
        **_pictures,
        train=[
            *_opening[name],
            dict(type='UniformSample', clip_len=16), _decoding[name], *_sizing,
            dict(type='RandomCrop', size=112),
            dict(type='FormatShape', input_format='NCTHW')
        ],
        test=[
            *_opening[name],
            dict(type='UniformSample', clip_len=16, test_mode=True), _decoding[name], *_sizing,
            dict(type='CenterCrop', crop_size=112),
            dict(type='FormatShape', input_format='NCTHW')
        ])
    for name in ('video', 'frames')
}
_kinds['audio'] = dict(
    words='16 kHz (longer sound is cut, shorter is repeated), log spectrogram; a ResNet-18 of an eighth of the width',
    train=[*_sound, dict(type='mmda_ext.SpectrogramAugment')],
    test=_sound,
    network=dict(backbone=dict(type='mmda_ext.AudioResNet', base_channels=8), channels=64))
_kinds['array'] = dict(
    words='scaled by the training samples of the sources, padded and masked; convolutions over time',
    train=[dict(type='mmda_ext.LoadArray')],
    test=[dict(type='mmda_ext.LoadArray')],
    network=dict(
        backbone=dict(type='mmda_ext.SequenceBackbone', sequence=_convolutions),
        channels=64,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor')))
_kinds['text'] = dict(
    words='its first 64 words; a transformer of two small layers',
    train=[dict(type='mmda_ext.HashWords', num_words=4096, max_length=64)],
    test=[dict(type='mmda_ext.HashWords', num_words=4096, max_length=64)],
    network=dict(
        backbone=dict(
            type='mmda_ext.SequenceBackbone',
            encoder=dict(
                type='mmda_ext.TextEncoder',
                trainable_layers=None,
                config=dict(
                    model_type='bert',
                    vocab_size=4098,
                    max_position_embeddings=64,
                    hidden_size=32,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    intermediate_size=64)),
            sequence=_convolutions),
        channels=64,
        preprocessor=dict(type='mmda_ext.PaddingPreprocessor', max_length=64),
        view=dict(type='mmda_ext.TokenView', mask_id=1, special_ids=(0, 1))))
