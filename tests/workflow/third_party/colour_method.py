"""A method of somebody else: the colour of a pixel tells its class, and all that is of a class is one track."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from vita.core.contract import Losses, LossTerm, Track, VideoPrediction
from vita.data.masks.rle import encode


class ColourMethod(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.pixel = nn.Conv2d(3, num_classes, kernel_size=1)

    def forward(self, clips, part=None):
        count = len(clips if part is None else part.whole)
        return Losses([LossTerm("pixels", torch.stack([self._loss(clip) for clip in clips]).sum() / count, weight=1.0)])

    def _loss(self, clip):
        wanted = [clip.masks[clip.labels == label].any(dim=0) for label in range(self.pixel.out_channels)]
        return binary_cross_entropy_with_logits(self.pixel(clip.frames / 255), torch.stack(wanted, dim=1).float())

    def backbone_parameters(self):
        return []

    def state_to_keep(self):
        return self.state_dict()

    def predict(self, frames, variants, top_k):
        shares = self.pixel(frames.read(0, len(frames)) / 255).sigmoid().cpu().numpy()  # (T, K, H, W)
        tracks = [Track(k, float(shares[:, k].max()), encode(shares[:, k] > 0.3)) for k in range(shares.shape[1])]
        return VideoPrediction({name: tracks[:top_k] for name in variants})


class Definition:
    def build(self, options, num_classes):
        return ColourMethod(num_classes)

    def read_variant(self, options):
        return dict(options)


definition = Definition()
