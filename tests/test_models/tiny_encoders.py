"""Encoders of transformers from tiny configurations, and inputs for them."""

import torch

from mmda_ext.models import FrameEncoder, SpeechEncoder, TextEncoder
from mmda_ext.models.data_preprocessors.padding import pad

SIZE = dict(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24)
SPEECH = dict(conv_dim=(8, 8), conv_kernel=(10, 3), conv_stride=(5, 2), num_feat_extract_layers=2,
              num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, num_buckets=8, layerdrop=.9,
              mask_time_prob=.5, mask_time_length=2, **SIZE)
STABLE = dict(feat_extract_norm='layer', do_stable_layer_norm=True)
TEXT = dict(vocab_size=30, max_position_embeddings=24, **SIZE)

CONFIGS = {
    'wavlm': dict(model_type='wavlm', **SPEECH),
    'wavlm-layer': dict(model_type='wavlm', **SPEECH, **STABLE),
    'wav2vec2': dict(model_type='wav2vec2', **SPEECH),
    'hubert-layer': dict(model_type='hubert', **SPEECH, **STABLE),
    'bert': dict(model_type='bert', **TEXT),
    'roberta': dict(model_type='roberta', **TEXT),
    'distilbert': dict(model_type='distilbert', dim=16, n_layers=3, n_heads=2, hidden_dim=24, vocab_size=30,
                       max_position_embeddings=24),
    'vit': dict(model_type='vit', image_size=16, patch_size=8, hidden_dropout_prob=.1, **SIZE),
}
SPEECH_NAMES = ('wavlm', 'wavlm-layer', 'wav2vec2', 'hubert-layer')


def encoder_of(name, trainable_layers=1, seed=0, **options):
    torch.manual_seed(seed)
    kind = SpeechEncoder if name in SPEECH_NAMES else FrameEncoder if name == 'vit' else TextEncoder
    if 'pretrained' not in options:
        options['config'] = CONFIGS[name]
    return kind(trainable_layers=trainable_layers, **options).double()


def inputs_of(name, lengths=None, seed=0):
    """Sequences; the shorter ones of speech are below the receptive field of 20 samples."""
    generator = torch.Generator().manual_seed(seed)
    if name in SPEECH_NAMES:
        return [torch.randn(n, generator=generator).double() for n in lengths or (120, 7, 45)]
    if name == 'vit':
        return [torch.randn(n, 3, 24, 24, generator=generator).double() for n in lengths or (3, 1, 2)]
    return [torch.randint(2, 30, (n, ), generator=generator) for n in lengths or (9, 2, 1, 5)]


def batch_of(name, keys=None, **options):
    return pad(inputs_of(name, **options), keys)
