// Blocks of integers (params.h) as operands of m16n8k16.
#pragma once
#include "../common/memory.cuh"
#include "params.h"

template <int Bits>
constexpr int kIntegerValues = SRV_INTEGER_OUTPUTS * SRV_INTEGER_INPUTS * Bits / 8;  // bytes of a block's integers; its scales lie behind them

template <int Bits>
constexpr int kIntegerBlock = kIntegerValues<Bits> + SRV_INTEGER_SCALE_BYTES;

SRV_DEVICE int integer_blocks(int inputs) { return ceil_div(inputs, SRV_INTEGER_INPUTS); }

template <int Bits>
SRV_DEVICE const uint8_t* integer_block_at(srv_address weight, int inputs, int strip, int block) {
    return at<const uint8_t>(weight) + (static_cast<int64_t>(strip) * integer_blocks(inputs) + block) * kIntegerBlock<Bits>;
}

// Byte i of a word as a number: 2^23 + byte is a float as it stands.
SRV_DEVICE float integer_of(uint32_t word, int i) { return ptx::as_float(0x4b000000u | (word >> i * 8 & 0xff)) - 8388736.0f; }

// Bytes i and i + 1 of a word times their scale, which fp32 holds exactly: there is one rounding.
SRV_DEVICE uint32_t decode_bytes(uint32_t word, int i, float scale) { return ptx::to_bf16x2(integer_of(word, i) * scale, integer_of(word, i + 1) * scale); }

// Nibbles i and i + 4 of a word times their scale, which stands in both halves: 128 + nibble is a bf16 as it stands, the difference from 136 is exact.
SRV_DEVICE uint32_t decode_nibbles(uint32_t word, int i, uint32_t scales) {
    const uint32_t integers = ptx::fma_bf16x2((word >> i * 4 & 0x000f000fu) | 0x43004300u, 0x3f803f80u, 0xc308c308u);
    return ptx::fma_bf16x2(integers, scales, 0x80008000u);
}

// The lane's part of a quarter of a block's inputs: w[j] is the first operand for outputs 16 j and up.
template <int Bits>
SRV_DEVICE void decode_quarter(const uint8_t* block, int quarter, uint32_t (&w)[4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const ptx::Vec4 s = ptx::load_16(block + kIntegerValues<Bits> + quarter / 2 * 128 + lane / 4 * 16);
    const uint32_t scales[4] = {s.x, s.y, s.z, s.w};
    if constexpr (Bits == 8) {
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
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            const uint32_t low = (scales[j] & 0xffff) * 0x10001, high = (scales[j] >> 16) * 0x10001;
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                w[j][i] = decode_nibbles(words[j], i, i % 2 == 0 ? low : high);
            }
        }
    }
}
