# Video: SlowFast-R101 8x8; audio: ResNet-18. Only the last stages train, as in the public protocol.
model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(
        video=dict(
            type='ResNet3dSlowFast',
            pretrained=None,
            resample_rate=4,
            speed_ratio=4,
            channel_ratio=8,
            slow_pathway=dict(
                type='resnet3d',
                depth=101,
                pretrained=None,
                lateral=True,
                fusion_kernel=7,
                conv1_kernel=(1, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                inflate=(0, 0, 1, 1),
                norm_eval=False),
            fast_pathway=dict(
                type='resnet3d',
                depth=101,
                pretrained=None,
                lateral=False,
                base_channels=8,
                conv1_kernel=(5, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                norm_eval=False)),
        audio=dict(
            type='mmda_ext.AudioResNet',
            checkpoint='checkpoints/vggsound_avgpool.pth.tar',
            audio_layer4_init='random')),
    pretrained=dict(video='checkpoints/slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth'),
    necks=dict(video=dict(type='mmda_ext.PoolNeck', dropout=0.5)),
    freeze=dict(
        video=dict(trainable=['slow_path.layer4', 'fast_path.layer4'], norm='train'),
        audio=dict(trainable=['layer4'], norm='eval')),
    fusion=dict(
        type='mmda_ext.ConcatFusion', in_channels=dict(video=2304, audio=512), hidden_channels=256, dropout=0.5),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=8),
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors=dict(
            video=dict(
                type='mmda_ext.ClipPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCTHW'),
            audio=dict(type='mmda_ext.TensorPreprocessor'))))
