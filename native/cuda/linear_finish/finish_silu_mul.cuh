// The end of a fused gate_up and gate·mul in one: round(activation(round(gate)) * round(up)), gate and up being product + bias + delta. The bits of
// srv_linear_finish and srv_silu_mul after each other, without what one writes and the other reads.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of the output, of both halves of the product: four warps make gate's delta, 64 columns
// each, four make up's, eight rows at a time. Deltas meet in shared memory, so that neighbouring threads then take neighbouring columns, whole lines of memory
// whatever the tile's rows; a thread's first product is asked for before the deltas are, each further one before the row before it is stored. Tiles without a delta
// are that second half alone. Few registers let enough blocks on a multiprocessor that their waits fill each other.
// Bytes per row and column: 8 read, 2 written; 4 ranks of cells per pass of eight rows. Operations: 4 ranks per row and column, about 20 for the activation.
#pragma once
#include "../silu_mul/silu.cuh"
#include "expand.cuh"

constexpr int kSiluTokens = 8;                       // of one pass over the cells
constexpr int kSiluThreads = kFinishColumns / 4;     // of a row, four columns each
constexpr int kSiluRows = 256 / kSiluThreads;        // at once
constexpr int kDeltaStride = kFinishColumns + 4;     // floats from row to row

using SiluDeltas = float[kSiluTokens][kDeltaStride];

// What a thread has of a row: product + bias of four columns, then + delta.
struct GateUp {
    Float4 gate, up;
};

// activation(gate) * up of values that are rounded as they would be in memory.
SRV_DEVICE float activated(float gate, float up, int activation) {
    return activation_of(ptx::from_bf16(ptx::to_bf16(gate)), activation) * ptx::from_bf16(ptx::to_bf16(up));
}

SRV_DEVICE bool is_adapted(const srv_linear_params& p, const srv_row_tile& tile, int slice) {
    return tile.slot >= 0 && p.lora.slice_count > 0 && binding_of(p.lora, tile.slot, slice).rank_blocks > 0;
}

// Whether a thread's four columns of both halves start 16-byte aligned, and all exist where the first does.
SRV_DEVICE bool is_whole(const srv_linear_params& p) { return (p.columns / 2 & 3) == 0; }

// Nothing where columns are not whole.
SRV_DEVICE GateUp load_products(const srv_linear_params& p, int row, int column) {
    return is_whole(p) ? GateUp{finished_four(p, row, column, 0, {}, false), finished_four(p, row, p.columns / 2 + column, 0, {}, false)} : GateUp{};
}

SRV_DEVICE void add_delta(Float4& value, const float* delta) {
    const Float4 more = load_floats(delta);
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        value.v[i] += more.v[i];
    }
}

SRV_DEVICE void store_activated(const srv_linear_params& p, int row, int column, const GateUp& x) {
    Float4 y;
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        y.v[i] = activated(x.gate.v[i], x.up.v[i], p.mode);
    }

    store_rounded(row_of<uint16_t>(p.output, row, p.output_stride) + column, y);
}

// A thread's columns one by one, of any width.
SRV_DEVICE void activate_columns(const srv_linear_params& p, int row, int column, const float* gate_delta, bool gate, const float* up_delta, bool up) {
    const int width = p.columns / 2;
    uint16_t* y = row_of<uint16_t>(p.output, row, p.output_stride);
    for (int i = 0; i < smaller(4, width - column); i++) {
        const float g = finished_one(p, row, column + i, gate ? gate_delta[i] : 0.0f, gate);
        y[column + i] = ptx::to_bf16(activated(g, finished_one(p, row, width + column + i, up ? up_delta[i] : 0.0f, up), p.mode));
    }
}

// A thread's rows of those from first_token to end; `x` is the first one's product. Deltas are those of the rows from first_token on.
SRV_DEVICE void activate_rows(const srv_linear_params& p, const srv_row_tile& tile, int first_token, int end, int column, GateUp x, const SiluDeltas (&deltas)[2],
    bool gate, bool up) {
    const bool whole = is_whole(p);
    for (int i = static_cast<int>(ptx::thread_index()) / kSiluThreads; first_token + i < end; i += kSiluRows) {
        const int row = tile.first_row + first_token + i;
        GateUp next = {};
        if (first_token + i + kSiluRows < end) {
            next = load_products(p, row + kSiluRows, column);
        }

        const int at_delta = (gate || up ? i : 0) * kDeltaStride + column % kFinishColumns;
        if (!whole) {
            activate_columns(p, row, column, &deltas[0][0][0] + at_delta, gate, &deltas[1][0][0] + at_delta, up);
            continue;
        }

        if (gate) {
            add_delta(x.gate, &deltas[0][0][0] + at_delta);
        }

        if (up) {
            add_delta(x.up, &deltas[1][0][0] + at_delta);
        }

        store_activated(p, row, column, x);
        x = next;
    }
}

// A warp's delta of eight tokens, to where all threads find it.
SRV_DEVICE void store_deltas(const FinishWork& work, int first_token, const float (&delta)[1][4][4], SiluDeltas& to) {
    const int lane = static_cast<int>(ptx::lane());
    const int column = (work.column + lane / 4 * 8) % kFinishColumns;
    SRV_UNROLL
    for (int e = 0; e < 2; e++) {
        const int token = lane % 4 * 2 + e;
        if (first_token + token < work.tile.row_count) {
            const LaneDelta own = lane_delta(delta[0], e);
            store_floats(&to[token][column], {{own.v[0], own.v[1], own.v[2], own.v[3]}});
            store_floats(&to[token][column + 4], {{own.v[4], own.v[5], own.v[6], own.v[7]}});
        }
    }
}

// The deltas of eight tokens, by all warps together.
SRV_DEVICE void expand_halves(const srv_linear_params& p, const FinishWork& work, int first_token, uint16_t* v, SiluDeltas& deltas) {
    float delta[1][1][4][4] = {};
    expand_pass(p.lora, work, first_token, v, delta);
    if (work.slice >= 0 && work.column < work.width) {
        store_deltas(work, first_token, delta[0], deltas);
    }

    ptx::barrier();
}

SRV_KERNEL_OF_MANY(srv_finish_silu_mul, srv_linear_params, 256, 4) {
    SiluDeltas(&deltas)[2] = *reinterpret_cast<SiluDeltas(*)[2]>(ptx::dynamic_shared());
    const int half = static_cast<int>(ptx::warp()) / 4;  // gate's warps, up's warps
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared() + sizeof(deltas)) + half * kSiluTokens * (p.lora.rank_stride + 8);
    const int thread = static_cast<int>(ptx::thread_index());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int width = p.columns / 2;
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        const bool gate = is_adapted(p, tile, 0);
        const bool up = is_adapted(p, tile, 1);
        const int tokens = gate || up ? kSiluTokens : tile.row_count;
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < ceil_div(width, kFinishColumns); unit += static_cast<int>(ptx::block_count_y())) {
            const int column = unit * kFinishColumns + thread % kSiluThreads * 4;
            for (int token = 0; token < tile.row_count; token += tokens) {
                const int end = column < width ? smaller(token + tokens, tile.row_count) : 0;
                GateUp first = {};
                if (token + thread / kSiluThreads < end) {
                    first = load_products(p, tile.first_row + token + thread / kSiluThreads, column);
                }

                if (gate || up) {
                    expand_halves(p, finish_work(p, tile, half, unit * kFinishColumns), token, v, deltas[half]);
                }

                activate_rows(p, tile, token, end, column, first, deltas, gate, up);
            }
        }
    }
}
