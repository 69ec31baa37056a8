"""Flow from two video files, and its flip."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import DecodeFlow, FlipFlow, OpenFlow
from mmda_ext.datasets.transforms.flow import flip_flow
from tests.test_datasets.media import make_frames, write_video


def test_two_files_become_two_channels(tmp_path: Path) -> None:
    frames = {'x': make_frames(40), 'y': make_frames(40)[20:]}
    files = [str(write_video(tmp_path / f'{name}.mp4', frames[name])) for name in 'xy']
    results = OpenFlow()({'filenames': files})
    assert results['total_frames'] == 20, 'of the shorter file'
    results['frame_inds'] = np.array([5, 5, 10])
    results = DecodeFlow()(results)
    assert [image.shape for image in results['imgs']] == [(48, 64, 2)] * 3
    assert results['img_shape'] == (48, 64)
    first = results['imgs'][0][:, -3:].reshape(-1, 2).mean(axis=0)
    np.testing.assert_allclose(first, [15, 55], atol=2)


def test_a_missing_component_is_named(tmp_path: Path) -> None:
    write_video(tmp_path / 'x.mp4', make_frames(4))
    with pytest.raises(MediaError, match='y.mp4'):
        OpenFlow()({'filenames': [str(tmp_path / 'x.mp4'), str(tmp_path / 'y.mp4')]})


def test_the_flip_mirrors_both_and_inverts_x_only() -> None:
    image = np.array([[[10, 20], [30, 40]]], dtype=np.uint8)
    assert flip_flow(image).tolist() == [[[225, 40], [245, 20]]]
    assert image[0, 0].tolist() == [10, 20]
    np.testing.assert_array_equal(flip_flow(flip_flow(image)), image)


def test_all_images_of_a_clip_flip_together() -> None:
    clip = [np.full((2, 2, 2), 7, dtype=np.uint8) for _ in range(8)]
    flipped = FlipFlow(1.)({'imgs': clip})
    assert flipped['flip'] is True
    assert all((image[..., 0] == 248).all() and (image[..., 1] == 7).all() for image in flipped['imgs'])
    kept = FlipFlow(0.)({'imgs': clip})
    assert all((image == 7).all() for image in kept['imgs'])


def test_why_the_flip_is_ours() -> None:
    """MMAction2 1.2.0 inverts both components of every second image; when this fails, FlipFlow can go."""
    from mmaction.datasets.transforms import Flip
    images = [np.full((2, 2, 2), 7, dtype=np.uint8) for _ in range(2)]
    theirs = Flip(flip_ratio=1.)({'imgs': images, 'modality': 'Flow', 'img_shape': (2, 2)})['imgs']
    assert [image.max() for image in theirs] == [248, 7]
