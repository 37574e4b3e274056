// v Bᵀ of a tile of rows on tensor cores: what every kernel that ends a Linear shares.
#pragma once
#include "../common/cells.cuh"
#include "finish_mode.cuh"

constexpr int kFinishColumns = 256;

// What a warp does: columns of a slice (of all columns, where the Linear has no slices).
struct FinishWork {
    srv_row_tile tile;
    int slice;         // -1: no adapter, or one that leaves this slice alone
    int rank_blocks;
    int column;        // first column of the warp within the slice
    int offset;        // of the slice
    int width;         // of the slice
};

// A warp's part of 256 columns of a slice, or so many, from column on; every four warps share them.
SRV_DEVICE FinishWork finish_work(const srv_linear_params& p, const srv_row_tile& tile, int slice, int column, int columns = kFinishColumns) {
    const srv_lora& lora = p.lora;
    const int blocks = tile.slot >= 0 && lora.slice_count > 0 ? binding_of(lora, tile.slot, slice).rank_blocks : 0;
    column += static_cast<int>(ptx::warp()) % 4 * (columns / 4);
    return {tile, blocks > 0 ? slice : -1, blocks, column, lora.slice_count > 0 ? slice_offset(lora, slice) : 0,
        lora.slice_count > 0 ? slice_width(lora, slice) : p.columns};
}

// The unit-th 256 columns, or so many, slice after slice.
SRV_DEVICE FinishWork read_finish_work(const srv_linear_params& p, const srv_row_tile& tile, int unit, int columns = kFinishColumns) {
    int slice = 0;
    int width = p.lora.slice_count > 0 ? slice_width(p.lora, 0) : p.columns;
    while (unit >= ceil_div(width, columns)) {
        unit -= ceil_div(width, columns);
        width = slice_width(p.lora, ++slice);
    }

    return finish_work(p, tile, slice, unit * columns, columns);
}

SRV_DEVICE int finish_units(const srv_linear_params& p, int columns = kFinishColumns) {
    int units = p.lora.slice_count > 0 ? 0 : ceil_div(p.columns, columns);
    for (int slice = 0; slice < p.lora.slice_count; slice++) {
        units += ceil_div(slice_width(p.lora, slice), columns);
    }

    return units;
}

// v of up to `tokens` of a tile's rows from first_token on; the stride from row to row is ranks + 8. An odd last block has no partner: its other ranks are never
// read.
SRV_DEVICE void load_values(const srv_lora& lora, const FinishWork& work, int first_token, int tokens, uint16_t* v) {
    const int ranks = work.rank_blocks * SRV_CELL_RANKS;
    const float scale = binding_of(lora, work.tile.slot, work.slice).scale;
    const int count = smaller(tokens, work.tile.row_count - first_token) * ranks;
    for (int i = static_cast<int>(ptx::thread_index()) % 128; i < count; i += 128) {
        const float value = shrunk_value(lora, scale, work.tile.first_row + first_token + i / ranks, work.slice, i % ranks);
        v[i / ranks * (ranks + 8) + i % ranks] = ptx::to_bf16(value);
    }
}

// A lane's ranks 2 t, 2 t + 1 of a block for token g of a group of eight of those in v, of which `count` exist; zeros behind them.
SRV_DEVICE uint32_t value_pair(const FinishWork& work, const uint16_t* v, int token, int count, int block) {
    const int ranks = work.rank_blocks * SRV_CELL_RANKS;
    const int lane = static_cast<int>(ptx::lane());
    token += lane / 4;
    return token < count ? *reinterpret_cast<const uint32_t*>(v + token * (ranks + 8) + block * SRV_CELL_RANKS + lane % 4 * 2) : 0u;
}

// The four m16 tiles of a lane's cell: rows g and g + 8 of tile j are columns 8 g + 2 j and 8 g + 2 j + 1.
struct CellTiles {
    uint32_t row[4][2];
};

SRV_DEVICE CellTiles load_cell(const uint16_t* cell) {
    cell += ptx::lane() * 8;
    const ptx::Vec4 first = ptx::load_16_streaming(cell);
    const ptx::Vec4 second = ptx::load_16_streaming(cell + kCellElements / 2);
    return {{{first.x, first.y}, {first.z, first.w}, {second.x, second.y}, {second.z, second.w}}};
}

// A warp's cells of two rank blocks and 64 columns, the second one idle where there is none.
struct CellPair {
    CellTiles low, high;
};

// Where they lie is asked for all first, so that the list of runs is waited for once. A tile behind the last is the last again.
template <int Blocks, int Tiles>
SRV_DEVICE void load_blocks(const CellTable& table, int block, int first, int last, CellPair (&cells)[Tiles]) {
    const uint16_t* places[Tiles][Blocks];
    SRV_UNROLL
    for (int tile = 0; tile < Tiles; tile++) {
        SRV_UNROLL
        for (int i = 0; i < Blocks; i++) {
            places[tile][i] = table.cell(block + i, smaller(first + tile, last));
        }
    }

    SRV_UNROLL
    for (int tile = 0; tile < Tiles; tile++) {
        cells[tile].low = load_cell(places[tile][0]);
        if (Blocks > 1) {
            cells[tile].high = load_cell(places[tile][Blocks - 1]);
        }
    }
}

// Of `Tiles` times 64 columns side by side, the first of which exist.
template <int Tiles>
SRV_DEVICE void load_cells(const srv_lora& lora, const FinishWork& work, int block, CellPair (&cells)[Tiles]) {
    const CellTable table = expand_cells(lora, binding_of(lora, work.tile.slot, work.slice), work.slice);
    const int first = work.column / SRV_CELL_COLUMNS;
    const int last = (work.width - 1) / SRV_CELL_COLUMNS;
    if (block + 1 < work.rank_blocks) {
        load_blocks<2>(table, block, first, last, cells);
    } else {
        load_blocks<1>(table, block, first, last, cells);
    }
}

// delta += two rank blocks of B vᵀ of up to `Groups` times eight tokens, `count` in all, for 64 columns.
template <int Groups>
SRV_DEVICE void multiply_cells(const FinishWork& work, const CellPair& cells, const uint16_t* v, int block, int count, float (&delta)[Groups][4][4]) {
    const bool whole = block + 2 <= work.rank_blocks;
    SRV_UNROLL
    for (int n = 0; n < Groups; n++) {
        if (n * 8 >= count) {
            continue;
        }

        const uint32_t first = value_pair(work, v, n * 8, count, block);
        const uint32_t second = whole ? value_pair(work, v, n * 8, count, block + 1) : 0u;
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            if (whole) {
                ptx::mma_m16n8k16(delta[n][j], {cells.low.row[j][0], cells.low.row[j][1], cells.high.row[j][0], cells.high.row[j][1]}, {first, second});
            } else {
                ptx::mma_m16n8k8(delta[n][j], cells.low.row[j], first);
            }
        }
    }
}

// The deltas of a pass over up to `Groups` times eight tokens from first_token on, `Tiles` times 64 columns a warp: v of the tokens to shared memory, then B vᵀ; the
// first cells are asked for before v is, so that both come at once. All threads come here together; whoever writes v next has to meet them first. A warp without a
// slice, or behind its columns, only comes to the barrier.
template <int Tiles, int Groups>
SRV_DEVICE void expand_pass(const srv_lora& lora, const FinishWork& work, int first_token, uint16_t* v, float (&delta)[Tiles][Groups][4][4]) {
    const bool has_columns = work.slice >= 0 && work.column < work.width;
    CellPair cells[Tiles] = {};
    if (has_columns) {
        load_cells(lora, work, 0, cells);
    }

    if (work.slice >= 0) {
        load_values(lora, work, first_token, Groups * 8, v);
    }

    ptx::barrier();
    for (int block = 0; has_columns && block < work.rank_blocks; block += 2) {
        SRV_UNROLL
        for (int tile = 0; tile < Tiles; tile++) {
            multiply_cells(work, cells[tile], v, block, work.tile.row_count - first_token, delta[tile]);
        }

        if (block + 2 < work.rank_blocks) {
            load_cells(lora, work, block + 2, cells);
        }
    }
}

// A lane's eight neighbouring columns of token 2 t + e of a group.
struct LaneDelta {
    float v[8];
};

SRV_DEVICE LaneDelta lane_delta(const float (&delta)[4][4], int e) {
    return {{delta[0][e], delta[0][2 + e], delta[1][e], delta[1][2 + e], delta[2][e], delta[2][2 + e], delta[3][e], delta[3][2 + e]}};
}

// product + bias + delta of a lane's columns part .. part + 3 of the eight from column on, which starts 16-byte aligned.
SRV_DEVICE Float4 finished_four(const srv_linear_params& p, int row, int column, int part, const LaneDelta& delta, bool adapted) {
    Float4 value = product_four(p, row, column + part);
    const Float4 bias = p.bias == 0 ? Float4{{0, 0, 0, 0}} : load_widened(at<const uint16_t>(p.bias) + column + part);
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        value.v[i] += bias.v[i];
        value.v[i] = adapted ? value.v[i] + delta.v[part + i] : value.v[i];
    }

    return value;
}

// The same of one column, whatever its alignment.
SRV_DEVICE float finished_one(const srv_linear_params& p, int row, int column, float delta, bool adapted) {
    const float value = product_of(p, row, column) + bias_of(p, column);
    return adapted ? value + delta : value;
}
