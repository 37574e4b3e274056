// The end of a fused gate_up and SiLU·mul in one: round(silu(round(gate)) * round(up)), gate and up being product + bias + delta. The bits of
// srv_linear_finish and srv_silu_mul after each other, without what one writes and the other reads.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of the output, 64 per warp, of both halves of the product; v of both slices
// stands in shared memory, eight rows at a time. Tiles without a delta are read line by line.
// Bytes per row and column: 8 read, 2 written; 4 ranks of cells per pass of eight rows. Operations: 4 ranks per row and column, about 20 for the activation.
#pragma once
#include "../silu_mul/silu.cuh"
#include "expand.cuh"

constexpr int kSiluTokens = 8;  // of one pass: cells and deltas of gate and up are in registers together
constexpr int kSiluGroups = kSiluTokens / 8;

// silu(gate) * up of values that are rounded as they would be in memory.
SRV_DEVICE float activated(float gate, float up) { return silu(ptx::from_bf16(ptx::to_bf16(gate))) * ptx::from_bf16(ptx::to_bf16(up)); }

// A lane's eight columns of one row; deltas of gate and of up.
SRV_DEVICE void activate_eight(const srv_linear_params& p, int row, int column, const LaneDelta& g, bool gate_adapted, const LaneDelta& u, bool up_adapted) {
    const int width = p.columns / 2;
    uint16_t* y = row_of<uint16_t>(p.output, row, p.output_stride) + column;
    if (column + 8 <= width && (width & 7) == 0) {
        SRV_UNROLL
        for (int part = 0; part < 8; part += 4) {
            const Float4 gate = finished_four(p, row, column, part, g, gate_adapted);
            const Float4 up = finished_four(p, row, width + column, part, u, up_adapted);
            store_rounded(y + part, {{activated(gate.v[0], up.v[0]), activated(gate.v[1], up.v[1]), activated(gate.v[2], up.v[2]), activated(gate.v[3], up.v[3])}});
        }

        return;
    }

    SRV_UNROLL
    for (int i = 0; i < 8; i++) {
        if (column + i < width) {
            const float gate = finished_one(p, row, column + i, g.v[i], gate_adapted);
            y[i] = ptx::to_bf16(activated(gate, finished_one(p, row, width + column + i, u.v[i], up_adapted)));
        }
    }
}

// A tile without deltas: nothing has to lie as products of cells leave it, so that neighbouring threads take neighbouring columns, whole lines of memory. A thread
// asks for all it reads of eight rows of the tile, every second one, before it uses any.
SRV_DEVICE void activate_tile(const srv_linear_params& p, const srv_row_tile& tile, int first_column) {
    constexpr int kRows = 4;
    const int width = p.columns / 2;
    const int thread = static_cast<int>(ptx::thread_index());
    const int column = first_column + thread % 64 * 4;
    if (column >= width) {
        return;
    }

    for (int first = thread / 64; first < tile.row_count; first += 2 * kRows) {
        Float4 gate[kRows], up[kRows];
        SRV_UNROLL
        for (int i = 0; i < kRows; i++) {
            if (first + 2 * i < tile.row_count) {
                gate[i] = finished_four(p, tile.first_row + first + 2 * i, column, 0, {}, false);
                up[i] = finished_four(p, tile.first_row + first + 2 * i, width + column, 0, {}, false);
            }
        }

        SRV_UNROLL
        for (int i = 0; i < kRows; i++) {
            if (first + 2 * i < tile.row_count) {
                store_rounded(row_of<uint16_t>(p.output, tile.first_row + first + 2 * i, p.output_stride) + column,
                    {{activated(gate[i].v[0], up[i].v[0]), activated(gate[i].v[1], up[i].v[1]), activated(gate[i].v[2], up[i].v[2]), activated(gate[i].v[3], up[i].v[3])}});
            }
        }
    }
}

SRV_DEVICE void write_activations(const srv_linear_params& p, const FinishWork& gate, const FinishWork& up, int first_token,
    const float (&gate_delta)[kSiluGroups][4][4], const float (&up_delta)[kSiluGroups][4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int column = gate.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kSiluGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = first_token + n * 8 + lane % 4 * 2 + e;
            if (token < gate.tile.row_count && column < p.columns / 2) {
                const int row = gate.tile.first_row + token;
                activate_eight(p, row, column, lane_delta(gate_delta[n], e), gate.slice >= 0, lane_delta(up_delta[n], e), up.slice >= 0);
            }
        }
    }
}

SRV_KERNEL(srv_finish_silu_mul, srv_linear_params, 128) {
    uint16_t* gate_v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    uint16_t* up_v = gate_v + kSiluTokens * (p.lora.rank_stride + 8);
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int width = p.columns / 2;
    ptx::await_producers();
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < ceil_div(width, kFinishColumns); unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork gate = finish_work(p, tile, 0, unit * kFinishColumns);
            const FinishWork up = finish_work(p, tile, 1, unit * kFinishColumns);
            if (gate.slice < 0 && up.slice < 0 && (width & 7) == 0) {
                activate_tile(p, tile, unit * kFinishColumns);
                continue;
            }

            for (int token = 0; token < tile.row_count; token += kSiluTokens) {
                const CellPair gate_cells = first_cells(p.lora, gate);
                const CellPair up_cells = first_cells(p.lora, up);
                if (gate.slice >= 0) {
                    load_values(p.lora, gate, token, kSiluTokens, gate_v);
                }

                if (up.slice >= 0) {
                    load_values(p.lora, up, token, kSiluTokens, up_v);
                }

                ptx::barrier();
                float gate_delta[kSiluGroups][4][4] = {};
                float up_delta[kSiluGroups][4][4] = {};
                if (gate.slice >= 0 && gate.column < width) {
                    expand_tile(p.lora, gate, gate_cells, gate_v, token, gate_delta);
                }

                if (up.slice >= 0 && up.column < width) {
                    expand_tile(p.lora, up, up_cells, up_v, token, up_delta);
                }

                write_activations(p, gate, up, token, gate_delta, up_delta);
                ptx::barrier();
            }
        }
    }
}
