// Blocks of integers (params.h) as operands of m16n8k16.
#pragma once
#include "../common/memory.cuh"
#include "params.h"

enum class IntegerFormat { Int8, Int4, Int4Asymmetric, Iq4, Mxfp4 };

template <IntegerFormat Format>
constexpr int kIntegerValues = SRV_INTEGER_OUTPUTS * SRV_INTEGER_INPUTS / (Format == IntegerFormat::Int8 ? 1 : 2);  // bytes of a block's integers; its scales lie behind them

template <IntegerFormat Format>
constexpr int kIntegerBlock = kIntegerValues<Format> + SRV_INTEGER_SCALE_BYTES * (Format == IntegerFormat::Int4Asymmetric ? 2 : 1);

SRV_DEVICE int integer_blocks(int inputs) { return ceil_div(inputs, SRV_INTEGER_INPUTS); }

template <IntegerFormat Format>
SRV_DEVICE const uint8_t* integer_block_at(srv_address weight, int inputs, int strip, int block) {
    return at<const uint8_t>(weight) + (static_cast<int64_t>(strip) * integer_blocks(inputs) + block) * kIntegerBlock<Format>;
}

// Byte i of a word as a number: 2^23 + byte is a float as it stands.
SRV_DEVICE float integer_of(uint32_t word, int i) { return ptx::as_float(0x4b000000u | (word >> i * 8 & 0xff)) - 8388736.0f; }

// Bytes i and i + 1 of a word times their scale, which fp32 holds exactly: there is one rounding.
SRV_DEVICE uint32_t decode_bytes(uint32_t word, int i, float scale) { return ptx::to_bf16x2(integer_of(word, i) * scale, integer_of(word, i + 1) * scale); }

constexpr uint32_t kNoOffsets = 0x80008000u;  // -0, which leaves every number its sign

// Nibbles i and i + 4 of a word times their scale, which stands in both halves, and an offset likewise: 128 + nibble is a bf16 as it stands, the difference from 136 is exact, the rest is rounded once.
SRV_DEVICE uint32_t decode_nibbles(uint32_t word, int i, uint32_t scales, uint32_t offsets) {
    const uint32_t integers = ptx::fma_bf16x2((word >> i * 4 & 0x000f000fu) | 0x43004300u, 0x3f803f80u, 0xc308c308u);
    return ptx::fma_bf16x2(integers, scales, offsets);
}

// The lower half of a pair of bf16 in both halves, and the upper one.
SRV_DEVICE uint32_t low_twice(uint32_t pair) { return (pair & 0xffff) * 0x10001; }
SRV_DEVICE uint32_t high_twice(uint32_t pair) { return (pair >> 16) * 0x10001; }

// ---- codes, which stand for other integers than themselves: of IQ4_NL, and of MXFP4 twice E2M1's numbers

template <IntegerFormat Format>
constexpr bool kHasCodes = Format == IntegerFormat::Iq4 || Format == IntegerFormat::Mxfp4;

constexpr int kIq4Numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
constexpr int kMxfp4Numbers[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// The numbers of four codes from one on, a byte each.
constexpr uint32_t coded_word(IntegerFormat format, int first_code) {
    uint32_t word = 0;
    for (int i = 0; i < 4; i++) {
        const int number = format == IntegerFormat::Iq4 ? kIq4Numbers[first_code + i] : kMxfp4Numbers[first_code + i];
        word |= static_cast<uint32_t>(number & 0xff) << i * 8;
    }

    return word;
}

// The numbers of the four codes in a word's lower half: eight of the table for three bits of each, the fourth chooses.
template <IntegerFormat Format>
SRV_DEVICE uint32_t coded_numbers(uint32_t codes) {
    constexpr uint32_t kWords[4] = {coded_word(Format, 0), coded_word(Format, 4), coded_word(Format, 8), coded_word(Format, 12)};
    const uint32_t low = ptx::permute_bytes(kWords[0], kWords[1], codes & 0x7777u), high = ptx::permute_bytes(kWords[2], kWords[3], codes & 0x7777u);
    return ptx::permute_bytes(low, high, (codes & 0x8888u) >> 1 | 0x3210u);
}

// The signed bytes 0 and 2 of a word, exactly: 128 + the low seven bits is a bf16 as it stands, and so is what has to be taken from it, 128 or 256.
SRV_DEVICE uint32_t signed_pair(uint32_t word) { return ptx::fma_bf16x2((word & 0x007f007fu) | 0x43004300u, 0x3f803f80u, (word & 0x00800080u) | 0xc300c300u); }

// A word of eight codes times their scales: codes 0 and 2, 1 and 3, 4 and 6, 5 and 7 are pairs.
template <IntegerFormat Format>
SRV_DEVICE void decode_codes(uint32_t word, uint32_t low, uint32_t high, uint32_t (&w)[4]) {
    SRV_UNROLL
    for (int i = 0; i < 4; i += 2) {
        const uint32_t numbers = coded_numbers<Format>(word >> i * 8);
        w[i] = ptx::fma_bf16x2(signed_pair(numbers), low, kNoOffsets);
        w[i + 1] = ptx::fma_bf16x2(signed_pair(numbers >> 8), high, kNoOffsets);
    }
}

// ---- a block

// The lane's part of a quarter of a block's inputs: w[j] is the first operand for outputs 16 j and up.
template <IntegerFormat Format>
SRV_DEVICE void decode_quarter(const uint8_t* block, int quarter, uint32_t (&w)[4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const uint8_t* groups = block + kIntegerValues<Format> + quarter / 2 * 128 + lane / 4 * 16;
    const ptx::Vec4 s = ptx::load_16(groups);
    const uint32_t scales[4] = {s.x, s.y, s.z, s.w};
    if constexpr (Format == IntegerFormat::Int8) {
        SRV_UNROLL
        for (int pair = 0; pair < 2; pair++) {
            const ptx::Vec4 v = ptx::load_16(block + quarter * 1024 + pair * 512 + lane * 16);
            const uint32_t words[4] = {v.x, v.y, v.z, v.w};
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                const int j = pair * 2 + i / 2, half = i % 2;
                const float scale = half == 0 ? ptx::low_bf16(scales[j]) : ptx::high_bf16(scales[j]);
                w[j][half] = decode_bytes(words[i], 0, scale);
                w[j][half + 2] = decode_bytes(words[i], 2, scale);
            }
        }
    } else {
        const ptx::Vec4 v = ptx::load_16(block + quarter * 512 + lane * 16);
        const uint32_t words[4] = {v.x, v.y, v.z, v.w};
        uint32_t offsets[4] = {kNoOffsets, kNoOffsets, kNoOffsets, kNoOffsets};
        if constexpr (Format == IntegerFormat::Int4Asymmetric) {
            const ptx::Vec4 o = ptx::load_16(groups + SRV_INTEGER_SCALE_BYTES);
            offsets[0] = o.x, offsets[1] = o.y, offsets[2] = o.z, offsets[3] = o.w;
        }

        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            const uint32_t low = low_twice(scales[j]), high = high_twice(scales[j]);
            if constexpr (kHasCodes<Format>) {
                decode_codes<Format>(words[j], low, high, w[j]);
            } else {
                const uint32_t low_offset = low_twice(offsets[j]), high_offset = high_twice(offsets[j]);
                SRV_UNROLL
                for (int i = 0; i < 4; i++) {
                    w[j][i] = decode_nibbles(words[j], i, i % 2 == 0 ? low : high, i % 2 == 0 ? low_offset : high_offset);
                }
            }
        }
    }
}
