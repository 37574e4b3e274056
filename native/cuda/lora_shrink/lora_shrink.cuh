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

// What a warp does of an item. One without rows is none.
struct ShrinkWork {
    int first_row, row_count, slice, rank_pair, chunk;
    int blocks;  // rank blocks that exist: 1 or 2
    int cells;   // cells of this warp's columns that exist
    CellTable table;
};

SRV_DEVICE int first_warp_column(int chunk) { return chunk * SRV_SHRINK_CHUNK + static_cast<int>(ptx::warp()) * kWarpColumns; }

SRV_DEVICE srv_shrink_item read_item(const srv_shrink_params& p, const srv_range& range, int index) {
    return index < range.count ? at<const srv_shrink_item>(p.items)[range.first + index] : srv_shrink_item{};
}

SRV_DEVICE ShrinkWork read_work(const srv_shrink_params& p, const srv_shrink_item& item) {
    ShrinkWork work = {item.first_row, item.row_count, item.slice, item.rank_pair, item.chunk, 0, 0, {}};
    if (work.row_count > 0) {
        const srv_lora_binding& binding = binding_of(p.lora, item.slot, item.slice);
        const int blocks = binding.rank_blocks - 2 * work.rank_pair;
        const int cells = ceil_div(p.lora.input_width - first_warp_column(work.chunk), SRV_CELL_COLUMNS);
        work.blocks = smaller(blocks, 2);
        work.cells = smaller(larger(cells, 0), kWarpCells);
        work.table = shrink_cells(p.lora, binding);
    }

    return work;
}

// Starts the copies of a warp's cells of an item, 32 bytes per lane and cell. Cells that do not exist are zeros. A lane copies what it will read itself, so that
// no lane waits for another.
SRV_DEVICE void copy_cells(const ShrinkWork& work, uint16_t (&to)[kWarpCells][2][kCellElements]) {
    const int first_tile = first_warp_column(work.chunk) / SRV_CELL_COLUMNS;
    const int lane = static_cast<int>(ptx::lane());
    SRV_UNROLL
    for (int i = 0; i < kWarpCells; i++) {
        SRV_UNROLL
        for (int block = 0; block < 2; block++) {
            if (i >= work.cells) {
                continue;
            }

            const bool exists = block < work.blocks;
            const uint16_t* cell = work.table.cell(2 * work.rank_pair + (exists ? block : 0), first_tile + i);
            SRV_UNROLL
            for (int half = 0; half < 2; half++) {
                ptx::cp_async_16(&to[i][block][half * (kCellElements / 2) + lane * 8], cell + half * (kCellElements / 2) + lane * 8, exists ? 16 : 0);
            }
        }
    }
}

// A lane's inputs of a warp's columns, eight at a time, of eight tokens: all asked for at once.
SRV_DEVICE void load_warp_inputs(const srv_shrink_params& p, const ShrinkWork& work, int first_token, ptx::Vec4 (&inputs)[2 * kWarpCells]) {
    const int lane = static_cast<int>(ptx::lane());
    const int token = first_token + lane / 4;
    const uint16_t* x = row_of<const uint16_t>(p.input, work.first_row + (token < work.row_count ? token : 0), p.input_stride);
    const int width = token < work.row_count ? p.lora.input_width : 0;
    SRV_UNROLL
    for (int half = 0; half < 2 * kWarpCells; half++) {
        const int column = first_warp_column(work.chunk) + half * 32 + lane % 4 * 8;
        inputs[half] = column < width ? load_inputs(x, column, width) : ptx::Vec4{0, 0, 0, 0};
    }
}

// sums += A xᵀ of eight tokens over a warp's columns.
SRV_DEVICE void multiply_cells(const ShrinkWork& work, const uint16_t (&cells)[kWarpCells][2][kCellElements], const ptx::Vec4 (&all)[2 * kWarpCells], float (&sums)[4]) {
    const int lane = static_cast<int>(ptx::lane());
    SRV_UNROLL
    for (int half = 0; half < 2 * kWarpCells; half++) {
        if (half >= work.cells * 2) {
            continue;
        }

        const ptx::Vec4 inputs = all[half];
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
    if (first_token + token < work.row_count && rank < work.blocks * SRV_CELL_RANKS) {
        const float sum = shared[0][at_token] + shared[1][at_token] + shared[2][at_token] + shared[3][at_token];
        partial_row(p.lora, work.chunk, work.first_row + first_token + token, work.slice)[work.rank_pair * 16 + rank] = sum;
    }

    ptx::barrier();
}

// Items of a block, from the one that is computed on: cells of the next two are on their way, the one after them is read while they are.
SRV_KERNEL(srv_lora_shrink, srv_shrink_params, 128) {
    static_assert(sizeof(ShrinkShared) <= SRV_SHRINK_SHARED, "the host is told how much shared memory this takes");
    static_assert(kShrinkStages == 3, "two items ahead have names of their own");
    ShrinkShared& shared = *reinterpret_cast<ShrinkShared*>(ptx::dynamic_shared());
    auto& ring = shared.cells[ptx::warp()];
    const srv_range range = *at<const srv_range>(p.item_range);
    const int blocks = static_cast<int>(ptx::block_count());
    const int begin = static_cast<int>(ptx::block_index());
    ShrinkWork work = read_work(p, read_item(p, range, begin));
    ShrinkWork next = read_work(p, read_item(p, range, begin + blocks));
    copy_cells(work, ring[0]);
    ptx::cp_async_commit();
    copy_cells(next, ring[1]);
    ptx::cp_async_commit();
    ShrinkWork after = read_work(p, read_item(p, range, begin + 2 * blocks));
    srv_shrink_item ahead = read_item(p, range, begin + 3 * blocks);
    int turn = 0;
    for (int i = begin; i < range.count; i += blocks) {
        copy_cells(after, ring[turn == 0 ? 2 : turn - 1]);
        ptx::cp_async_commit();
        const ShrinkWork coming = read_work(p, ahead);
        ahead = read_item(p, range, i + 4 * blocks);
        ptx::Vec4 inputs[2 * kWarpCells];
        load_warp_inputs(p, work, 0, inputs);
        ptx::cp_async_wait<kShrinkStages - 1>();
        for (int token = 0; token < work.row_count; token += 8) {
            float sums[4] = {};
            multiply_cells(work, ring[turn], inputs, sums);
            if (token + 8 < work.row_count) {
                load_warp_inputs(p, work, token + 8, inputs);
            }

            write_sums(p, work, token, sums, shared.sums);
        }

        work = next;
        next = after;
        after = coming;
        turn = turn == kShrinkStages - 1 ? 0 : turn + 1;
    }

    ptx::cp_async_wait<0>();
}
