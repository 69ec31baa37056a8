"""ResNet-18 on spectrograms, in the layout of the published VGGSound checkpoint."""

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.models.pretrained import load_backbone
from mmda_ext.registry import MODELS

LAYER4_INITS = ('random', 'pretrained')


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a skip connection (He et al., CVPR 2016)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C_in, H, W)`` -> ``(N, C, H/stride, W/stride)``."""
        skip = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + skip)


@MODELS.register_module()
class AudioResNet(BaseModule):
    """ResNet-18 with one input channel: ``(N, 1, 257, 1004)`` -> ``(N, 512, 9, 32)``; a neck pools it.

    Keys follow the VGGSound release (Chen et al., ICASSP 2020): ``conv1``, ``bn1``, ``layer1`` ... ``layer4``; its
    file ``H.pth.tar`` holds them under ``model_state_dict`` with the prefix ``audnet.``.

    Args:
        checkpoint (str, optional): Local path of ``H.pth.tar`` (or any state dict with these keys).
        audio_layer4_init (str): ``'random'`` (as in the public releases of the protocol, where the trainable stage
            silently never matched the checkpoint) or ``'pretrained'`` (as they intended).
        base_channels (int): Width of the first stage; 64 in the release.
        in_channels (int): Channels of the spectrogram.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is unknown, or the checkpoint belongs to another architecture.
    """

    def __init__(self,
                 checkpoint: str | None = None,
                 audio_layer4_init: str = 'random',
                 base_channels: int = 64,
                 in_channels: int = 1,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        choose('audio_layer4_init', audio_layer4_init, LAYER4_INITS)
        self.checkpoint, self.audio_layer4_init = checkpoint, audio_layer4_init
        self.conv1 = nn.Conv2d(in_channels, base_channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [base_channels * factor for factor in (1, 1, 2, 4, 8)]
        for index in range(1, 5):
            stride = 1 if index == 1 else 2
            blocks = nn.Sequential(BasicBlock(widths[index - 1], widths[index], stride),
                                   BasicBlock(widths[index], widths[index], 1))
            setattr(self, f'layer{index}', blocks)
        self.out_channels = widths[-1]
        self._reset(self)

    @staticmethod
    def _reset(module: nn.Module) -> None:
        """Kaiming normal, fan out; batch-norm weights N(1, 0.02), as in the release."""
        for child in module.modules():
            if isinstance(child, nn.Conv2d):
                nn.init.kaiming_normal_(child.weight, mode='fan_out', nonlinearity='relu')
            elif isinstance(child, nn.BatchNorm2d):
                nn.init.normal_(child.weight, 1.0, 0.02)
                nn.init.zeros_(child.bias)

    def init_weights(self) -> None:
        """Load ``checkpoint`` if one is named, and say which initialisation ``layer4`` has."""
        super().init_weights()
        if self.checkpoint is None:
            return
        load_backbone(self, self.checkpoint, prefixes=('audnet.', ))
        if self.audio_layer4_init == 'random':
            self._reset(self.layer4)
        print_log(f'AudioResNet: layer4 is {self.audio_layer4_init}', logger='current')

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, F, T)`` -> ``(N, 8 * base_channels, F/32, T/32)``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for index in range(1, 5):
            x = getattr(self, f'layer{index}')(x)
        return x
