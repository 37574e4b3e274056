// x A^T of all rows with an adapter, as fp32 partial planes of 1,024 input columns: any mix of adapters and ranks in one launch, on tensor cores.
//
// Memory: persistent blocks walk a work list; an item is two rank blocks over 1,024 columns, 32 KiB of cells. Each of four warps owns 256 of the columns and
// copies its 8 KiB by cp.async into a ring of three that only it reads, so that the next two items are on their way while it computes: up to 96 KiB in flight per
// block, two blocks per multiprocessor. Cells are read once per tile of up to 64 rows, as whole lines; inputs come from L2.
// Where an item's cells lie is a chain of waits, item, binding, runs: lanes walk it for eight items at once, each for its own, and ahead of the copies, so that a
// block's first items wait for it once and later ones not at all. An item's first inputs are asked for while the one before it is computed.
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

// What a warp knows of the items that come next: lane 4 s + i holds what is known of those whose number within the block is s modulo 8, and where cell i of the
// warp's columns lies in the arena, for both rank blocks; -1 where there is none.
struct ShrinkWindow {
    srv_shrink_item item;
    int first_run, rank_blocks;
    int low, high;
};

constexpr int kWindowItems = 32 / kWarpCells;

// What is computed of an item. One without rows is none.
struct ShrinkWork {
    int first_row, row_count, slice, rank_pair, chunk;
};

SRV_DEVICE int first_warp_column(int chunk) { return chunk * SRV_SHRINK_CHUNK + static_cast<int>(ptx::warp()) * kWarpColumns; }

// The three links of the chain, for the lanes that are told to: an item of the list, its binding, its cells.
SRV_DEVICE void read_item(const srv_shrink_params& p, const srv_range& range, int index, bool told, ShrinkWindow& window) {
    if (told) {
        window.item = index < range.count ? at<const srv_shrink_item>(p.items)[range.first + index] : srv_shrink_item{};
    }
}

SRV_DEVICE void read_binding(const srv_shrink_params& p, bool told, ShrinkWindow& window) {
    if (told && window.item.row_count > 0) {
        const srv_lora_binding& binding = binding_of(p.lora, window.item.slot, window.item.slice);
        window.first_run = binding.first_shrink_run;
        window.rank_blocks = binding.rank_blocks;
    }
}

SRV_DEVICE int cell_number(const CellTable& cells, int block, int tile) {
    return static_cast<int>((reinterpret_cast<srv_address>(cells.cell(block, tile)) - cells.pages) / SRV_CELL_BYTES);
}

SRV_DEVICE void read_cells(const srv_shrink_params& p, bool told, ShrinkWindow& window) {
    if (told) {
        const int tile = first_warp_column(window.item.chunk) / SRV_CELL_COLUMNS + static_cast<int>(ptx::lane()) % kWarpCells;
        const int block = 2 * window.item.rank_pair;
        const bool exists = window.item.row_count > 0 && tile * SRV_CELL_COLUMNS < p.lora.input_width;
        const CellTable cells = cell_table(p.lora, window.first_run, p.lora.input_width);
        window.low = exists ? cell_number(cells, block, tile) : -1;
        window.high = exists && block + 1 < window.rank_blocks ? cell_number(cells, block + 1, tile) : -1;
    }
}

// The number-th item of the block.
SRV_DEVICE ShrinkWork work_of(const ShrinkWindow& window, int number) {
    const uint32_t lane = static_cast<uint32_t>(number % kWindowItems * kWarpCells);
    const uint32_t rows = ptx::shuffle_index(static_cast<uint32_t>(window.item.row_count) | static_cast<uint32_t>(window.item.slice) << 16, lane);
    const uint32_t part = ptx::shuffle_index(static_cast<uint32_t>(window.item.rank_pair) | static_cast<uint32_t>(window.item.chunk) << 16, lane);
    return {ptx::shuffle_index(window.item.first_row, lane), static_cast<int>(rows & 0xffff), static_cast<int>(rows >> 16), static_cast<int>(part & 0xffff),
        static_cast<int>(part >> 16)};
}

// Its rank blocks that exist: 1 or 2.
SRV_DEVICE int blocks_of(const ShrinkWindow& window, int number) {
    const int blocks = ptx::shuffle_index(window.rank_blocks - 2 * window.item.rank_pair, static_cast<uint32_t>(number % kWindowItems * kWarpCells));
    return smaller(blocks, 2);
}

// Starts the copies of a warp's cells of an item, 32 bytes per lane and cell. A rank block that does not exist is zeros. A lane copies what it will read itself, so
// that no lane waits for another.
SRV_DEVICE void copy_cells(const srv_shrink_params& p, const ShrinkWindow& window, int number, uint16_t (&to)[kWarpCells][2][kCellElements]) {
    const int lane = static_cast<int>(ptx::lane());
    SRV_UNROLL
    for (int i = 0; i < kWarpCells; i++) {
        const uint32_t from = static_cast<uint32_t>(number % kWindowItems * kWarpCells + i);
        const int low = ptx::shuffle_index(window.low, from);
        const int high = ptx::shuffle_index(window.high, from);
        if (low < 0) {
            continue;
        }

        SRV_UNROLL
        for (int block = 0; block < 2; block++) {
            const bool exists = block == 0 || high >= 0;
            const uint16_t* cell = at<const uint16_t>(p.lora.pages + static_cast<srv_address>(block == 1 && exists ? high : low) * SRV_CELL_BYTES);
            SRV_UNROLL
            for (int half = 0; half < 2; half++) {
                ptx::cp_async_16(&to[i][block][half * (kCellElements / 2) + lane * 8], cell + half * (kCellElements / 2) + lane * 8, exists ? 16 : 0);
            }
        }
    }
}

// A lane's inputs of a warp's columns, eight at a time, of eight tokens: all asked for at once. Tokens behind the last are the first again; nobody reads their sums.
SRV_DEVICE void load_warp_inputs(const srv_shrink_params& p, const ShrinkWork& work, int first_token, ptx::Vec4 (&inputs)[2 * kWarpCells]) {
    const int lane = static_cast<int>(ptx::lane());
    const int token = first_token + lane / 4;
    const uint16_t* x = row_of<const uint16_t>(p.input, work.first_row + (token < work.row_count ? token : 0), p.input_stride);
    const int first_column = first_warp_column(work.chunk) + lane % 4 * 8;
    const int width = work.row_count > 0 ? p.lora.input_width : 0;
    if (first_warp_column(work.chunk) + kWarpColumns <= width) {
        SRV_UNROLL
        for (int half = 0; half < 2 * kWarpCells; half++) {
            inputs[half] = ptx::load_16(x + first_column + half * 32);
        }

        return;
    }

    SRV_UNROLL
    for (int half = 0; half < 2 * kWarpCells; half++) {
        const int column = first_column + half * 32;
        inputs[half] = column < width ? load_inputs(x, column, width) : ptx::Vec4{0, 0, 0, 0};
    }
}

// sums += A xᵀ of eight tokens over a warp's columns.
SRV_DEVICE void multiply_cells(int cell_count, const uint16_t (&cells)[kWarpCells][2][kCellElements], const ptx::Vec4 (&all)[2 * kWarpCells], float (&sums)[4]) {
    const int lane = static_cast<int>(ptx::lane());
    SRV_UNROLL
    for (int half = 0; half < 2 * kWarpCells; half++) {
        if (half >= cell_count * 2) {
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
SRV_DEVICE void write_sums(const srv_shrink_params& p, const ShrinkWork& work, int blocks, int first_token, const float (&sums)[4], float (&shared)[4][8 * kSumStride]) {
    const int lane = static_cast<int>(ptx::lane());
    for (int i = 0; i < 4; i++) {
        shared[ptx::warp()][(lane % 4 * 2 + i % 2) * kSumStride + lane / 4 + i / 2 * 8] = sums[i];
    }

    ptx::barrier();
    const int token = static_cast<int>(ptx::thread_index()) / 16;
    const int rank = static_cast<int>(ptx::thread_index()) % 16;
    const int at_token = token * kSumStride + rank;
    if (first_token + token < work.row_count && rank < blocks * SRV_CELL_RANKS) {
        const float sum = shared[0][at_token] + shared[1][at_token] + shared[2][at_token] + shared[3][at_token];
        partial_row(p.lora, work.chunk, work.first_row + first_token + token, work.slice)[work.rank_pair * 16 + rank] = sum;
    }

    ptx::barrier();
}

// All tokens of an item, eight at a time; the first eight's inputs are there.
SRV_DEVICE void shrink_item(const srv_shrink_params& p, const ShrinkWork& work, int blocks, const uint16_t (&cells)[kWarpCells][2][kCellElements],
    ptx::Vec4 (&inputs)[2 * kWarpCells], ShrinkShared& shared) {
    const int cell_count = smaller(larger(ceil_div(p.lora.input_width - first_warp_column(work.chunk), SRV_CELL_COLUMNS), 0), kWarpCells);
    for (int token = 0; token < work.row_count; token += 8) {
        float sums[4] = {};
        multiply_cells(cell_count, cells, inputs, sums);
        if (token + 8 < work.row_count) {
            load_warp_inputs(p, work, token + 8, inputs);
        }

        write_sums(p, work, blocks, token, sums, shared.sums);
    }
}

// Items of a block by their numbers. While one is computed, cells of the next two are on their way, and inputs of the next; of the one six behind it the cells are
// looked up, of the next the binding, of the one eight behind it the item, in the lanes that it leaves.
SRV_KERNEL(srv_lora_shrink, srv_shrink_params, 128) {
    static_assert(sizeof(ShrinkShared) <= SRV_SHRINK_SHARED, "the host is told how much shared memory this takes");
    ShrinkShared& shared = *reinterpret_cast<ShrinkShared*>(ptx::dynamic_shared());
    auto& ring = shared.cells[ptx::warp()];
    const srv_range range = *at<const srv_range>(p.item_range);
    const int blocks = static_cast<int>(ptx::block_count());
    const int begin = static_cast<int>(ptx::block_index());
    // A step of few adapters has less to do than there are blocks.
    if (begin >= range.count) {
        return;
    }

    const int own = static_cast<int>(ptx::lane()) / kWarpCells;
    ShrinkWindow window = {{}, 0, 0, -1, -1};
    read_item(p, range, begin + own * blocks, true, window);
    read_binding(p, true, window);
    ShrinkWork work = work_of(window, 0);
    ptx::Vec4 inputs[2 * kWarpCells];
    load_warp_inputs(p, work, 0, inputs);
    read_cells(p, true, window);
    for (int ahead = 0; ahead < kShrinkStages - 1; ahead++) {
        copy_cells(p, window, ahead, ring[ahead]);
        ptx::cp_async_commit();
    }

    int stage = 0;
    for (int number = 0; begin + number * blocks < range.count; number++) {
        copy_cells(p, window, number + kShrinkStages - 1, ring[stage == 0 ? kShrinkStages - 1 : stage - 1]);
        ptx::cp_async_commit();
        const int rank_blocks = blocks_of(window, number);
        const ShrinkWork next = work_of(window, number + 1);
        ptx::Vec4 next_inputs[2 * kWarpCells];
        load_warp_inputs(p, next, 0, next_inputs);
        read_cells(p, own == (number + kWindowItems - 2) % kWindowItems, window);
        read_binding(p, own == (number + kWindowItems - 1) % kWindowItems, window);
        read_item(p, range, begin + (number + kWindowItems) * blocks, own == number % kWindowItems, window);
        ptx::cp_async_wait<kShrinkStages - 1>();
        shrink_item(p, work, rank_blocks, ring[stage], inputs, shared);
        work = next;
        SRV_UNROLL
        for (int half = 0; half < 2 * kWarpCells; half++) {
            inputs[half] = next_inputs[half];
        }

        stage = stage == kShrinkStages - 1 ? 0 : stage + 1;
    }

    ptx::cp_async_wait<0>();
}
