// Tiles of 64 keys and values in shared memory, and the tensor-core products over them. A warp works on 16 packed rows.
//
// A tile is [64 tokens][head size] bf16; 16-byte chunk c of row r lies at chunk c ^ (r & 7), so that the eight rows of a matrix that ldmatrix reads lie in
// different banks. Tokens behind the item's end are zeros: their weight is zero, and zero times what memory holds must be zero.
#pragma once
#include "items.cuh"

constexpr int kTileTokens = 64;

template <int HeadSize>
SRV_DEVICE uint16_t* tile_chunk(uint16_t* tile, int row, int chunk) {
    return tile + row * HeadSize + (chunk ^ (row & 7)) * 8;
}

// Which slots a thread copies for one tile: read a tile ahead, so that the copies need not wait for them.
template <int HeadSize, int Threads>
struct TileSlots {
    static constexpr int kChunks = HeadSize / 8;
    static constexpr int kCopies = kTileTokens * kChunks / Threads;
    int slot[kCopies];

    SRV_DEVICE static int token(int copy) { return static_cast<int>(ptx::thread_index()) / kChunks + copy * (Threads / kChunks); }

    SRV_DEVICE void read(const int* token_slots, int first, int end) {
        SRV_UNROLL
        for (int i = 0; i < kCopies; i++) {
            slot[i] = first + token(i) < end ? token_slots[first + token(i)] : -1;
        }
    }

    // Starts the copies of a tile's keys and values; the caller commits them.
    SRV_DEVICE void copy(const SlotReader& slots, uint16_t* keys, uint16_t* values) const {
        const int chunk = static_cast<int>(ptx::thread_index()) % kChunks;
        SRV_UNROLL
        for (int i = 0; i < kCopies; i++) {
            const uint16_t* key = slots.key(slot[i] < 0 ? 0 : slot[i]) + chunk * 8;
            const uint32_t bytes = slot[i] < 0 ? 0 : 16;
            ptx::cp_async_16(tile_chunk<HeadSize>(keys, token(i), chunk), key, bytes);
            ptx::cp_async_16(tile_chunk<HeadSize>(values, token(i), chunk), key + slots.values_offset, bytes);
        }
    }
};

// Starts the copies of the item's query heads, rows behind its last as zeros.
template <int HeadSize, int Threads, int Rows>
SRV_DEVICE void copy_queries(const srv_attention_params& p, const srv_attention_item& item, int kv_head, uint16_t* queries) {
    constexpr int kChunks = HeadSize / 8;
    const int packed_rows = item.row_count * (p.head_count / p.kv_head_count);
    for (int i = static_cast<int>(ptx::thread_index()); i < Rows * kChunks; i += Threads) {
        const int packed = i / kChunks;
        const PackedRow row = packed_row(p, item, packed < packed_rows ? packed : 0, kv_head);
        const uint16_t* query = row_of<const uint16_t>(p.query, row.row, p.query_stride) + row.head * HeadSize;
        ptx::cp_async_16(tile_chunk<HeadSize>(queries, packed, i % kChunks), query + i % kChunks * 8, packed < packed_rows ? 16 : 0);
    }
}

// The first operand of a product over 16 elements, from row on: what ldmatrix gives of rows 0-7, 8-15 and elements 0-7, 8-15.
template <int HeadSize>
SRV_DEVICE void load_query(uint32_t (&a)[4], uint16_t* queries, int row, int step) {
    const int lane = static_cast<int>(ptx::lane());
    ptx::ldmatrix_x4(a, tile_chunk<HeadSize>(queries, row + lane % 16, 2 * step + lane / 16));
}

// scores += q kᵀ for two groups of eight tokens from token on, over one step of 16 elements.
template <int HeadSize>
SRV_DEVICE void score_tokens(float (&first)[4], float (&second)[4], const uint32_t (&q)[4], uint16_t* keys, int token, int step) {
    const int lane = static_cast<int>(ptx::lane());
    uint32_t k[4];
    ptx::ldmatrix_x4(k, tile_chunk<HeadSize>(keys, token + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
    ptx::mma_m16n8k16(first, q, {k[0], k[1]});
    ptx::mma_m16n8k16(second, q, {k[2], k[3]});
}

// output += p v for two groups of eight elements from element on, over 16 tokens.
template <int HeadSize>
SRV_DEVICE void weigh_values(float (&first)[4], float (&second)[4], const uint32_t (&p)[4], uint16_t* values, int token, int element) {
    const int lane = static_cast<int>(ptx::lane());
    uint32_t v[4];
    ptx::ldmatrix_x4_trans(v, tile_chunk<HeadSize>(values, token + lane % 16, element / 8 + lane / 16));
    ptx::mma_m16n8k16(first, p, {v[0], v[1]});
    ptx::mma_m16n8k16(second, p, {v[2], v[3]});
}
