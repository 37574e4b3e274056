// product + bias + v B^T, then rounded, kept or added to the residual stream: any widths, offsets and ranks, without tensor cores.
//
// Memory: a block is a row and 512 columns; v = round(scale Σ planes) of the row stands in shared memory, a thread follows one column after another.
// Bytes per row and column: 4 read, 2 or 4 written (8 where accumulated), 2 ranks of B, read again for every row. Operations: 2 ranks per column.
// Order: one chain of fma from zero, ranks ascending; then (product + bias) + delta.
#pragma once
#include "../common/cells.cuh"
#include "finish_mode.cuh"

// v of all slices of a row.
SRV_DEVICE void load_shrunk(const srv_lora& lora, int slot, int row, float* v) {
    for (int slice = 0; slice < lora.slice_count; slice++) {
        const srv_lora_binding& binding = binding_of(lora, slot, slice);
        for (int rank = static_cast<int>(ptx::thread_index()); rank < binding.rank_blocks * SRV_CELL_RANKS; rank += static_cast<int>(ptx::block_size())) {
            v[slice * SRV_MAX_RANK + rank] = shrunk_value(lora, binding.scale, row, slice, rank);
        }
    }
}

// The delta of one column of a slice.
SRV_DEVICE float expand_column(const CellTable& cells, int rank_blocks, const float* v, int column) {
    const int c = column % SRV_CELL_COLUMNS;
    const int offset = c % 8 / 4 * (kCellElements / 2) + c / 8 * 32 + c % 4 * 2;
    float delta = 0;
    for (int block = 0; block < rank_blocks; block++) {
        const uint16_t* cell = cells.cell(block, column / SRV_CELL_COLUMNS) + offset;
        for (int pair = 0; pair < SRV_CELL_RANKS / 2; pair++) {
            const uint32_t weights = *reinterpret_cast<const uint32_t*>(cell + pair * 8);
            delta = ptx::fma(v[block * SRV_CELL_RANKS + 2 * pair], ptx::low_bf16(weights), delta);
            delta = ptx::fma(v[block * SRV_CELL_RANKS + 2 * pair + 1], ptx::high_bf16(weights), delta);
        }
    }

    return delta;
}

SRV_DEVICE float delta_of(const srv_lora& lora, int slot, const float* v, int column) {
    for (int slice = 0; slice < lora.slice_count; slice++) {
        const int within = column - slice_offset(lora, slice);
        if (within >= 0 && within < slice_width(lora, slice)) {
            const srv_lora_binding& binding = binding_of(lora, slot, slice);
            return expand_column(expand_cells(lora, binding, slice), binding.rank_blocks, v + slice * SRV_MAX_RANK, within);
        }
    }

    return 0;
}

SRV_KERNEL(srv_linear_finish_plain, srv_linear_params, 128) {
    constexpr int kColumns = 512;
    float* v = reinterpret_cast<float*>(ptx::dynamic_shared());
    const int chunks = ceil_div(p.columns, kColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int row = unit / chunks;
        const int first = unit % chunks * kColumns;
        const int slot = p.lora.slice_count > 0 ? at<const int>(p.row_slots)[row] : -1;
        if (slot >= 0) {
            load_shrunk(p.lora, slot, row, v);
            ptx::barrier();
        }

        for (int column = first + static_cast<int>(ptx::thread_index()); column < smaller(first + kColumns, p.columns); column += 128) {
            float value = product_of(p, row, column) + bias_of(p, column);
            if (slot >= 0) {
                value += delta_of(p.lora, slot, v, column);
            }

            finish_value(p, row, column, value);
        }

        if (slot >= 0) {
            ptx::barrier();
        }
    }
}
