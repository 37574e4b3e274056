// Attention of many rows: up to 128 packed rows of an item, on tensor cores.
//
// Memory: a block of eight warps per item and kv head; queries go to registers, keys and values pass through shared memory in tiles of 64, three in a ring,
// each byte once per item. 96 KiB of shared memory. Integers are brought in two tiles ahead and become tiles of bf16 there, each thread converting what it copied: two of each kind,
// 98 KiB. Every warp reads all of a tile, so that converting it once costs an eighth of what it would in registers.
// Bytes per item, kv head and token: 4 head_size + 4, of integers 2 head_size + 12. Operations: 512 head_size; tiles that no row of a warp sees are skipped.
// Work: a warp has 16 rows and all tokens; its queries, scores, softmax and output stay in its registers. What bounds it is shared memory, of which a warp
// reads 64 head_size * 2 bytes for 64 head_size * 16 products of 16 rows: 2,048 operations per clock and multiprocessor at 128 bytes per clock.
// Order: as attention_decode.cuh, row by row to the bit.
#pragma once
#include "integer_ring.cuh"

constexpr int kPrefillRows = 128;
constexpr int kPrefillStages = 3;

// A ring of tiles, keys before values. Queries go to registers before the ring's last place is filled for the first time.
template <class Pages, int HeadSize>
struct PrefillShared {
    static constexpr unsigned kBytes = SRV_ATTENTION_PREFILL_SHARED;

    uint8_t tiles[kPrefillStages][2 * kTileBytes<HeadSize>];
};

template <int HeadSize>
struct PrefillShared<Int8Pages, HeadSize> : IntegerRing<HeadSize> {
    static constexpr unsigned kBytes = SRV_ATTENTION_PREFILL_INT8_SHARED;
};

// 16 rows against a block of 32 tokens: scores, softmax, values. `keys` and `values` are the lane's addresses in the tile, `scales` its place in the scales.
template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void attend_tile_block(const srv_attention_params& p, const LaneRows& rows, float scale, const uint32_t (&queries)[HeadSize / 16][4], ptx::SharedAddress keys,
    ptx::SharedAddress values, const float* scales, int block, int first, Accumulator<HeadSize / 8>& state) {
    float scores[4][4] = {};
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step++) {
        score_tokens<HeadSize>(scores[0], scores[1], queries[step], keys + block * kRowBytes<HeadSize>, 0, step);
        score_tokens<HeadSize>(scores[2], scores[3], queries[step], keys + block * kRowBytes<HeadSize>, 16, step);
    }

    scale_tokens<Pages>(scores, scales + block);
    bound_scores<Windowed>(p, scores);
    const int window = window_of(p);
    if (rows.hides<Windowed>(window, first + block, first + block + SRV_ATTENTION_BLOCK - 1)) {
        hide<Windowed>(scores, rows.sees, window, first + block);
    }

    uint32_t weights[2][4];
    soften<Pages>(scores, scale, scales + kTileTokens + block, state, weights);
    SRV_UNROLL
    for (int j = 0; j < HeadSize / 8; j += 2) {
        SRV_UNROLL
        for (int step = 0; step < 2; step++) {
            weigh_values<HeadSize>(state.output[j], state.output[j + 1], weights[step], values + block * kRowBytes<HeadSize>, step * 16, j * 8);
        }
    }
}

// Brings in an item's tiles of bf16, and its queries through the place that the last of the ring is going to have.
template <class Pages, int HeadSize>
struct PrefillTiles {
    static_assert(kPrefillRows * kRowBytes<HeadSize> <= 2 * kTileBytes<HeadSize>, "queries fit where a tile will be");

    const SlotReader<Pages>& slots;
    TileCopies<Pages, HeadSize, 256> ahead;
    ptx::SharedAddress ring;
    int stage, fresh;

    SRV_DEVICE PrefillTiles(const srv_attention_params& p, const srv_attention_item& item, const ItemTokens& tokens, const SlotReader<Pages>& slots, PrefillShared<Pages, HeadSize>& shared)
        : slots(slots), ahead(at<const int>(p.token_slots) + item.first_token, tokens.begin, tokens.end), ring(ptx::shared_address(shared.tiles)), stage(0), fresh(kPrefillStages - 1) {}

    SRV_DEVICE void begin(const srv_attention_params& p, const srv_attention_item& item, int kv_head, const LaneRows&, int first_row, uint32_t (&queries)[HeadSize / 16][4]) {
        const ptx::SharedAddress last = ring + (kPrefillStages - 1) * 2 * kTileBytes<HeadSize>;
        copy_queries<HeadSize, 256, kPrefillRows>(p, item, kv_head, last);
        ptx::cp_async_commit();
        SRV_UNROLL
        for (int i = 0; i < kPrefillStages - 1; i++) {
            ahead.copy(slots, ring + i * 2 * kTileBytes<HeadSize>);
            ptx::cp_async_commit();
        }

        ptx::cp_async_wait<kPrefillStages - 1>();
        ptx::barrier();
        load_queries<HeadSize>(queries, last + first_row * kRowBytes<HeadSize> + row_lane_offset<HeadSize>());
    }

    // The next tile has landed, and nobody reads the one before, whose place the tile after the next takes.
    SRV_DEVICE ptx::SharedAddress next() {
        ptx::cp_async_wait<kPrefillStages - 2>();
        ptx::barrier();
        ahead.copy(slots, ring + fresh * 2 * kTileBytes<HeadSize>);
        ptx::cp_async_commit();
        const ptx::SharedAddress tile = ring + stage * 2 * kTileBytes<HeadSize>;
        fresh = stage;
        stage = stage + 1 == kPrefillStages ? 0 : stage + 1;
        return tile;
    }

    SRV_DEVICE const float* scales() const { return nullptr; }
};

template <int HeadSize>
struct PrefillTiles<Int8Pages, HeadSize> : IntegerTiles<HeadSize> {
    using IntegerTiles<HeadSize>::IntegerTiles;
};

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void prefill_item(const srv_attention_params& p, const srv_attention_item& item, int kv_head, PrefillShared<Pages, HeadSize>& shared) {
    const SlotReader<Pages> slots = slot_reader<Pages>(p, kv_head);
    const ItemTokens tokens = tokens_of<Windowed>(item);
    const int tiles = tokens.tiles();
    const int first_row = static_cast<int>(ptx::warp()) * 16;
    const LaneRows rows = lane_rows(p, item, first_row, kv_head);
    const float scale = softmax_scale<Windowed>(p) * kLog2E;
    const int keys = key_lane_offset<HeadSize>();
    const int values = row_lane_offset<HeadSize>() + kTileBytes<HeadSize>;
    PrefillTiles<Pages, HeadSize> ring(p, item, tokens, slots, shared);
    uint32_t queries[HeadSize / 16][4];
    ring.begin(p, item, kv_head, rows, first_row, queries);
    Accumulator<HeadSize / 8> state, merged;
    state.clear();
    merged.clear();
    for (int i = 0; i < tiles; i++) {
        const ptx::SharedAddress tile = ring.next();
        const int first = tokens.begin + i * kTileTokens;
        for (int block = 0; block < kTileTokens && first + block <= rows.last; block += SRV_ATTENTION_BLOCK) {
            if (!Windowed || first + block + SRV_ATTENTION_BLOCK - 1 > rows.least - window_of(p)) {
                attend_tile_block<Pages, HeadSize, Windowed>(p, rows, scale, queries, tile + keys, tile + values, ring.scales(), block, first, state);
            }
        }

        if (i + 1 == tiles || (first + kTileTokens) % SRV_ATTENTION_SPLIT == 0) {
            state.finish(softmax_scale<Windowed>(p));
            if (item.partial != 0) {
                write_states<Pages>(p, rows, state, first / SRV_ATTENTION_SPLIT, 0);
            } else {
                merged.merge(state);
            }

            state.clear();
        }
    }

    if (item.partial == 0) {
        if (Windowed) {
            merge_sinks(p, rows, merged);
        }

        write_rows<Pages>(p, rows, merged, 0);
    }

    // The next item's copies go where slower warps may still read.
    ptx::cp_async_wait<0>();
    ptx::barrier();
}

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void prefill_items(const srv_attention_params& p) {
    using Shared = PrefillShared<Pages, HeadSize>;
    static_assert(sizeof(Shared) <= Shared::kBytes, "the host is told how much shared memory this takes");
    Shared& shared = *reinterpret_cast<Shared*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.item_range);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        prefill_item<Pages, HeadSize, Windowed>(p, at<const srv_attention_item>(p.items)[range.first + i], static_cast<int>(ptx::block_index_y()), shared);
    }
}

template <class Pages, bool Windowed>
SRV_DEVICE void prefill_heads(const srv_attention_params& p) {
    if (p.head_size == 64) {
        prefill_items<Pages, 64, Windowed>(p);
    } else {
        prefill_items<Pages, 128, Windowed>(p);
    }
}

SRV_KERNEL(srv_attention_prefill, srv_attention_params, 256) { prefill_heads<Bf16Pages, false>(p); }
SRV_KERNEL(srv_attention_prefill_int8, srv_attention_params, 256) { prefill_heads<Int8Pages, false>(p); }

// With windows, bounded scores and sinks.
SRV_KERNEL(srv_attention_prefill_windowed, srv_attention_params, 256) { prefill_heads<Bf16Pages, true>(p); }
SRV_KERNEL(srv_attention_prefill_windowed_int8, srv_attention_params, 256) { prefill_heads<Int8Pages, true>(p); }
