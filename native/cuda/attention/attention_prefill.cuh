// Attention of many rows: up to 128 packed rows of an item, on tensor cores.
//
// Memory: a block of eight warps per item and kv head; queries stay in shared memory, keys and values pass through it in tiles of 64, two in a ring, each
// byte once per item. 96 KiB of shared memory.
// Bytes per item, kv head and token: 4 head_size + 4. Operations: 512 head_size; tiles that no row of a warp sees are skipped.
// Work: a warp has 16 rows and all tokens; its scores, softmax and output stay in its registers.
// Order: as attention_decode.cuh, row by row to the bit.
#pragma once
#include "softmax.cuh"
#include "tiles.cuh"

constexpr int kPrefillRows = 128;

template <int HeadSize>
struct PrefillShared {
    uint16_t queries[kPrefillRows * HeadSize];
    uint16_t tiles[2][2][kTileTokens * HeadSize];
};

// 16 rows against a block of 32 tokens: scores, softmax, values.
template <int HeadSize>
SRV_DEVICE void attend_tile_block(const srv_attention_params& p, const LaneRows& rows, uint16_t* queries, uint16_t* keys, uint16_t* values, int block, int first,
    Accumulator<HeadSize / 8>& state) {
    float scores[4][4] = {};
    SRV_UNROLL
    for (int step = 0; step < HeadSize / 16; step++) {
        uint32_t q[4];
        load_query<HeadSize>(q, queries, static_cast<int>(ptx::warp()) * 16, step);
        score_tokens<HeadSize>(scores[0], scores[1], q, keys, block, step);
        score_tokens<HeadSize>(scores[2], scores[3], q, keys, block + 16, step);
    }

    uint32_t weights[2][4];
    soften(scores, rows.ordinal, first + block, p.scale, state, weights);
    SRV_UNROLL
    for (int step = 0; step < 2; step++) {
        SRV_UNROLL
        for (int j = 0; j < HeadSize / 8; j += 2) {
            weigh_values<HeadSize>(state.output[j], state.output[j + 1], weights[step], values, block + step * 16, j * 8);
        }
    }
}

// The largest ordinal of a warp's rows.
SRV_DEVICE int last_of_warp(const LaneRows& rows) {
    int last = larger(rows.ordinal[0], rows.ordinal[1]);
    SRV_UNROLL
    for (uint32_t by = 4; by <= 16; by *= 2) {
        last = larger(last, ptx::shuffle_xor(last, by));
    }

    return last;
}

template <int HeadSize>
SRV_DEVICE void prefill_item(const srv_attention_params& p, const srv_attention_item& item, int kv_head, PrefillShared<HeadSize>& shared) {
    const SlotReader slots = slot_reader(p, kv_head);
    const int* token_slots = at<const int>(p.token_slots) + item.first_token;
    const int begin = item.first_split * SRV_ATTENTION_SPLIT;
    const int end = smaller(begin + item.split_count * SRV_ATTENTION_SPLIT, item.last_ordinal + 1);
    const int tiles = ceil_div(end - begin, kTileTokens);
    const LaneRows rows = lane_rows(p, item, static_cast<int>(ptx::warp()) * 16, kv_head);
    const int last = last_of_warp(rows);
    TileSlots<HeadSize, 256> ahead;
    copy_queries<HeadSize, 256, kPrefillRows>(p, item, kv_head, shared.queries);
    ahead.read(token_slots, begin, end);
    ahead.copy(slots, shared.tiles[0][0], shared.tiles[0][1]);
    ptx::cp_async_commit();
    ahead.read(token_slots, begin + kTileTokens, end);
    Accumulator<HeadSize / 8> state, merged;
    state.clear();
    merged.clear();
    for (int i = 0; i < tiles; i++) {
        ahead.copy(slots, shared.tiles[(i + 1) % 2][0], shared.tiles[(i + 1) % 2][1]);
        ptx::cp_async_commit();
        ahead.read(token_slots, begin + (i + 2) * kTileTokens, end);
        ptx::cp_async_wait<1>();
        ptx::barrier();
        const int first = begin + i * kTileTokens;
        for (int block = 0; block < kTileTokens && first + block <= last; block += SRV_ATTENTION_BLOCK) {
            attend_tile_block<HeadSize>(p, rows, shared.queries, shared.tiles[i % 2][0], shared.tiles[i % 2][1], block, first, state);
        }

        if (i + 1 == tiles || (first + kTileTokens) % SRV_ATTENTION_SPLIT == 0) {
            state.finish_sum();
            if (item.partial != 0) {
                write_states(p, rows, state, first / SRV_ATTENTION_SPLIT, 0);
            } else {
                merged.merge(state);
            }

            state.clear();
        }

        // The next but one tile takes this one's place.
        ptx::barrier();
    }

    if (item.partial == 0) {
        write_rows(p, rows, merged, 0);
    }

    // A thread's copies of the next item go where its own of this one went, and nobody reads since the last barrier.
    ptx::cp_async_wait<0>();
}

template <int HeadSize>
SRV_DEVICE void prefill_items(const srv_attention_params& p) {
    static_assert(sizeof(PrefillShared<HeadSize>) <= SRV_ATTENTION_PREFILL_SHARED, "the host is told how much shared memory this takes");
    PrefillShared<HeadSize>& shared = *reinterpret_cast<PrefillShared<HeadSize>*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.item_range);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        prefill_item<HeadSize>(p, at<const srv_attention_item>(p.items)[range.first + i], static_cast<int>(ptx::block_index_y()), shared);
    }
}

SRV_KERNEL(srv_attention_prefill, srv_attention_params, 256) {
    if (p.head_size == 64) {
        prefill_items<64>(p);
    } else {
        prefill_items<128>(p);
    }
}
