// Keys and values of eight bits on tensor cores. Whole numbers up to 127 are exact in bf16, so that products take them as they are: a key's scale goes onto its score, a value's onto
// its weight before that is rounded.
//
// A tile of integers is keys, [64 tokens][head size] bytes, values likewise, and 64 scales of each: little more than half of what it is in bf16. Its 16-byte chunks lie so that the
// eight rows of a matrix that ldmatrix reads are in different banks.
//
// A word of ldmatrix has four integers, and what a lane needs are pairs of 16 bits. Which elements are pairs is free as long as both operands agree, so bytes 0 and 2 are one and bytes
// 1 and 3 the other: a mask and no shuffling. Of keys, elements 4 t and 4 t + 2 of sixteen, then 4 t + 1 and 4 t + 3, take the places of 2 t, 2 t + 1, 2 t + 8 and 2 t + 9, and queries
// are read in that order. Of values, turned, a word is two tokens' elements 2 g and 2 g + 1: the even elements of sixteen are one product, the odd ones another.
#pragma once
#include "params.h"
#include "softmax.cuh"
#include "tiles.cuh"

constexpr int kTileScaleBytes = 2 * kTileTokens * 4;

template <int HeadSize>
constexpr int kIntegerBytes = kTileTokens * HeadSize;  // of the keys; the values lie behind them, the scales behind these

template <int HeadSize>
constexpr int kIntegerTile = 2 * kIntegerBytes<HeadSize> + kTileScaleBytes;

// Bytes from a tile's begin to a chunk. Two rows of heads of 64 are in all banks together.
template <int HeadSize>
SRV_DEVICE int integer_offset(int row, int chunk) {
    return row * HeadSize + (chunk ^ (HeadSize == 128 ? row & 7 : row / 2 & 3)) * 16;
}

// ---- integers as bf16

// The signed bytes 0 and 2 of a word, exactly: 128 + the low seven bits is a bf16 as it stands, and so is what has to be taken from it, 128 or 256.
SRV_DEVICE uint32_t even_integers(uint32_t word) { return ptx::fma_bf16x2((word & 0x007f007fu) | 0x43004300u, 0x3f803f80u, (word & 0x00800080u) | 0xc300c300u); }

// Bytes 1 and 3.
SRV_DEVICE uint32_t odd_integers(uint32_t word) { return even_integers(word >> 8); }

SRV_DEVICE ptx::Vec4 either(bool is_first, const ptx::Vec4& first, const ptx::Vec4& second) {
    return {is_first ? first.x : second.x, is_first ? first.y : second.y, is_first ? first.z : second.z, is_first ? first.w : second.w};
}

// 16 integers become 32 bytes, two chunks: the even pairs and the odd ones, so that products over tiles of bf16 have the same elements side by side as those over tiles of integers.
// Of eight threads of a token the last four write the second chunk first: the eight are in different banks.
SRV_DEVICE void widen_chunk(const uint8_t* integers, uint8_t* even, uint8_t* odd, bool odd_first) {
    const ptx::Vec4 words = ptx::load_16(integers);
    const ptx::Vec4 evens = {even_integers(words.x), even_integers(words.y), even_integers(words.z), even_integers(words.w)};
    const ptx::Vec4 odds = {odd_integers(words.x), odd_integers(words.y), odd_integers(words.z), odd_integers(words.w)};
    ptx::store_16(odd_first ? odd : even, either(odd_first, odds, evens));
    ptx::store_16(odd_first ? even : odd, either(odd_first, evens, odds));
}

// ---- tiles

// Of a token eight threads bring 16 bytes of every 128, and two of them the scales.
template <int HeadSize, int Threads>
struct TileCopies<Int8Pages, HeadSize, Threads> : TileSlots<Threads> {
    using TileSlots<Threads>::kTokens, TileSlots<Threads>::kTurns, TileSlots<Threads>::slot, TileSlots<Threads>::token, TileSlots<Threads>::read, TileSlots<Threads>::TileSlots;
    static constexpr int kChunks = HeadSize / 16;
    static constexpr int kLines = 2 * kChunks / 8;

    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::thread_index()) % 8; }

    // 0 for keys, 1 for values: of heads of 64 a thread has one of them.
    SRV_DEVICE static int of(int line) { return kLines == 2 ? line : chunk() / kChunks; }

    SRV_DEVICE void copy(const SlotReader<Int8Pages>& slots, ptx::SharedAddress tile) {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int from = slot[i] < 0 ? 0 : slot[i], row = i * kTokens + token();
            const int8_t* key = slots.template key<HeadSize>(from) + chunk() % kChunks * 16;
            const uint32_t bytes = slot[i] < 0 ? 0 : 16;
            SRV_UNROLL
            for (int line = 0; line < kLines; line++) {
                const int which = of(line);
                ptx::cp_async_16(tile + which * kIntegerBytes<HeadSize> + integer_offset<HeadSize>(row, chunk() % kChunks), key + which * slots.values_offset, bytes);
            }

            if (chunk() < 2) {
                ptx::cp_async_4(tile + 2 * kIntegerBytes<HeadSize> + (chunk() * kTileTokens + row) * 4, slots.scale(from, chunk()), bytes / 4);
            }
        }

        read();
    }

    // What this thread has brought into `from`, and awaited, becomes a tile of bf16 with the scales behind it: nobody else's copies are read.
    SRV_DEVICE void widen(const uint8_t* from, uint8_t* tile) const {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int row = i * kTokens + token(), first = chunk() % kChunks * 2;
            SRV_UNROLL
            for (int line = 0; line < kLines; line++) {
                const int which = of(line);
                uint8_t* to = tile + which * kTileBytes<HeadSize>;
                widen_chunk(from + which * kIntegerBytes<HeadSize> + integer_offset<HeadSize>(row, chunk() % kChunks), to + chunk_offset<HeadSize>(row, first),
                    to + chunk_offset<HeadSize>(row, first + 1), HeadSize == 128 && chunk() >= 4);
            }

            if (chunk() < 2) {
                const int at = (chunk() * kTileTokens + row) * 4;
                *reinterpret_cast<uint32_t*>(tile + 2 * kTileBytes<HeadSize> + at) = *reinterpret_cast<const uint32_t*>(from + 2 * kIntegerBytes<HeadSize> + at);
            }
        }
    }
};

// ---- products of few rows, integers converted in registers

// A lane's first operands of all products over 16 elements each, in the order of integers, from the queries as they lie in memory; zeros behind the item's last row.
template <int HeadSize>
SRV_DEVICE void read_queries_in_pairs(const srv_attention_params& p, const LaneRows& rows, uint32_t (&a)[HeadSize / 16][4]) {
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        const uint16_t* query = row_of<const uint16_t>(p.query, rows.row[r].row, p.query_stride) + rows.row[r].head * HeadSize + static_cast<int>(ptx::lane()) % 4 * 4;
        SRV_UNROLL
        for (int step = 0; step < HeadSize / 16; step++) {
            const ptx::Vec2 four = rows.ordinal[r] < 0 ? ptx::Vec2{0, 0} : ptx::load_8(query + step * 16);
            a[step][r] = (four.x & 0xffff) | four.y << 16;
            a[step][r + 2] = four.x >> 16 | (four.y & 0xffff0000u);
        }
    }
}

// Where a lane reads keys, a second operand as they are: tokens 0-15, the first 32 elements.
template <int HeadSize>
SRV_DEVICE int integer_key_offset() {
    const int lane = static_cast<int>(ptx::lane());
    return integer_offset<HeadSize>(lane / 16 * 8 + lane % 8, lane / 8 % 2);
}

// sums += q kᵀ for 16 tokens; `keys` is the lane's address.
template <int HeadSize>
SRV_DEVICE void score_integers(float (&sums)[2][4], const uint32_t (&queries)[HeadSize / 16][4], ptx::SharedAddress keys) {
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step += 2) {
        uint32_t k[4];
        ptx::ldmatrix_x4(k, keys ^ (step * 16));
        SRV_UNROLL
        for (int half = 0; half < 2; half++) {
            ptx::mma_m16n8k16(sums[0], queries[step + half], {even_integers(k[half]), odd_integers(k[half])});
            ptx::mma_m16n8k16(sums[1], queries[step + half], {even_integers(k[half + 2]), odd_integers(k[half + 2])});
        }
    }
}

// Where a lane reads a warp's quarter of the values, turned to be a second operand: of heads of 128 tokens 0-15 and 32 elements, of heads of 64 tokens 0-31 and 16 elements.
template <int HeadSize>
SRV_DEVICE int integer_value_offset(int quarter) {
    const int lane = static_cast<int>(ptx::lane());
    return HeadSize == 128 ? integer_offset<HeadSize>(lane % 16, quarter * 2 + lane / 16) : integer_offset<HeadSize>(lane, quarter);
}

// output += p v for a quarter of the elements, over 32 tokens; `values` is the lane's address of them.
template <int HeadSize>
SRV_DEVICE void weigh_integers(float (&output)[HeadSize / 32][4], const uint32_t (&weights)[2][4], ptx::SharedAddress values) {
    constexpr int kSteps = HeadSize == 128 ? 2 : 1;
    SRV_UNROLL
    for (int step = 0; step < kSteps; step++) {
        uint32_t v[4];
        ptx::ldmatrix_x4_trans(v, values + step * 16 * HeadSize);
        SRV_UNROLL
        for (int half = 0; half < 2; half++) {
            const int group = kSteps == 2 ? half * 2 : 0;
            const uint32_t (&p)[4] = weights[kSteps == 2 ? step : half];
            ptx::mma_m16n8k16(output[group], p, {even_integers(v[half * 2]), even_integers(v[half * 2 + 1])});
            ptx::mma_m16n8k16(output[group + 1], p, {odd_integers(v[half * 2]), odd_integers(v[half * 2 + 1])});
        }
    }
}
