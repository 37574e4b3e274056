// x A^T of all rows with an adapter, as fp32 partial planes of 1,024 input columns: any mix of adapters and ranks in one launch, on tensor cores.
//
// Memory: persistent blocks walk a work list; an item is two rank blocks over 1,024 columns, 32 KiB of cells. Each of four warps owns 256 of the columns and
// copies its 8 KiB by cp.async into a ring of three that only it reads, so that the next two items are on their way while it computes: up to 96 KiB in flight per
// block. Cells are read once per tile of up to 64 rows, as whole lines; inputs come from L2.
// Bytes per item: 32 KiB of cells, 2 KiB of inputs per row, 64 per row written. Operations: 32 Ki per row.
// Product: the 16 ranks are the rows of m16n8k16, eight tokens its columns, so that a decode row wastes nothing on the side that is read from memory.
// Order: a warp's columns ascending, 16 at a time; then the four warps, ascending. A row's bits do not depend on the other rows of its tile.
#pragma once
#include "../common/cells.cuh"

constexpr int kShrinkStages = 3;
constexpr int kWarpColumns = SRV_SHRINK_CHUNK / 4;
constexpr int kWarpCells = kWarpColumns / SRV_CELL_COLUMNS;
constexpr int kSumStride = 20;  // floats from token to token: a warp's stores of 16 ranks fall into different banks

struct ShrinkShared {
    uint16_t cells[4][kShrinkStages][kWarpCells][2][kCellElements];
    float sums[4][8 * kSumStride];
};

// What a warp does of an item.
struct ShrinkWork {
    srv_row_tile tile;
    int slice, rank_pair, chunk;
    int blocks;  // rank blocks that exist: 1 or 2
    int cells;   // cells of this warp's columns that exist
};

SRV_DEVICE int first_warp_column(int chunk) { return chunk * SRV_SHRINK_CHUNK + static_cast<int>(ptx::warp()) * kWarpColumns; }

SRV_DEVICE ShrinkWork read_work(const srv_shrink_params& p, int index) {
    const srv_shrink_item item = at<const srv_shrink_item>(p.items)[index];
    const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[item.tile];
    const int blocks = binding_of(p.lora, tile.slot, item.slice).rank_blocks - 2 * item.rank_pair;
    const int cells = ceil_div(p.lora.input_width - first_warp_column(item.chunk), SRV_CELL_COLUMNS);
    return {tile, item.slice, item.rank_pair, item.chunk, smaller(blocks, 2), smaller(larger(cells, 0), kWarpCells)};
}

// Starts the copies of a warp's cells of an item, 32 bytes per lane and cell. Cells that do not exist are zeros. A lane copies what it will read itself, so that
// no lane waits for another.
SRV_DEVICE void copy_cells(const srv_shrink_params& p, const ShrinkWork& work, uint16_t (&to)[kWarpCells][2][kCellElements]) {
    const CellTable table = shrink_cells(p.lora, binding_of(p.lora, work.tile.slot, work.slice));
    const int first_tile = first_warp_column(work.chunk) / SRV_CELL_COLUMNS;
    const int lane = static_cast<int>(ptx::lane());
    for (int i = 0; i < work.cells; i++) {
        for (int block = 0; block < 2; block++) {
            const bool exists = block < work.blocks;
            const uint16_t* cell = table.cell(2 * work.rank_pair + (exists ? block : 0), first_tile + i);
            for (int half = 0; half < 2; half++) {
                ptx::cp_async_16(&to[i][block][half * (kCellElements / 2) + lane * 8], cell + half * (kCellElements / 2) + lane * 8, exists ? 16 : 0);
            }
        }
    }
}

// sums += A xᵀ of eight tokens over a warp's columns.
SRV_DEVICE void multiply_cells(const srv_shrink_params& p, const ShrinkWork& work, const uint16_t (&cells)[kWarpCells][2][kCellElements], int first_token,
    float (&sums)[4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int token = first_token + lane / 4;
    const uint16_t* x = row_of<const uint16_t>(p.input, work.tile.first_row + (token < work.tile.row_count ? token : 0), p.input_stride);
    const int width = token < work.tile.row_count ? p.lora.input_width : 0;
    for (int half = 0; half < work.cells * 2; half++) {
        const int column = first_warp_column(work.chunk) + half * 32 + lane % 4 * 8;
        const ptx::Vec4 inputs = column < width ? load_inputs(x, column, width) : ptx::Vec4{0, 0, 0, 0};
        const ptx::Vec4 low = ptx::load_16(&cells[half / 2][0][half % 2 * (kCellElements / 2) + lane * 8]);
        const ptx::Vec4 high = ptx::load_16(&cells[half / 2][1][half % 2 * (kCellElements / 2) + lane * 8]);
        ptx::mma_m16n8k16(sums, {low.x, high.x, low.y, high.y}, {inputs.x, inputs.y});
        ptx::mma_m16n8k16(sums, {low.z, high.z, low.w, high.w}, {inputs.z, inputs.w});
    }
}

// The four warps' sums of eight tokens, added up and written.
SRV_DEVICE void write_sums(const srv_shrink_params& p, const ShrinkWork& work, int first_token, const float (&sums)[4], float (&shared)[4][8 * kSumStride]) {
    const int lane = static_cast<int>(ptx::lane());
    for (int i = 0; i < 4; i++) {
        shared[ptx::warp()][(lane % 4 * 2 + i % 2) * kSumStride + lane / 4 + i / 2 * 8] = sums[i];
    }

    ptx::barrier();
    const int token = static_cast<int>(ptx::thread_index()) / 16;
    const int rank = static_cast<int>(ptx::thread_index()) % 16;
    const int at_token = token * kSumStride + rank;
    if (first_token + token < work.tile.row_count && rank < work.blocks * SRV_CELL_RANKS) {
        const float sum = shared[0][at_token] + shared[1][at_token] + shared[2][at_token] + shared[3][at_token];
        partial_row(p.lora, work.chunk, work.tile.first_row + first_token + token, work.slice)[work.rank_pair * 16 + rank] = sum;
    }

    ptx::barrier();
}

SRV_KERNEL(srv_lora_shrink, srv_shrink_params, 128) {
    static_assert(sizeof(ShrinkShared) <= SRV_SHRINK_SHARED, "the host is told how much shared memory this takes");
    ShrinkShared& shared = *reinterpret_cast<ShrinkShared*>(ptx::dynamic_shared());
    auto& ring = shared.cells[ptx::warp()];
    const srv_range range = *at<const srv_range>(p.item_range);
    const int blocks = static_cast<int>(ptx::block_count());
    const int begin = static_cast<int>(ptx::block_index());
    for (int stage = 0; stage < kShrinkStages - 1; stage++) {
        if (begin + stage * blocks < range.count) {
            copy_cells(p, read_work(p, range.first + begin + stage * blocks), ring[stage]);
        }

        ptx::cp_async_commit();
    }

    int turn = 0;
    for (int i = begin; i < range.count; i += blocks, turn++) {
        const int next = i + (kShrinkStages - 1) * blocks;
        if (next < range.count) {
            copy_cells(p, read_work(p, range.first + next), ring[(turn + kShrinkStages - 1) % kShrinkStages]);
        }

        ptx::cp_async_commit();
        ptx::cp_async_wait<kShrinkStages - 1>();
        const ShrinkWork work = read_work(p, range.first + i);
        for (int token = 0; token < work.tile.row_count; token += 8) {
            float sums[4] = {};
            multiply_cells(p, work, ring[turn % kShrinkStages], token, sums);
            write_sums(p, work, token, sums, shared.sums);
        }
    }

    ptx::cp_async_wait<0>();
}
