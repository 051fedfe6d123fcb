#!/usr/bin/env bash
# FFmpeg for the container: `ffmpeg.sh SOURCE PREFIX`. What the worker uses of it and nothing else, under the LGPL.
#
# PyAV's wheels from PyPI carry FFmpeg with x264 and x265, which are GPL: an image that is handed on may not hold them.
# And decoders that are not there cannot be attacked: recordings are strangers' files. What has to be there follows from
# gpu_job/decoding.py (CONTAINERS, CODECS), narration/encoding.py (FORMATS), narration/segments.py and narration/tempo.py;
# tests/container/test_ffmpeg.py holds this list against them.
set -euo pipefail
source=$1 prefix=$2

demuxers=wav,w64,mp3,aac,mov,ogg,flac,matroska,amr,caf,aiff
decoders=aac,alac,amrnb,amrwb,flac,mp3,mp3float,opus,vorbis,adpcm_ms,adpcm_ima_wav
decoders+=,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be
decoders+=,pcm_alaw,pcm_mulaw,pcm_s8,pcm_u8
parsers=aac,flac,mpegaudio,opus,vorbis,amr
encoders=libmp3lame,aac,libopus,flac,pcm_s16le
muxers=mp3,ipod,mp4,ogg,flac,wav
filters=abuffer,abuffersink,aformat,anull,aresample,atempo

cd "$source"
./configure --prefix="$prefix" --enable-shared --disable-static --enable-pic \
  --disable-programs --disable-doc --disable-autodetect --disable-network --disable-debug \
  --disable-everything --enable-libmp3lame --enable-libopus --enable-protocol=file \
  --enable-demuxer="$demuxers" --enable-decoder="$decoders" --enable-parser="$parsers" \
  --enable-encoder="$encoders" --enable-muxer="$muxers" --enable-filter="$filters" \
  --enable-bsf=aac_adtstoasc
grep -q '^#define CONFIG_GPL 0' config.h
make -j"$(nproc)"
make install
