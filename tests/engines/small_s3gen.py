"""Upstream's S3Gen, real classes throughout, with fewer layers and channels and random weights: quick on two cores."""

from __future__ import annotations

from typing import Any, cast

import librosa
import torch
from chatterbox.models.s3gen.configs import CFM_PARAMS
from chatterbox.models.s3gen.decoder import ConditionalDecoder
from chatterbox.models.s3gen.f0_predictor import ConvRNNF0Predictor
from chatterbox.models.s3gen.flow import CausalMaskedDiffWithXvec
from chatterbox.models.s3gen.flow_matching import CausalConditionalCFM
from chatterbox.models.s3gen.hifigan import HiFTGenerator
from chatterbox.models.s3gen.s3gen import S3Token2Wav
from chatterbox.models.s3gen.transformer.upsample_encoder import UpsampleConformerEncoder
from chatterbox.models.s3gen.utils.mel import mel_spectrogram
from chatterbox.models.s3gen.xvector import CAMPPlus
from chatterbox.models.s3tokenizer import S3_SR, S3Tokenizer
from s3tokenizer.model_v2 import ModelConfig, S3TokenizerV2

SAMPLE_RATE = 24_000


class SmallTokenizer(S3Tokenizer):  # type: ignore[misc]  # upstream is untyped
    def __init__(self) -> None:
        S3TokenizerV2.__init__(
            self, "speech_tokenizer_v2_25hz", ModelConfig(n_audio_state=64, n_audio_head=1, n_audio_layer=1)
        )
        self.n_fft = 400
        mel = librosa.filters.mel(sr=S3_SR, n_fft=self.n_fft, n_mels=self.config.n_mels)
        self.register_buffer("_mel_filters", torch.FloatTensor(mel))
        self.register_buffer("window", torch.hann_window(self.n_fft))


class SmallS3Gen(S3Token2Wav):  # type: ignore[misc]  # upstream is untyped
    """As upstream's constructor puts it together; `meanflow` as Turbo has it."""

    def __init__(self, *, meanflow: bool = False) -> None:
        torch.nn.Module.__init__(self)
        self.meanflow = meanflow
        self.tokenizer = SmallTokenizer()
        self.mel_extractor = mel_spectrogram
        self.speaker_encoder = CAMPPlus(memory_efficient=False)
        encoder = UpsampleConformerEncoder(
            output_size=512,
            attention_heads=2,
            linear_units=64,
            num_blocks=1,
            input_layer="linear",
            pos_enc_layer_type="rel_pos_espnet",
            selfattention_layer_type="rel_selfattn",
            input_size=512,
            use_cnn_module=False,
        )
        encoder.up_encoders = encoder.up_encoders[:1]
        estimator = ConditionalDecoder(
            channels=[32],
            dropout=0.0,
            attention_head_dim=16,
            n_blocks=1,
            num_mid_blocks=2,
            num_heads=2,
            meanflow=meanflow,
        )
        self.flow = CausalMaskedDiffWithXvec(
            encoder=encoder, decoder=CausalConditionalCFM(spk_emb_dim=80, cfm_params=CFM_PARAMS, estimator=estimator)
        )
        self.resamplers: dict[str, Any] = {}
        self.mel2wav = HiFTGenerator(
            base_channels=32,
            sampling_rate=SAMPLE_RATE,
            upsample_rates=[8, 5, 3],
            upsample_kernel_sizes=[16, 11, 7],
            source_resblock_kernel_sizes=[7, 7, 11],
            source_resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5], [1, 3, 5]],
            f0_predictor=ConvRNNF0Predictor(cond_channels=32),
        )
        muted = SAMPLE_RATE // 50
        fade = torch.zeros(2 * muted)
        fade[muted:] = (torch.cos(torch.linspace(torch.pi, 0, muted)) + 1) / 2
        self.register_buffer("trim_fade", fade, persistent=False)


def small_s3gen(*, meanflow: bool = False, seed: int = 0) -> SmallS3Gen:
    """Ready to use. The pitch is moved to where voices are, so that both kinds of source are heard."""
    torch.manual_seed(seed)
    model = SmallS3Gen(meanflow=meanflow)
    model.eval()
    predictor = cast(Any, model.mel2wav.f0_predictor)
    with torch.no_grad():
        predictor.classifier.weight.mul_(200)
    return model
