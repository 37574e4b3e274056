// Where the cells of an adapter's matrix lie, and what a lane takes of them; params.h draws their order.
#pragma once
#include "memory.cuh"

constexpr int kCellElements = SRV_CELL_RANKS * SRV_CELL_COLUMNS;

// One matrix of a slice of an adapter.
struct CellTable {
    srv_address pages;
    const int* runs;
    int runs_per_block;
    int cells_per_page;

    SRV_DEVICE const uint16_t* cell(int block, int tile) const {
        const int run = runs[block * runs_per_block + tile / cells_per_page];
        return at<const uint16_t>(pages + (static_cast<srv_address>(run) + static_cast<srv_address>(tile % cells_per_page)) * SRV_CELL_BYTES);
    }
};

SRV_DEVICE const srv_lora_binding& binding_of(const srv_lora& lora, int slot, int slice) {
    return at<const srv_lora_binding>(lora.bindings)[static_cast<int64_t>(slot) * lora.model_slices + lora.first_slice + slice];
}

SRV_DEVICE CellTable cell_table(const srv_lora& lora, int first_run, int width) {
    const int tiles = ceil_div(width, SRV_CELL_COLUMNS);
    return {lora.pages, at<const int>(lora.runs) + first_run, ceil_div(tiles, lora.cells_per_page), lora.cells_per_page};
}

// A slice's output; parameters are indexed by constants only, so that they are not copied to memory first.
SRV_DEVICE int slice_width(const srv_lora& lora, int slice) {
    int width = 0;
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_SLICES; i++) {
        width = i == slice ? lora.output_width[i] : width;
    }

    return width;
}

SRV_DEVICE int slice_offset(const srv_lora& lora, int slice) {
    int offset = 0;
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_SLICES; i++) {
        offset = i == slice ? lora.output_offset[i] : offset;
    }

    return offset;
}

SRV_DEVICE CellTable shrink_cells(const srv_lora& lora, const srv_lora_binding& binding) { return cell_table(lora, binding.first_shrink_run, lora.input_width); }

SRV_DEVICE CellTable expand_cells(const srv_lora& lora, const srv_lora_binding& binding, int slice) {
    return cell_table(lora, binding.first_expand_run, slice_width(lora, slice));
}

// A row's partial sums of one slice in one plane.
SRV_DEVICE float* partial_row(const srv_lora& lora, int plane, int row, int slice) {
    return at<float>(lora.partials) + static_cast<int64_t>(plane) * static_cast<int64_t>(lora.plane_stride) + static_cast<int64_t>(row) * lora.row_stride +
           slice * lora.rank_stride;
}

SRV_DEVICE int plane_count(const srv_lora& lora) { return ceil_div(lora.input_width, SRV_SHRINK_CHUNK); }

// One element of v = round(scale x A^T): the planes in ascending order. Four are read at a time, so that their loads do not wait for each other; a sum that
// began with zero does not change when zero is added.
SRV_DEVICE float shrunk_value(const srv_lora& lora, float scale, int row, int slice, int rank) {
    const int planes = plane_count(lora);
    float sum = 0;
    for (int plane = 0; plane < planes; plane += 4) {
        float part[4];
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            part[i] = plane + i < planes ? partial_row(lora, plane + i, row, slice)[rank] : 0.0f;
        }

        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            sum += part[i];
        }
    }

    return ptx::from_bf16(ptx::to_bf16(sum * scale));
}

// Eight inputs of a row from column on, zeros behind its width, which memory need not hold.
SRV_DEVICE ptx::Vec4 load_inputs(const uint16_t* x, int column, int width) {
    if (column + 8 <= width) {
        return ptx::load_16(x + column);
    }

    uint32_t pairs[4];
    for (int i = 0; i < 4; i++) {
        const uint32_t low = column + 2 * i < width ? x[column + 2 * i] : 0u;
        const uint32_t high = column + 2 * i + 1 < width ? x[column + 2 * i + 1] : 0u;
        pairs[i] = low | high << 16;
    }

    return {pairs[0], pairs[1], pairs[2], pairs[3]};
}
