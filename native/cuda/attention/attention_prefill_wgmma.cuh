// Attention of many rows on the warpgroup products of sm_90a: up to 128 packed rows of an item.
//
// Memory: a block of twelve warps per item and kv head. Four warps bring keys and values in by cp.async, tiles of 64 tokens, five in a ring, each byte once per
// item; two warpgroups of 64 rows each read them there. Queries go to registers. 160 KiB of shared memory for heads of 128.
// Integers they bring beside the ring, 64 KiB more, and convert into it: some 1,000 instructions for every fourth tile.
// Bytes per item, kv head and token: 4 head_size + 4, of integers 2 head_size + 12. Operations: 512 head_size.
// Work: a warpgroup keeps two products in flight, the scores of a tile and the values of the one before, and softens while they run. A tile of 64 tokens and
// heads of 128 takes the tensor cores 1,024 clocks of a multiprocessor (2 x 16 products of m64n64k16, 32 clocks each at 4,096 operations per clock). In that
// time the two warpgroups read 64 KiB of shared memory and the copies write 32 KiB: 768 clocks at 128 bytes. 8,192 exponentials take 512 clocks at 16. A warp
// issues some 270 instructions, two such warps on a scheduler 540, and a copying warp 450 for every fourth tile. L2 gives 32 bytes per clock and
// multiprocessor. Registers: 64 of outputs, 32 of scores, 16 of P, 32 of queries, 174 in all of 224 (ptxas 12.4); nothing spills.
// Order: 64 tokens are softened together and an item's splits are walked as one, unless they are given out: not the bits of attention_prefill.cuh.
#pragma once
#include "integer_panels.cuh"
#include "panels.cuh"
#include "softmax_wide.cuh"

constexpr int kWarpgroup = 128;
constexpr int kCopyWarps = 4;
// A multiprocessor gives three warpgroups 168 registers per thread each.
constexpr int kCopyRegisters = 56;
constexpr int kAttendRegisters = 224;

// Named barriers: a tile has landed, for each warpgroup, so that neither waits for the other; a place is free. 15 in all.
constexpr int kLandedThreads = kWarpgroup + 32;
constexpr int kEmptiedThreads = 2 * kWarpgroup + 32;
SRV_DEVICE uint32_t landed(int stage, int warpgroup) { return static_cast<uint32_t>(1 + 3 * stage + warpgroup); }
SRV_DEVICE uint32_t emptied(int stage) { return static_cast<uint32_t>(3 + 3 * stage); }
SRV_DEVICE int next_stage(int stage) { return stage + 1 == kRingStages ? 0 : stage + 1; }

// The first tile from `from` on that a warp copies.
SRV_DEVICE int next_of(int mine, int from) { return from + ((mine - from) & (kCopyWarps - 1)); }

// The longest items come last in the list and are begun first.
SRV_DEVICE const srv_attention_item& item_from_last(const srv_attention_params& p, const srv_range& range, int i) {
    return at<const srv_attention_item>(p.items)[range.first + range.count - 1 - i];
}

// ---- the warps that copy

// One of four warps, each of which brings every fourth tile and waits for it alone, so that three are on the way while two are read.
template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void fill_ring(const srv_attention_params& p, const srv_range& range, ptx::SharedAddress ring) {
    const SlotReader<Pages> slots = slot_reader<Pages>(p, static_cast<int>(ptx::block_index_y()));
    const int mine = static_cast<int>(ptx::warp()) % kCopyWarps;
    int filled = 0;  // tiles of the items before
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_attention_item& item = item_from_last(p, range, i);
        const ItemTokens tokens = tokens_of<Windowed>(item);
        const int* token_slots = at<const int>(p.token_slots) + item.first_token;
        const int last = filled + tokens.tiles();
        for (int tile = next_of(mine, filled); tile < last; tile += kCopyWarps) {
            const int first = tokens.begin + (tile - filled) * kTileTokens, stage = tile % kRingStages;
            PanelCopy<Pages, HeadSize> copy(token_slots + first, tokens.end - first);
            if constexpr (Pages::kScale > 0) {
                copy.start(slots, mine);
            }

            if (tile >= kRingStages) {
                ptx::barrier(emptied(stage), kEmptiedThreads);
            }

            if constexpr (Pages::kScale > 0) {
                copy.widen(mine, stage);
            } else {
                copy.start(slots, ring + stage * 2 * kTileBytes<HeadSize>);
                ptx::cp_async_commit();
                ptx::cp_async_wait<0>();
            }

            ptx::fence_proxy_async();
            ptx::barrier_arrive(landed(stage, 0), kLandedThreads);
            ptx::barrier_arrive(landed(stage, 1), kLandedThreads);
        }

        filled = last;
    }

    // No barrier is left half met: the places that the last tiles had are waited for by those who would fill them next.
    for (int tile = next_of(mine, filled); tile < filled + kRingStages; tile += kCopyWarps) {
        if (tile >= kRingStages) {
            ptx::barrier(emptied(tile % kRingStages), kEmptiedThreads);
        }
    }
}

// ---- the warpgroups that attend

// The first operands of this warp's 16 rows, straight from device memory: once per item.
template <int HeadSize>
SRV_DEVICE void fetch_queries(const srv_attention_params& p, const LaneRows& rows, uint32_t (&queries)[HeadSize / 16][4]) {
    const int column = static_cast<int>(ptx::lane()) % 4 * 2;
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        const uint16_t* query = row_of<const uint16_t>(p.query, rows.row[r].row, p.query_stride) + rows.row[r].head * HeadSize + column;
        SRV_UNROLL
        for (int step = 0; step < HeadSize / 16; step++) {
            queries[step][r] = *reinterpret_cast<const uint32_t*>(query + step * 16);
            queries[step][r + 2] = *reinterpret_cast<const uint32_t*>(query + step * 16 + 8);
        }
    }
}

// scores = q kᵀ of a tile, begun.
template <int HeadSize>
SRV_DEVICE void begin_scores(float (&scores)[8][4], const uint32_t (&queries)[HeadSize / 16][4], ptx::SharedAddress keys) {
    const uint64_t panel = ptx::tile_descriptor(keys);
    ptx::wgmma_m64n64k16<false, false>(scores, queries[0], panel);
    SRV_UNROLL
    for (int step = 1; step < HeadSize / 16; step++) {
        ptx::wgmma_m64n64k16<false, true>(scores, queries[step], panel + (step / 4 * kPanelBytes + step % 4 * 32) / 16);
    }

    ptx::wgmma_commit();
}

// output += p v of a tile, begun. A product takes 16 tokens, two atoms.
template <int HeadSize>
SRV_DEVICE void begin_values(float (&output)[HeadSize / 8][4], const uint32_t (&weights)[4][4], ptx::SharedAddress values) {
    const uint64_t panel = ptx::tile_descriptor(values);
    SRV_UNROLL
    for (int step = 0; step < 4; step++) {
        SRV_UNROLL
        for (int half = 0; half < HeadSize / 64; half++) {
            ptx::wgmma_m64n64k16<true, true>(output + half * 8, weights[step], panel + (half * kPanelBytes + step * 2048) / 16);
        }
    }

    ptx::wgmma_commit();
}

template <int HeadSize>
SRV_DEVICE void hold_output(float (&output)[HeadSize / 8][4]) {
    SRV_UNROLL
    for (int half = 0; half < HeadSize / 64; half++) {
        ptx::wgmma_hold(output + half * 8);
    }
}

// What a product is going to read or has read stays on its side of the fence.
template <int HeadSize>
SRV_DEVICE void open_products(Accumulator<HeadSize / 8>& state, uint32_t (&weights)[4][4]) {
    hold_output<HeadSize>(state.output);
    SRV_UNROLL
    for (int step = 0; step < 4; step++) {
        ptx::wgmma_hold(weights[step]);
    }

    ptx::wgmma_fence();
}

// 64 rows of a warpgroup against the tokens from begin to end, a multiple of tiles but for the end: the ring's next ones. `stage` goes on with them.
template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void attend_tiles(const srv_attention_params& p, const LaneRows& rows, float scale, uint32_t (&queries)[HeadSize / 16][4], ptx::SharedAddress ring, int begin, int end,
    int& stage, Accumulator<HeadSize / 8>& state) {
    const int warpgroup = static_cast<int>(ptx::warp()) / 4;
    float scores[8][4], factor[2];
    uint32_t weights[4][4];
    ptx::barrier(landed(stage, warpgroup), kLandedThreads);
    ptx::wgmma_fence();
    begin_scores<HeadSize>(scores, queries, ring + stage * 2 * kTileBytes<HeadSize>);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(scores);
    soften_tile<Pages, Windowed>(p, rows, begin, scale, ring_scales<Pages, HeadSize>(stage), scores, state, factor);
    pack_weights(scores, weights);
    for (int first = begin + kTileTokens; first < end; first += kTileTokens) {
        const int before = stage;
        stage = next_stage(stage);
        ptx::barrier(landed(stage, warpgroup), kLandedThreads);
        open_products<HeadSize>(state, weights);
        begin_scores<HeadSize>(scores, queries, ring + stage * 2 * kTileBytes<HeadSize>);
        begin_values<HeadSize>(state.output, weights, ring + before * 2 * kTileBytes<HeadSize> + kTileBytes<HeadSize>);
        ptx::wgmma_wait<1>();
        ptx::wgmma_hold(scores);
        soften_tile<Pages, Windowed>(p, rows, first, scale, ring_scales<Pages, HeadSize>(stage), scores, state, factor);
        // No sum is. Without a branch on it ptxas waits for the values first and softens afterwards, while nothing multiplies.
        ptx::trap_if_negative(state.sum[0] + state.sum[1]);
        ptx::wgmma_wait<0>();
        hold_output<HeadSize>(state.output);
        ptx::barrier_arrive(emptied(before), kEmptiedThreads);
        pack_weights(scores, weights);
        rescale_if_risen(state, factor);
    }

    open_products<HeadSize>(state, weights);
    begin_values<HeadSize>(state.output, weights, ring + stage * 2 * kTileBytes<HeadSize> + kTileBytes<HeadSize>);
    ptx::wgmma_wait<0>();
    hold_output<HeadSize>(state.output);
    ptx::barrier_arrive(emptied(stage), kEmptiedThreads);
    stage = next_stage(stage);
}

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void attend_item(const srv_attention_params& p, const srv_attention_item& item, ptx::SharedAddress ring, int& stage) {
    const ItemTokens tokens = tokens_of<Windowed>(item);
    const LaneRows rows = lane_rows(p, item, static_cast<int>(ptx::warp()) * 16, static_cast<int>(ptx::block_index_y()));
    uint32_t queries[HeadSize / 16][4];
    if constexpr (Pages::kScale > 0) {
        read_queries_in_pairs<HeadSize>(p, rows, queries);
    } else {
        fetch_queries<HeadSize>(p, rows, queries);
    }

    for (int begin = tokens.begin, stop; begin < tokens.end; begin = stop) {
        stop = item.partial != 0 ? smaller((Windowed ? begin / SRV_ATTENTION_SPLIT * SRV_ATTENTION_SPLIT : begin) + SRV_ATTENTION_SPLIT, tokens.end) : tokens.end;
        Accumulator<HeadSize / 8> state;
        state.clear();
        attend_tiles<Pages, HeadSize, Windowed>(p, rows, softmax_scale<Windowed>(p) * kLog2E, queries, ring, begin, stop, stage, state);
        state.finish(softmax_scale<Windowed>(p));
        if (item.partial != 0) {
            write_states<Pages>(p, rows, state, begin / SRV_ATTENTION_SPLIT, 0);
        } else {
            if (Windowed) {
                merge_sinks(p, rows, state);
            }

            write_rows<Pages>(p, rows, state, 0);
        }
    }
}

template <class Pages, int HeadSize, bool Windowed>
SRV_DEVICE void prefill_wgmma(const srv_attention_params& p) {
    static_assert(kRingStages * 2 * kTileBytes<HeadSize> <= SRV_ATTENTION_WGMMA_SHARED, "the host is told how much shared memory this takes");
    static_assert(kStagingOffset<HeadSize> + kCopyWarps * 2 * kIntegerBytes<HeadSize> <= SRV_ATTENTION_WGMMA_INT8_SHARED, "of integers too");
    const ptx::SharedAddress ring = ptx::shared_address(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.item_range);
    if (ptx::warp() >= 2 * kWarpgroup / 32) {
        ptx::registers_give<kCopyRegisters>();
        fill_ring<Pages, HeadSize, Windowed>(p, range, ring);
        return;
    }

    ptx::registers_take<kAttendRegisters>();
    int stage = 0;
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        attend_item<Pages, HeadSize, Windowed>(p, item_from_last(p, range, i), ring, stage);
    }
}

template <class Pages, bool Windowed>
SRV_DEVICE void prefill_wgmma_heads(const srv_attention_params& p) {
    if (p.head_size == 64) {
        prefill_wgmma<Pages, 64, Windowed>(p);
    } else {
        prefill_wgmma<Pages, 128, Windowed>(p);
    }
}

constexpr int kWgmmaThreads = 2 * kWarpgroup + kCopyWarps * 32;
SRV_KERNEL_ALONE(srv_attention_prefill_wgmma, srv_attention_params, kWgmmaThreads) { prefill_wgmma_heads<Bf16Pages, false>(p); }
SRV_KERNEL_ALONE(srv_attention_prefill_wgmma_int8, srv_attention_params, kWgmmaThreads) { prefill_wgmma_heads<Int8Pages, false>(p); }

// With windows, bounded scores and sinks.
SRV_KERNEL_ALONE(srv_attention_prefill_wgmma_windowed, srv_attention_params, kWgmmaThreads) { prefill_wgmma_heads<Bf16Pages, true>(p); }
SRV_KERNEL_ALONE(srv_attention_prefill_wgmma_windowed_int8, srv_attention_params, kWgmmaThreads) { prefill_wgmma_heads<Int8Pages, true>(p); }
