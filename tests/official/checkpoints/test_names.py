"""Names of shared parts, one by one."""

from __future__ import annotations

import pytest
import torch

from vita.blocks.attention import AttentionBlock, FeedForwardBlock, MaskEmbedding
from vita.official.checkpoints.backbone import BACKBONE
from vita.official.checkpoints.backbone_kinds import relative_positions
from vita.official.checkpoints.detector import FRAME_DECODER, PIXEL_DECODER, DetectorNames
from vita.official.checkpoints.names import attention_rules, feedforward_rules, mask_embedding_rules, translate
from vita.official.contract import OfficialTensor
from vita.official.vita.names import VitaOfficial


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("embedder.embedder.convolution.weight", "stem.conv1.weight"),
        ("embedder.embedder.normalization.running_var", "stem.conv1.norm.running_var"),
        ("encoder.stages.0.layers.2.layer.1.convolution.weight", "res2.2.conv2.weight"),
        ("encoder.stages.3.layers.0.shortcut.normalization.bias", "res5.0.shortcut.norm.bias"),
        ("encoder.stages.2.layers.22.layer.2.normalization.weight", "res4.22.conv3.norm.weight"),
        ("swin.embeddings.patch_embeddings.projection.bias", "patch_embed.proj.bias"),
        ("swin.embeddings.norm.weight", "patch_embed.norm.weight"),
        ("swin.encoder.layers.1.downsample.reduction.weight", "layers.1.downsample.reduction.weight"),
        ("swin.encoder.layers.2.blocks.17.layernorm_before.weight", "layers.2.blocks.17.norm1.weight"),
        ("swin.encoder.layers.2.blocks.17.layernorm_after.bias", "layers.2.blocks.17.norm2.bias"),
        ("swin.encoder.layers.0.blocks.1.attention.o_proj.weight", "layers.0.blocks.1.attn.proj.weight"),
        ("swin.encoder.layers.0.blocks.1.mlp.fc2.bias", "layers.0.blocks.1.mlp.fc2.bias"),
        (
            "swin.encoder.layers.3.blocks.0.attention.relative_position_bias.relative_position_bias_table",
            "layers.3.blocks.0.attn.relative_position_bias_table",
        ),
        ("hidden_states_norms.stage1.weight", "norm0.weight"),
        ("hidden_states_norms.stage4.bias", "norm3.bias"),
    ],
)
def test_backbones(ours: str, theirs: str) -> None:
    assert translate(ours, BACKBONE) == OfficialTensor(theirs)


@pytest.mark.parametrize(("letter", "third"), [("q", 0), ("k", 1), ("v", 2)])
def test_stacked_projections_are_query_then_key_then_value(letter: str, third: int) -> None:
    word = {"q": "query", "k": "key", "v": "value"}[letter]
    swin = translate(f"swin.encoder.layers.0.blocks.1.attention.{letter}_proj.bias", BACKBONE)
    assert swin == OfficialTensor("layers.0.blocks.1.attn.qkv.bias", third)
    library = translate(f"decoder.layers.8.self_attn.{letter}_proj.weight", FRAME_DECODER)
    assert library == OfficialTensor("transformer_self_attention_layers.8.self_attn.in_proj_weight", third)
    own = translate(f"y.{word}.bias", attention_rules("y", "x", "attn"))
    assert own == OfficialTensor("x.attn.in_proj_bias", third)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("input_projections.2.1.weight", "input_proj.2.1.weight"),
        ("level_embed", "transformer.level_embed"),
        (
            "encoder.layers.5.self_attn.sampling_offsets.bias",
            "transformer.encoder.layers.5.self_attn.sampling_offsets.bias",
        ),
        ("encoder.layers.0.self_attn_layer_norm.weight", "transformer.encoder.layers.0.norm1.weight"),
        ("encoder.layers.0.final_layer_norm.weight", "transformer.encoder.layers.0.norm2.weight"),
        ("encoder.layers.0.fc2.bias", "transformer.encoder.layers.0.linear2.bias"),
        ("adapter_1.0.weight", "adapter_1.weight"),
        ("layer_1.1.bias", "layer_1.norm.bias"),
        ("mask_projection.weight", "mask_features.weight"),
    ],
)
def test_pixel_decoder(ours: str, theirs: str) -> None:
    assert translate(ours, PIXEL_DECODER) == OfficialTensor(theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("queries_features.weight", "query_feat.weight"),
        ("queries_embedder.weight", "query_embed.weight"),
        ("level_embed.weight", "level_embed.weight"),
        ("decoder.layernorm.bias", "decoder_norm.bias"),
        ("decoder.mask_predictor.mask_embedder.1.0.weight", "mask_embed.layers.1.weight"),
        ("decoder.layers.3.self_attn.out_proj.bias", "transformer_self_attention_layers.3.self_attn.out_proj.bias"),
        ("decoder.layers.3.self_attn_layer_norm.bias", "transformer_self_attention_layers.3.norm.bias"),
        (
            "decoder.layers.3.cross_attn.in_proj_weight",
            "transformer_cross_attention_layers.3.multihead_attn.in_proj_weight",
        ),
        ("decoder.layers.3.cross_attn_layer_norm.weight", "transformer_cross_attention_layers.3.norm.weight"),
        ("decoder.layers.3.fc1.weight", "transformer_ffn_layers.3.linear1.weight"),
        ("decoder.layers.3.final_layer_norm.weight", "transformer_ffn_layers.3.norm.weight"),
    ],
)
def test_frame_decoder(ours: str, theirs: str) -> None:
    assert translate(ours, FRAME_DECODER) == OfficialTensor(theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("object_encoder.project.weight", "input_proj_dec.weight"),
        ("object_encoder.layers.4.attention.out.bias", "enc_self_attn.4.self_attn.out_proj.bias"),
        ("object_encoder.layers.4.attention.norm.bias", "enc_self_attn.4.norm.bias"),
        ("object_encoder.layers.4.feedforward.expand.bias", "enc_ffn.4.linear1.bias"),
        ("object_encoder.layers.4.feedforward.norm.bias", "enc_ffn.4.norm.bias"),
        (
            "object_decoder.layers.1.cross_attention.out.weight",
            "transformer_cross_attention_layers.1.multihead_attn.out_proj.weight",
        ),
        ("object_decoder.layers.1.self_attention.norm.weight", "transformer_self_attention_layers.1.norm.weight"),
        ("object_decoder.layers.1.feedforward.contract.weight", "transformer_ffn_layers.1.linear2.weight"),
        ("object_decoder.token_position.weight", "fq_pos.weight"),
        ("mask_embedding.4.bias", "mask_embed.layers.2.bias"),
        ("class_head.weight", "class_embed.weight"),
        ("frame_similarity.bias", "sim_embed_frame.bias"),
        ("video_similarity.bias", "sim_embed_clip.bias"),
    ],
)
def test_video_module(ours: str, theirs: str) -> None:
    assert VitaOfficial().source(ours) == OfficialTensor(f"vita_module.{theirs}")


def test_the_detectors_class_head_is_not_vitas() -> None:
    theirs = OfficialTensor("sem_seg_head.predictor.class_embed.weight")
    assert DetectorNames().source("class_head.weight") == VitaOfficial().source("detector.class_head.weight") == theirs


def test_every_tensor_of_our_blocks_has_a_place() -> None:
    blocks = (
        (AttentionBlock(4, 2), attention_rules("own", "a", "attention")),
        (FeedForwardBlock(4, 8), feedforward_rules("own", "f")),
        (MaskEmbedding(4), mask_embedding_rules("own", "e")),
    )
    sources = [translate(f"own.{name}", rules) for block, rules in blocks for name in block.state_dict()]
    assert None not in sources
    assert len(set(sources)) == len(sources) == 10 + 6 + 6


@pytest.mark.parametrize(
    "name",
    ["", "detector", "detector.class_head", "class_head", "mask_embedding.1.weight", "object_encoder.layers.0", "x"],
)
def test_incomplete_names_have_no_place(name: str) -> None:
    assert VitaOfficial().source(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "embedder.embedder.normalization.num_batches_tracked",
        "encoder.stages.0.layers.0.layer.0.normalization.num_batches_tracked",
        "swin.layernorm.weight",
        "encoder.convolution.weight",
    ],
)
def test_what_the_official_backbone_does_not_have(name: str) -> None:
    assert translate(name, BACKBONE) is None


def test_a_place_below_a_prefix_keeps_its_third() -> None:
    assert OfficialTensor("a.weight", 2).under("b.") == OfficialTensor("b.a.weight", 2)


def test_relative_positions_of_a_window_of_two() -> None:
    """Positions (0,0), (0,1), (1,0), (1,1); rows of the bias are 3 * (down + 1) + right + 1."""
    assert relative_positions(2).tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]


@pytest.mark.parametrize("window", [1, 3, 7])
def test_relative_positions_are_of_differences_alone(window: int) -> None:
    index = relative_positions(window)
    assert index.dtype == torch.int64
    assert torch.equal(index + index.T, torch.full_like(index, (2 * window - 1) ** 2 - 1))
    assert index.unique().tolist() == list(range((2 * window - 1) ** 2))
