// Tiles of 64 keys and values in shared memory, and the tensor-core products over them. A warp works on 16 packed rows.
//
// A tile is [64 tokens][head size] bf16; 16-byte chunk c of row r lies at chunk c ^ (r & 7), so that the eight rows of a matrix that ldmatrix reads lie in
// different banks. Tokens behind the item's end are zeros: their weight is zero, and zero times what memory holds must be zero.
//
// A lane reads rows of one r & 7 only, so that going on by 16 elements is an exclusive or of its address with 32 bytes and by 16 rows a sum: one
// instruction, or none, per ldmatrix. Tiles begin at multiples of 256 bytes for that.
#pragma once
#include "items.cuh"

constexpr int kTileTokens = 64;

template <int HeadSize>
constexpr int kRowBytes = HeadSize * 2;

// Of the keys; the values lie behind them.
template <int HeadSize>
constexpr int kTileBytes = kTileTokens * kRowBytes<HeadSize>;

// The ordinals that an item walks: with windows from the first tile on of which one of its rows sees something.
struct ItemTokens {
    int begin, end;

    SRV_DEVICE int tiles() const { return ceil_div(end - begin, kTileTokens); }
};

template <bool Windowed>
SRV_DEVICE ItemTokens tokens_of(const srv_attention_item& item) {
    const int from = item.first_split * SRV_ATTENTION_SPLIT;
    return {Windowed ? item.begin_ordinal : from, smaller(from + item.split_count * SRV_ATTENTION_SPLIT, item.last_ordinal + 1)};
}

// Bytes from a tile's begin to a chunk.
template <int HeadSize>
SRV_DEVICE int chunk_offset(int row, int chunk) {
    return row * kRowBytes<HeadSize> + (chunk ^ (row & 7)) * 16;
}

// Where a lane reads what is a first operand (queries), or what is turned to be a second one (values): rows 0-15, the first 16 elements.
template <int HeadSize>
SRV_DEVICE int row_lane_offset() {
    const int lane = static_cast<int>(ptx::lane());
    return chunk_offset<HeadSize>(lane % 16, lane / 16);
}

// Where a lane reads keys, a second operand as they are: tokens 0-15, the first 16 elements.
template <int HeadSize>
SRV_DEVICE int key_lane_offset() {
    const int lane = static_cast<int>(ptx::lane());
    return chunk_offset<HeadSize>(lane / 16 * 8 + lane % 8, lane / 8 % 2);
}

// Where the tokens of an item's tiles lie, of which a thread brings a part in: eight threads share a token. Slots are read a tile ahead, so that no copy waits for that.
template <int Threads>
struct TileSlots {
    static constexpr int kTokens = Threads / 8;
    static constexpr int kTurns = kTileTokens / kTokens;

    const int* next;  // this thread's first slot of the tile that is read next
    int left;         // tokens from there to the item's end
    int slot[kTurns]; // of the tile that is copied next; -1 behind the end

    SRV_DEVICE TileSlots(const int* token_slots, int begin, int end) : next(token_slots + begin + token()), left(end - begin - token()) { read(); }

    SRV_DEVICE static int token() { return static_cast<int>(ptx::thread_index()) / 8; }

    SRV_DEVICE void read() {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            slot[i] = i * kTokens < left ? next[i * kTokens] : -1;
        }

        next += kTileTokens;
        left -= kTileTokens;
    }
};

// Brings an item's tiles in, one after the other. A thread copies 16 bytes of every 128, so that a warp asks for whole lines.
template <class Pages, int HeadSize, int Threads>
struct TileCopies : TileSlots<Threads> {
    using TileSlots<Threads>::kTokens, TileSlots<Threads>::kTurns, TileSlots<Threads>::slot, TileSlots<Threads>::token, TileSlots<Threads>::read, TileSlots<Threads>::TileSlots;

    // Starts the copies of a tile's keys and values, which the caller commits, and reads the next one's slots.
    SRV_DEVICE void copy(const SlotReader<Pages>& slots, ptx::SharedAddress tile) {
        const int chunk = static_cast<int>(ptx::thread_index()) % 8;
        const ptx::SharedAddress to = tile + chunk_offset<HeadSize>(token(), chunk);
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const uint16_t* key = slots.template key<HeadSize>(slot[i] < 0 ? 0 : slot[i]) + chunk * 8;
            const uint32_t bytes = slot[i] < 0 ? 0 : 16;
            SRV_UNROLL
            for (int line = 0; line < HeadSize / 64; line++) {
                const ptx::SharedAddress place = to + i * kTokens * kRowBytes<HeadSize> + line * 128;
                ptx::cp_async_16(place, key + line * 64, bytes);
                ptx::cp_async_16(place + kTileBytes<HeadSize>, key + slots.values_offset + line * 64, bytes);
            }
        }

        read();
    }
};

// Starts the copies of the item's query heads, rows behind its last as zeros.
template <int HeadSize, int Threads, int Rows>
SRV_DEVICE void copy_queries(const srv_attention_params& p, const srv_attention_item& item, int kv_head, ptx::SharedAddress queries) {
    constexpr int kChunks = HeadSize / 8;
    const int packed_rows = item.row_count * (p.head_count / p.kv_head_count);
    for (int i = static_cast<int>(ptx::thread_index()); i < Rows * kChunks; i += Threads) {
        const int packed = i / kChunks;
        const PackedRow row = packed_row(p, item, packed < packed_rows ? packed : 0, kv_head);
        const uint16_t* query = row_of<const uint16_t>(p.query, row.row, p.query_stride) + row.head * HeadSize;
        ptx::cp_async_16(queries + chunk_offset<HeadSize>(packed, i % kChunks), query + i % kChunks * 8, packed < packed_rows ? 16 : 0);
    }
}

// The first operands of all products of 16 rows over 16 elements each; `queries` is the lane's address of the rows.
template <int HeadSize>
SRV_DEVICE void load_queries(uint32_t (&a)[HeadSize / 16][4], ptx::SharedAddress queries) {
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step++) {
        ptx::ldmatrix_x4(a[step], queries ^ (step * 32));
    }
}

// scores += q kᵀ for two groups of eight tokens from token on, over one step of 16 elements; `keys` is the lane's address.
template <int HeadSize>
SRV_DEVICE void score_tokens(float (&first)[4], float (&second)[4], const uint32_t (&q)[4], ptx::SharedAddress keys, int token, int step) {
    uint32_t k[4];
    ptx::ldmatrix_x4(k, (keys ^ (step * 32)) + token * kRowBytes<HeadSize>);
    ptx::mma_m16n8k16(first, q, {k[0], k[1]});
    ptx::mma_m16n8k16(second, q, {k[2], k[3]});
}

// output += p v for two groups of eight elements from element on, over 16 tokens; `values` is the lane's address.
template <int HeadSize>
SRV_DEVICE void weigh_values(float (&first)[4], float (&second)[4], const uint32_t (&p)[4], ptx::SharedAddress values, int token, int element) {
    uint32_t v[4];
    ptx::ldmatrix_x4_trans(v, (values ^ (element * 2)) + token * kRowBytes<HeadSize>);
    ptx::mma_m16n8k16(first, p, {v[0], v[1]});
    ptx::mma_m16n8k16(second, p, {v[2], v[3]});
}
