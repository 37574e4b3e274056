// product + bias + v B^T, then rounded, kept or added to the residual stream, on tensor cores.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of a slice, 64 per warp: one cell per rank block, 32 bytes per lane straight into
// registers. v = round(scale Σ planes) of the tile stands in shared memory, padded so that the lanes of a load fall into different banks.
// Bytes per unit: 512 ranks of cells once per tile, 4 planes ranks of partial sums per row, 4 read and 2 or 4 written per row and column.
// Operations: 2 ranks per row and column.
// Product: the columns are the rows of m16n8k16, eight tokens its columns; a lane ends with eight neighbouring columns of two tokens.
// Order: ranks ascending from zero, 16 at a time; then (product + bias) + delta. A row's bits do not depend on the other rows of its tile.
#pragma once
#include "../common/cells.cuh"
#include "finish_mode.cuh"

constexpr int kFinishColumns = 256;
constexpr int kFinishTokens = 32;  // of one pass over the cells
constexpr int kFinishGroups = kFinishTokens / 8;

// What a warp does: columns of a slice (of all columns, where the Linear has no slices).
struct FinishWork {
    srv_row_tile tile;
    int slice;         // -1: no adapter, or one that leaves this slice alone
    int rank_blocks;
    int column;        // first column of the warp within the slice
    int offset;        // of the slice
    int width;         // of the slice
};

SRV_DEVICE FinishWork read_finish_work(const srv_linear_params& p, const srv_row_tile& tile, int unit) {
    const srv_lora& lora = p.lora;
    int slice = 0;
    int width = lora.slice_count > 0 ? lora.output_width[0] : p.columns;
    for (; unit >= ceil_div(width, kFinishColumns); slice++) {
        unit -= ceil_div(width, kFinishColumns);
        width = lora.output_width[slice + 1];
    }

    const int blocks = tile.slot >= 0 && lora.slice_count > 0 ? binding_of(lora, tile.slot, slice).rank_blocks : 0;
    const int column = unit * kFinishColumns + static_cast<int>(ptx::warp()) * SRV_CELL_COLUMNS;
    return {tile, blocks > 0 ? slice : -1, blocks, column, lora.slice_count > 0 ? lora.output_offset[slice] : 0, width};
}

SRV_DEVICE int finish_units(const srv_linear_params& p) {
    int units = p.lora.slice_count > 0 ? 0 : ceil_div(p.columns, kFinishColumns);
    for (int slice = 0; slice < p.lora.slice_count; slice++) {
        units += ceil_div(p.lora.output_width[slice], kFinishColumns);
    }

    return units;
}

// v of a tile; the stride from row to row is ranks + 8. An odd last block has no partner: its other ranks are never read.
SRV_DEVICE void load_tile_values(const srv_lora& lora, const FinishWork& work, uint16_t* v) {
    const int ranks = work.rank_blocks * SRV_CELL_RANKS;
    const float scale = binding_of(lora, work.tile.slot, work.slice).scale;
    for (int i = static_cast<int>(ptx::thread_index()); i < work.tile.row_count * ranks; i += 128) {
        const float value = shrunk_value(lora, scale, work.tile.first_row + i / ranks, work.slice, i % ranks);
        v[i / ranks * (ranks + 8) + i % ranks] = ptx::to_bf16(value);
    }
}

// A lane's ranks 2 t, 2 t + 1 of a block for token g of a group; zeros behind the tile's last row.
SRV_DEVICE uint32_t value_pair(const FinishWork& work, const uint16_t* v, int token, int block) {
    const int ranks = work.rank_blocks * SRV_CELL_RANKS;
    const int lane = static_cast<int>(ptx::lane());
    token += lane / 4;
    return token < work.tile.row_count ? *reinterpret_cast<const uint32_t*>(v + token * (ranks + 8) + block * SRV_CELL_RANKS + lane % 4 * 2) : 0u;
}

// The four m16 tiles of a lane's cell: rows g and g + 8 of tile j are columns 8 g + 2 j and 8 g + 2 j + 1.
struct CellTiles {
    uint32_t row[4][2];
};

SRV_DEVICE CellTiles load_cell(const CellTable& cells, int block, int tile) {
    const uint16_t* cell = cells.cell(block, tile) + ptx::lane() * 8;
    const ptx::Vec4 first = ptx::load_16_streaming(cell);
    const ptx::Vec4 second = ptx::load_16_streaming(cell + kCellElements / 2);
    return {{{first.x, first.y}, {first.z, first.w}, {second.x, second.y}, {second.z, second.w}}};
}

// delta += B vᵀ of up to 32 tokens for a warp's 64 columns.
SRV_DEVICE void expand_tile(const srv_lora& lora, const FinishWork& work, const uint16_t* v, int first_token, float (&delta)[kFinishGroups][4][4]) {
    const CellTable cells = expand_cells(lora, binding_of(lora, work.tile.slot, work.slice), work.slice);
    const int tile = work.column / SRV_CELL_COLUMNS;
    int block = 0;
    for (; block + 2 <= work.rank_blocks; block += 2) {
        const CellTiles low = load_cell(cells, block, tile);
        const CellTiles high = load_cell(cells, block + 1, tile);
        SRV_UNROLL
        for (int n = 0; n < kFinishGroups; n++) {
            const uint32_t b[2] = {value_pair(work, v, first_token + n * 8, block), value_pair(work, v, first_token + n * 8, block + 1)};
            SRV_UNROLL
            for (int j = 0; j < 4; j++) {
                if (first_token + n * 8 < work.tile.row_count) {
                    ptx::mma_m16n8k16(delta[n][j], {low.row[j][0], low.row[j][1], high.row[j][0], high.row[j][1]}, b);
                }
            }
        }
    }

    if (block < work.rank_blocks) {
        const CellTiles last = load_cell(cells, block, tile);
        SRV_UNROLL
        for (int n = 0; n < kFinishGroups; n++) {
            const uint32_t b = value_pair(work, v, first_token + n * 8, block);
            SRV_UNROLL
            for (int j = 0; j < 4; j++) {
                if (first_token + n * 8 < work.tile.row_count) {
                    ptx::mma_m16n8k8(delta[n][j], last.row[j], b);
                }
            }
        }
    }
}

// A lane's eight columns of one token, one by one: where a slice ends, or its offset is no multiple of eight.
SRV_DEVICE void finish_columns(const srv_linear_params& p, int row, int column, const float (&delta)[8], int count, bool adapted) {
    const float* product = row_of<const float>(p.product, row, p.product_stride);
    SRV_UNROLL
    for (int i = 0; i < 8; i++) {
        if (i < count) {
            const float value = product[column + i] + bias_of(p, column + i);
            finish_value(p, row, column + i, adapted ? value + delta[i] : value);
        }
    }
}

// The same, 16 bytes at a time.
SRV_DEVICE void finish_eight(const srv_linear_params& p, int row, int column, const float (&delta)[8], bool adapted) {
    const float* product = row_of<const float>(p.product, row, p.product_stride) + column;
    SRV_UNROLL
    for (int part = 0; part < 8; part += 4) {
        Float4 value = load_floats(product + part);
        const Float4 bias = p.bias == 0 ? Float4{{0, 0, 0, 0}} : load_widened(at<const uint16_t>(p.bias) + column + part);
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            value.v[i] += bias.v[i];
            value.v[i] = adapted ? value.v[i] + delta[part + i] : value.v[i];
        }

        if (p.mode == SRV_LINEAR_ROUND) {
            store_rounded(row_of<uint16_t>(p.output, row, p.output_stride) + column + part, value);
            continue;
        }

        float* to = row_of<float>(p.output, row, p.output_stride) + column + part;
        const Float4 before = p.mode == SRV_LINEAR_ACCUMULATE ? load_floats(to) : Float4{{0, 0, 0, 0}};
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            value.v[i] = p.mode == SRV_LINEAR_ACCUMULATE ? before.v[i] + value.v[i] : value.v[i];
        }

        store_floats(to, value);
    }
}

SRV_DEVICE void finish_tokens(const srv_linear_params& p, const FinishWork& work, int first_token, const float (&delta)[kFinishGroups][4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int within = work.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kFinishGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = first_token + n * 8 + lane % 4 * 2 + e;
            if (token >= work.tile.row_count || within >= work.width) {
                continue;
            }

            const float own[8] = {delta[n][0][e], delta[n][0][2 + e], delta[n][1][e], delta[n][1][2 + e],
                delta[n][2][e], delta[n][2][2 + e], delta[n][3][e], delta[n][3][2 + e]};
            const int row = work.tile.first_row + token;
            if (within + 8 <= work.width && (work.offset & 7) == 0) {
                finish_eight(p, row, work.offset + within, own, work.slice >= 0);
            } else {
                finish_columns(p, row, work.offset + within, own, smaller(8, work.width - within), work.slice >= 0);
            }
        }
    }
}

SRV_KERNEL(srv_linear_finish, srv_linear_params, 128) {
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int units = finish_units(p);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(p, tile, unit);
            if (work.slice >= 0) {
                load_tile_values(p.lora, work, v);
                ptx::barrier();
            }

            for (int token = 0; token < tile.row_count && work.column < work.width; token += kFinishTokens) {
                float delta[kFinishGroups][4][4] = {};
                if (work.slice >= 0) {
                    expand_tile(p.lora, work, v, token, delta);
                }

                finish_tokens(p, work, token, delta);
            }

            if (work.slice >= 0) {
                ptx::barrier();
            }
        }
    }
}
