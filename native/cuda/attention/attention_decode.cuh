// Attention of few rows: at most 16 packed rows of an item, on tensor cores.
//
// Memory: a block of four warps per item and kv head walks its tokens in tiles of 64; keys and values come in by cp.async, three tiles in a ring, each byte
// once. 96 KiB of shared memory, so that two blocks on a multiprocessor keep 128 KiB in flight and the smallest devices hold one.
// Bytes per item, kv head and token: 4 head_size + 4. Operations: 64 head_size (16 rows, most of them idle: the tensor cores wait for memory anyway).
// Work: a warp scores 16 tokens of a tile; scores meet in shared memory; every warp softens all 64 for itself, then weighs the values of a quarter of the
// elements. No sum is divided, so that a row's bits are those that attention_prefill.cuh gives it.
#pragma once
#include "softmax.cuh"
#include "tiles.cuh"

constexpr int kDecodeRows = 16;
constexpr int kDecodeStages = 3;
constexpr int kScoreStride = kTileTokens + 4;

template <int HeadSize>
struct DecodeShared {
    uint16_t tiles[kDecodeStages][2][kTileTokens * HeadSize];

    // Queries go to registers before the ring's last place is filled for the first time.
    SRV_DEVICE uint16_t* queries() { return tiles[kDecodeStages - 1][0]; }

    // Once all warps have scored a tile, its keys are done with.
    SRV_DEVICE float* scores(int stage) { return reinterpret_cast<float*>(tiles[stage][0]); }
};

// A warp's 16 tokens of a tile against all rows. The scores take the place of the tile's keys.
template <int HeadSize>
SRV_DEVICE void score_quarter(const uint32_t (&queries)[HeadSize / 16][4], uint16_t* keys, float* scores) {
    static_assert(kDecodeRows * kScoreStride * 4 <= kTileTokens * HeadSize * 2, "scores fit where keys were");
    const int warp = static_cast<int>(ptx::warp());
    const int lane = static_cast<int>(ptx::lane());
    float sums[2][4] = {};
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step++) {
        score_tokens<HeadSize>(sums[0], sums[1], queries[step], keys, warp * 16, step);
    }

    ptx::barrier();

    SRV_UNROLL
    for (int j = 0; j < 2; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            scores[(lane / 4 + i / 2 * 8) * kScoreStride + warp * 16 + j * 8 + lane % 4 * 2 + i % 2] = sums[j][i];
        }
    }
}

// A tile's softmax, block by block of 32, and its values for a quarter of the elements.
template <int HeadSize>
SRV_DEVICE void soften_and_weigh(const srv_attention_params& p, const LaneRows& rows, const float* scores, uint16_t* values, int first,
    Accumulator<HeadSize / 32>& state) {
    const int lane = static_cast<int>(ptx::lane());
    const int element = static_cast<int>(ptx::warp()) * (HeadSize / 4);
    SRV_UNROLL
    for (int block = 0; block < kTileTokens; block += SRV_ATTENTION_BLOCK) {
        float own[4][4];
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                own[j][i] = scores[(lane / 4 + i / 2 * 8) * kScoreStride + block + j * 8 + lane % 4 * 2 + i % 2];
            }
        }

        uint32_t weights[2][4];
        soften(own, rows.ordinal, first + block, p.scale, state, weights);
        SRV_UNROLL
        for (int step = 0; step < 2; step++) {
            SRV_UNROLL
            for (int j = 0; j < HeadSize / 32; j += 2) {
                weigh_values<HeadSize>(state.output[j], state.output[j + 1], weights[step], values, block + step * 16, element + j * 8);
            }
        }
    }
}

template <int HeadSize>
SRV_DEVICE void decode_item(const srv_attention_params& p, const srv_attention_item& item, int kv_head, DecodeShared<HeadSize>& shared) {
    const SlotReader slots = slot_reader(p, kv_head);
    const int* token_slots = at<const int>(p.token_slots) + item.first_token;
    const int begin = item.first_split * SRV_ATTENTION_SPLIT;
    const int end = smaller(begin + item.split_count * SRV_ATTENTION_SPLIT, item.last_ordinal + 1);
    const int tiles = ceil_div(end - begin, kTileTokens);
    const LaneRows rows = lane_rows(p, item, 0, kv_head);
    const int element = static_cast<int>(ptx::warp()) * (HeadSize / 4);
    TileSlots<HeadSize, 128> ahead;
    copy_queries<HeadSize, 128, kDecodeRows>(p, item, kv_head, shared.queries());
    ptx::cp_async_commit();
    SRV_UNROLL
    for (int i = 0; i < kDecodeStages - 1; i++) {
        ahead.read(token_slots, begin + i * kTileTokens, end);
        ahead.copy(slots, shared.tiles[i][0], shared.tiles[i][1]);
        ptx::cp_async_commit();
    }

    ahead.read(token_slots, begin + (kDecodeStages - 1) * kTileTokens, end);
    ptx::cp_async_wait<kDecodeStages - 1>();
    ptx::barrier();
    uint32_t queries[HeadSize / 16][4];
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step++) {
        load_query<HeadSize>(queries[step], shared.queries(), 0, step);
    }

    Accumulator<HeadSize / 32> state, merged;
    state.clear();
    merged.clear();
    for (int i = 0; i < tiles; i++) {
        // This tile has landed, and nobody reads the one before, whose place the tile after the next takes.
        ptx::cp_async_wait<kDecodeStages - 2>();
        ptx::barrier();
        const int fresh = (i + kDecodeStages - 1) % kDecodeStages;
        ahead.copy(slots, shared.tiles[fresh][0], shared.tiles[fresh][1]);
        ptx::cp_async_commit();
        ahead.read(token_slots, begin + (i + kDecodeStages) * kTileTokens, end);
        const int stage = i % kDecodeStages;
        score_quarter<HeadSize>(queries, shared.tiles[stage][0], shared.scores(stage));
        ptx::barrier();
        const int first = begin + i * kTileTokens;
        soften_and_weigh<HeadSize>(p, rows, shared.scores(stage), shared.tiles[stage][1], first, state);
        if (i + 1 == tiles || (first + kTileTokens) % SRV_ATTENTION_SPLIT == 0) {
            state.finish_sum();
            if (item.partial != 0) {
                write_states(p, rows, state, first / SRV_ATTENTION_SPLIT, element);
            } else {
                merged.merge(state);
            }

            state.clear();
        }
    }

    if (item.partial == 0) {
        write_rows(p, rows, merged, element);
    }

    ptx::cp_async_wait<0>();
    ptx::barrier();
}

template <int HeadSize>
SRV_DEVICE void decode_items(const srv_attention_params& p) {
    static_assert(sizeof(DecodeShared<HeadSize>) <= SRV_ATTENTION_DECODE_SHARED, "the host is told how much shared memory this takes");
    DecodeShared<HeadSize>& shared = *reinterpret_cast<DecodeShared<HeadSize>*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.item_range);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        decode_item<HeadSize>(p, at<const srv_attention_item>(p.items)[range.first + i], static_cast<int>(ptx::block_index_y()), shared);
    }
}

SRV_KERNEL(srv_attention_decode, srv_attention_params, 128) {
    if (p.head_size == 64) {
        decode_items<64>(p);
    } else {
        decode_items<128>(p);
    }
}
