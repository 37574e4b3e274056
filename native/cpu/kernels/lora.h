// Batched LoRA over cells. A cell of A is [32 column pairs][8 ranks][2], so that a run of cells is one long panel of 8 outputs; a cell of B is
// [4 panels][4 rank pairs][16 columns][2]. Shrink runs in a phase before the product; expand in the product's epilogue.

SRV_INLINE const uint16_t* cell_of(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int matrix, int block, int tile) {
    if (slice.runs_per_block[matrix] == 1) {
        return slot.cells[slice.first_run[matrix] + block] + static_cast<int64_t>(tile) * kCellElements;
    }

    const int run = slice.first_run[matrix] + block * slice.runs_per_block[matrix] + tile / engine.cells_per_page;
    return slot.cells[run] + static_cast<int64_t>(tile % engine.cells_per_page) * kCellElements;
}

// An adapter's LoRA of a slice; of an expert's where the slice has several.
SRV_INLINE const SliceBinding& binding_of(const Engine& engine, const SlotBinding& slot, int slice, int expert) {
    return slot.slices[engine.slice_places[slice].first_binding + expert];
}

// DoRA's factors of 16 outputs from a column of the slice on, or null where the adapter has none.
SRV_INLINE const float* factors_of(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int column) {
    return slice.runs_per_block[2] == 0 ? nullptr : reinterpret_cast<const float*>(cell_of(engine, slot, slice, 2, 0, column / kCellFactors)) + column % kCellFactors;
}

SRV_INLINE Activation* lora_row(const Engine& engine, int64_t row, int local_slice) {
    return static_cast<Activation*>(engine.lora_values) + row * engine.lora_stride + local_slice * kMaxRank;
}

// Pairs of rank blocks that one unit of work takes: the units of an adapter of rank 64 are two.
constexpr int kShrinkPanels = 2;
constexpr int kShrinkRows = 12;

// values[row][16 first_panel …] = round(scale · x Aᵀ): some rows of one segment, a few pairs of rank blocks.
static void shrink_unit(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int first_panel, int columns, const Activation* x, int64_t x_stride,
    int rows, Activation* values) {
    alignas(64) float c[kShrinkRows * kShrinkPanels * kLanes];
    constexpr int kStride = kShrinkPanels * kLanes;
    const int tiles = (columns + kCellColumns - 1) / kCellColumns;
    const int panels = (slice.rank_blocks + 1) / 2 - first_panel < kShrinkPanels ? (slice.rank_blocks + 1) / 2 - first_panel : kShrinkPanels;
    for (int tile = 0; tile < tiles;) {
        const int left = tiles - tile;
        const int count = left < engine.cells_per_page ? left : engine.cells_per_page;
        const uint16_t* w[kShrinkPanels * 2];
        for (int i = 0; i < panels * 2; i++) {
            // An odd number of blocks is filled up with its last one, whose second result is not kept.
            const int block = first_panel * 2 + i < slice.rank_blocks ? first_panel * 2 + i : slice.rank_blocks - 1;
            w[i] = cell_of(engine, slot, slice, 0, block, tile);
        }

        multiply_by_vectors<BlockSource>(x + tile * kCellColumns, x_stride, rows, w, panels, count * kCellColumns / 2, c, kStride, tile > 0, 0);
        tile += count;
    }

    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < panels; j++) {
            store_rounded(values + r * static_cast<int64_t>(engine.lora_stride) + (first_panel + j) * kLanes, mul(load(c + r * kStride + j * kLanes), splat(slice.scale)));
        }
    }
}

// The input of a Linear whose x·Aᵀ a phase makes, by one worker of several: every (rows of one adapter, slice, pairs of rank blocks, some of the rows) is a unit,
// dealt to the workers in turn.
struct ShrinkCall {
    const Engine* engine;
    const srv_op* op;
    const Activation* x;
    int64_t x_stride;
    int worker;
    int turn;
};

// Rows side by side that share an adapter, and an expert where there are any.
static void shrink_rows(ShrinkCall& call, const SlotBinding& slot, int expert, int first_row, int row_count) {
    const Engine& engine = *call.engine;
    const srv_op& op = *call.op;
    const int workers = engine.pool.count();
    const int units = (row_count + kShrinkRows - 1) / kShrinkRows;
    for (int local = 0; local < op.slice_count; local++) {
        const SliceBinding& slice = binding_of(engine, slot, op.first_slice + local, expert);
        const int columns = engine.program.slices[op.first_slice + local].input_width;
        for (int panel = 0; panel * 2 < slice.rank_blocks; panel += kShrinkPanels) {
            for (int unit = 0; unit < units; unit++) {
                const bool mine = call.turn == call.worker;
                call.turn = call.turn + 1 == workers ? 0 : call.turn + 1;
                if (mine) {
                    const int first = row_count * unit / units;
                    const int rows = row_count * (unit + 1) / units - first;
                    const int64_t row = first_row + first;
                    shrink_unit(engine, slot, slice, panel, columns, call.x + row * call.x_stride, call.x_stride, rows, lora_row(engine, row, local));
                }
            }
        }
    }
}

static void shrink(ShrinkCall call, const srv_segment* segments, int segment_count) {
    for (int s = 0; s < segment_count; s++) {
        if (segments[s].adapter_slot >= 0) {
            shrink_rows(call, call.engine->slots[segments[s].adapter_slot], 0, segments[s].first_row, segments[s].row_count);
        }
    }
}

// delta[r][j] = values[r] · Bᵀ for panels of 16 columns from column on (within the slice, inside one cell), ranks ascending from zero.
template <int Rows, int Panels>
SRV_INLINE void expand_panels(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int column, const Activation* values, Vector (&delta)[Rows][Panels]) {
    constexpr int kPanelElements = kLanes * kCellRanks;
    const int tile = column / kCellColumns;
    const int first = column % kCellColumns / kLanes;
    Vector even_sum[Rows][Panels];
    Vector odd_sum[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            delta[r][j] = even_sum[r][j] = odd_sum[r][j] = zero();
        }
    }

    for (int block = 0; block < slice.rank_blocks; block++) {
        const uint16_t* cell = cell_of(engine, slot, slice, 1, block, tile) + first * kPanelElements;
        for (int p = 0; p < kCellRanks / 2; p++) {
            Weights16 weights[Panels];
            for (int j = 0; j < Panels; j++) {
                // The next tile's cell of this rank block lies behind this one.
                const uint16_t* line = cell + j * kPanelElements + p * 2 * kLanes;
                _mm_prefetch(reinterpret_cast<const char*>(line + kCellElements), _MM_HINT_T0);
                weights[j] = weights_of(load_raw(line));
            }

            for (int r = 0; r < Rows; r++) {
                const Inputs inputs = splat_inputs(values + r * static_cast<int64_t>(engine.lora_stride) + block * kCellRanks + 2 * p);
                for (int j = 0; j < Panels; j++) {
#if SRV_ORDER == SRV_ORDER_TILE
                    even_sum[r][j] = fma(inputs.even, weights[j].even, even_sum[r][j]);
                    odd_sum[r][j] = fma(inputs.odd, weights[j].odd, odd_sum[r][j]);
#else
                    delta[r][j] = accumulate(inputs, weights[j], delta[r][j]);
#endif
                }
            }
        }

        if (kTileOrder && (block % 4 == 3 || block == slice.rank_blocks - 1)) {
            for (int r = 0; r < Rows; r++) {
                for (int j = 0; j < Panels; j++) {
                    delta[r][j] = add(delta[r][j], add(even_sum[r][j], odd_sum[r][j]));
                    even_sum[r][j] = odd_sum[r][j] = zero();
                }
            }
        }
    }
}
