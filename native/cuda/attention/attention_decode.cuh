// Attention of few rows: at most 16 packed rows of an item, on tensor cores.
//
// Memory: a block of four warps takes units (an item and a kv head) in turns and walks their tokens in tiles of 64; keys and values come in by cp.async, three tiles in a
// ring, each byte once. Copies run ahead of the products across units: while a unit's last tiles are weighed, the next one's first are under way. 96 KiB of shared memory,
// so that two blocks on a multiprocessor keep 128 KiB in flight and the smallest devices hold one.
// Of integers five tiles of half the size, which every warp converts as it reads them: some 220 instructions more per tile of heads of 128 and warp.
// Bytes per item, kv head and token: 4 head_size + 4, of integers 2 head_size + 12. Operations: 64 head_size (16 rows, most of them idle: the tensor cores wait for memory anyway).
// Work: a warp scores 16 tokens of a tile; scores meet in shared memory; every warp softens all 64 for itself, then weighs the values of a quarter of the
// elements. No sum is divided, so that a row's bits are those that attention_prefill.cuh gives it.
#pragma once
#include "integers.cuh"

constexpr int kDecodeRows = 16;
constexpr int kScoreStride = kTileTokens + 4;

// A ring of tiles, keys before values. Once all warps have scored a tile, its keys are done with and scores take their place.
template <class Pages, int HeadSize>
struct DecodeShared {
    static constexpr unsigned kBytes = SRV_ATTENTION_DECODE_SHARED;
    static constexpr int kStages = 3;
    static constexpr int kTile = 2 * kTileBytes<HeadSize>;
    static_assert(kDecodeRows * kScoreStride * 4 <= kTileBytes<HeadSize>, "scores fit where keys were");

    uint8_t tiles[kStages][kTile];

    SRV_DEVICE uint8_t* scores(int stage) { return tiles[stage]; }
    SRV_DEVICE const uint8_t* scales(int) { return nullptr; }
};

// Of integers keys leave less room than scores take, which have a place of their own.
template <int HeadSize>
struct DecodeShared<Int8Pages, HeadSize> {
    static constexpr unsigned kBytes = SRV_ATTENTION_DECODE_INT8_SHARED;
    static constexpr int kStages = 5;
    static constexpr int kTile = kIntegerTile<HeadSize>;

    uint8_t tiles[kStages][kTile];
    float sums[kDecodeRows * kScoreStride];

    SRV_DEVICE uint8_t* scores(int) { return reinterpret_cast<uint8_t*>(sums); }
    SRV_DEVICE const uint8_t* scales(int stage) { return tiles[stage] + 2 * kIntegerBytes<HeadSize>; }
};

// The units of a block. Items come in falling length: every second turn goes from the last block to the first, so that nobody has the longest of every turn. The kv heads
// of an item are neighbours in memory, so that blocks that run together read what lies together.
struct UnitWalk {
    int units;
    int turn;

    // The next one, -1 when there is none.
    SRV_DEVICE int next() {
        const int block = static_cast<int>(ptx::block_index());
        const int blocks = static_cast<int>(ptx::block_count());
        const int unit = turn * blocks + (turn % 2 == 0 ? block : blocks - 1 - block);
        turn++;
        return unit < units ? unit : -1;
    }
};

// Brings in the tiles of all of a block's units, one after the other. What it reads to find them it asks for a tile or more before it is needed: the slots of the
// next tile, and the item of the unit after the one that is copied.
template <class Pages, int HeadSize, bool Windowed>
struct TilesAhead {
    const srv_attention_params& p;
    const srv_attention_item* items;
    UnitWalk walk;
    int unit;                 // the one after that which is copied; -1 behind the last
    srv_attention_item item;  // its item
    int left;                 // tiles of the unit that is copied
    SlotReader<Pages> slots;
    TileCopies<Pages, HeadSize, 128> copies;

    SRV_DEVICE TilesAhead(const srv_attention_params& p, const srv_attention_item* items, int units)
        : p(p), items(items), walk{units, 0}, left(0), slots(slot_reader<Pages>(p, 0)), copies(at<const int>(p.token_slots), 0, 0) {
        fetch();
        enter();
    }

    SRV_DEVICE void fetch() {
        unit = walk.next();
        if (unit >= 0) {
            item = items[unit / p.kv_head_count];
        }
    }

    // Goes on to the unit that was fetched, and fetches the next.
    SRV_DEVICE void enter() {
        if (unit >= 0) {
            const ItemTokens tokens = tokens_of<Windowed>(item);
            slots = slot_reader<Pages>(p, unit % p.kv_head_count);
            copies = TileCopies<Pages, HeadSize, 128>(at<const int>(p.token_slots) + item.first_token, tokens.begin, tokens.end);
            left = tokens.tiles();
            fetch();
        }
    }

    // Starts the copies of the next tile, if there is one, and commits them.
    SRV_DEVICE void copy(ptx::SharedAddress tile) {
        if (left > 0) {
            copies.copy(slots, tile);
            left--;
            if (left == 0) {
                enter();
            }
        }

        ptx::cp_async_commit();
    }
};

// Where a lane's fragments lie in the scores: its first row, its first token.
SRV_DEVICE float* lane_scores(uint8_t* tile) {
    const int lane = static_cast<int>(ptx::lane());
    return reinterpret_cast<float*>(tile) + lane / 4 * kScoreStride + lane % 4 * 2;
}

// A lane's first operands of all products over 16 elements each, from the queries as they lie in memory; zeros behind the item's last row.
template <int HeadSize>
SRV_DEVICE void read_queries(const srv_attention_params& p, const LaneRows& rows, uint32_t (&a)[HeadSize / 16][4]) {
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        const uint16_t* query = row_of<const uint16_t>(p.query, rows.row[r].row, p.query_stride) + rows.row[r].head * HeadSize + static_cast<int>(ptx::lane()) % 4 * 2;
        SRV_UNROLL
        for (int step = 0; step < HeadSize / 16; step++) {
            a[step][r] = rows.ordinal[r] < 0 ? 0 : *reinterpret_cast<const uint32_t*>(query + step * 16);
            a[step][r + 2] = rows.ordinal[r] < 0 ? 0 : *reinterpret_cast<const uint32_t*>(query + step * 16 + 8);
        }
    }
}

// A warp's 16 tokens of a tile against all rows. The scores take the place of the tile's keys where they are bf16; `scores` is the lane's place of the warp's first token, `scales` that of
// its keys' scales.
template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void score_quarter(const srv_attention_params& p, const uint32_t (&queries)[HeadSize / 16][4], ptx::SharedAddress keys, const float* scales, float* scores) {
    float sums[2][4] = {};
    if constexpr (Pages::kScale > 0) {
        score_integers<HeadSize>(sums, queries, keys);
        scale_tokens<Pages>(sums, scales);
        bound_scores<Windowed>(p, sums);
    } else {
        SRV_UNROLL
        for (int step = 0; step < HeadSize / 16; step++) {
            score_tokens<HeadSize>(sums[0], sums[1], queries[step], keys, 0, step);
        }

        bound_scores<Windowed>(p, sums);
        ptx::barrier();
    }

    SRV_UNROLL
    for (int j = 0; j < 2; j++) {
        SRV_UNROLL
        for (int r = 0; r < 2; r++) {
            ptx::store_8(scores + r * 8 * kScoreStride + j * 8, {ptx::as_uint(sums[j][2 * r]), ptx::as_uint(sums[j][2 * r + 1])});
        }
    }
}

// A tile's softmax, block by block of 32, and its values for a quarter of the elements. `scores`, `scales` (of values) and `values` are the lane's places, of all tokens and in its quarter.
template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void soften_and_weigh(
    const LaneRows& rows, int window, float scale, const float* scores, const float* scales, ptx::SharedAddress values, int first, Accumulator<HeadSize / 32>& state) {
    SRV_UNROLL
    for (int block = 0; block < kTileTokens; block += SRV_ATTENTION_BLOCK) {
        float own[4][4];
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            SRV_UNROLL
            for (int r = 0; r < 2; r++) {
                const ptx::Vec2 pair = ptx::load_8(scores + r * 8 * kScoreStride + block + j * 8);
                own[j][2 * r] = ptx::as_float(pair.x);
                own[j][2 * r + 1] = ptx::as_float(pair.y);
            }
        }

        if (rows.hides<Windowed>(window, first + block, first + block + SRV_ATTENTION_BLOCK - 1)) {
            hide<Windowed>(own, rows.sees, window, first + block);
        }

        uint32_t weights[2][4];
        soften<Pages>(own, scale, scales + block, state, weights);
        if constexpr (Pages::kScale > 0) {
            weigh_integers<HeadSize>(state.output, weights, values + block * HeadSize);
        } else {
            SRV_UNROLL
            for (int step = 0; step < 2; step++) {
                SRV_UNROLL
                for (int j = 0; j < HeadSize / 32; j += 2) {
                    weigh_values<HeadSize>(state.output[j], state.output[j + 1], weights[step], values, block + step * 16, j * 8);
                }
            }
        }
    }
}

// Where the block is in its ring: the tile that is weighed next, and the place that the next tile to be copied takes, which is that of the one before.
template <int Stages>
struct RingPlace {
    int stage, fresh;

    SRV_DEVICE void step() {
        fresh = stage;
        stage = stage + 1 == Stages ? 0 : stage + 1;
    }
};

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void decode_item(const srv_attention_params& p, const srv_attention_item& item, int kv_head, DecodeShared<Pages, HeadSize>& shared, TilesAhead<Pages, HeadSize, Windowed>& ahead,
    RingPlace<DecodeShared<Pages, HeadSize>::kStages>& place) {
    using Shared = DecodeShared<Pages, HeadSize>;
    const ItemTokens tokens = tokens_of<Windowed>(item);
    const LaneRows rows = lane_rows(p, item, 0, kv_head);
    const int warp = static_cast<int>(ptx::warp());
    const int element = warp * (HeadSize / 4);
    const float scale = softmax_scale<Windowed>(p);
    const ptx::SharedAddress ring = ptx::shared_address(shared.tiles);
    int keys, values;  // where a lane reads the warp's part of a tile
    uint32_t queries[HeadSize / 16][4];
    if constexpr (Pages::kScale > 0) {
        keys = integer_key_offset<HeadSize>() + warp * 16 * HeadSize;
        values = integer_value_offset<HeadSize>(warp) + kIntegerBytes<HeadSize>;
        read_queries_in_pairs<HeadSize>(p, rows, queries);
    } else {
        keys = key_lane_offset<HeadSize>() + warp * 16 * kRowBytes<HeadSize>;
        values = (row_lane_offset<HeadSize>() ^ (element * 2)) + kTileBytes<HeadSize>;
        read_queries<HeadSize>(p, rows, queries);
    }

    Accumulator<HeadSize / 32> state, merged;
    state.clear();
    merged.clear();
    for (int first = tokens.begin; first < tokens.end; first += kTileTokens) {
        // This tile has landed, and nobody reads the one before, nor its scores; its place is the next copy's.
        ptx::cp_async_wait<Shared::kStages - 2>();
        ptx::barrier();
        ahead.copy(ring + place.fresh * Shared::kTile);
        const ptx::SharedAddress tile = ring + place.stage * Shared::kTile;
        float* scores = lane_scores(shared.scores(place.stage));
        const float* scales = lane_scales(shared.scales(place.stage));
        score_quarter<Pages, HeadSize, Windowed>(p, queries, tile + keys, scales + warp * 16, scores + warp * 16);
        ptx::barrier();
        soften_and_weigh<Pages, HeadSize, Windowed>(rows, window_of(p), scale * kLog2E, scores, scales + kTileTokens, tile + values, first, state);
        if (first + kTileTokens >= tokens.end || (first + kTileTokens) % SRV_ATTENTION_SPLIT == 0) {
            state.finish(scale);
            if (item.partial != 0) {
                write_states<Pages>(p, rows, state, first / SRV_ATTENTION_SPLIT, element);
            } else {
                merged.merge(state);
            }

            state.clear();
        }

        place.step();
    }

    if (item.partial == 0) {
        if (Windowed) {
            merge_sinks(p, rows, merged);
        }

        write_rows<Pages>(p, rows, merged, element);
    }
}

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void decode_items(const srv_attention_params& p) {
    using Shared = DecodeShared<Pages, HeadSize>;
    static_assert(sizeof(Shared) <= Shared::kBytes, "the host is told how much shared memory this takes");
    Shared& shared = *reinterpret_cast<Shared*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.item_range);
    const srv_attention_item* items = at<const srv_attention_item>(p.items) + range.first;
    UnitWalk walk{range.count * p.kv_head_count, 0};

    // The step's lists of items were there before. Queries, and the keys and values that this step adds, are what the kernel before this one writes; slots are an earlier one's, which
    // may run beside that one where a program begins with attention.
    ptx::await_producers();
    ptx::release_dependents();
    TilesAhead<Pages, HeadSize, Windowed> ahead(p, items, walk.units);
    RingPlace<Shared::kStages> place{0, Shared::kStages - 1};
    SRV_UNROLL
    for (int i = 0; i < Shared::kStages - 1; i++) {
        ahead.copy(ptx::shared_address(shared.tiles[i]));
    }

    for (int unit = walk.next(); unit >= 0; unit = walk.next()) {
        decode_item<Pages, HeadSize, Windowed>(p, items[unit / p.kv_head_count], unit % p.kv_head_count, shared, ahead, place);
    }
}

template <class Pages, bool Windowed>
SRV_DEVICE void decode_heads(const srv_attention_params& p) {
    if (p.head_size == 64) {
        decode_items<Pages, 64, Windowed>(p);
    } else {
        decode_items<Pages, 128, Windowed>(p);
    }
}

SRV_KERNEL(srv_attention_decode, srv_attention_params, 128) { decode_heads<Bf16Pages, false>(p); }
SRV_KERNEL(srv_attention_decode_int8, srv_attention_params, 128) { decode_heads<Int8Pages, false>(p); }

// With windows, bounded scores and sinks.
SRV_KERNEL(srv_attention_decode_windowed, srv_attention_params, 128) { decode_heads<Bf16Pages, true>(p); }
SRV_KERNEL(srv_attention_decode_windowed_int8, srv_attention_params, 128) { decode_heads<Int8Pages, true>(p); }
