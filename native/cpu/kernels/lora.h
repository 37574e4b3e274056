// Batched LoRA over cells. A cell of A is [32 column pairs][8 ranks][2], a cell of B is [4 panels][4 rank pairs][16 columns][2].
// Shrink runs in a phase before the product; expand in the product's epilogue.

SRV_INLINE const uint16_t* cell_of(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int matrix, int block, int tile) {
    const int run = slice.first_run[matrix] + block * slice.runs_per_block[matrix] + tile / engine.cells_per_page;
    return slot.cells[run] + static_cast<int64_t>(tile % engine.cells_per_page) * kCellElements;
}

SRV_INLINE __m256 splat_half(const float* p) { return _mm256_set1_ps(*p); }
SRV_INLINE __m256 splat_half(const uint16_t* p) { return _mm256_set1_ps(widen(*p)); }

SRV_INLINE void load_rank_pairs(const uint16_t* p, __m256& even, __m256& odd) {
    const __m256i raw = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    even = _mm256_castsi256_ps(_mm256_slli_epi32(raw, 16));
    odd = _mm256_castsi256_ps(_mm256_and_si256(raw, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

// Adds 32 columns (16 pairs) of every block to the sums: eight ranks across lanes.
template <int Rows, int Blocks>
SRV_INLINE void shrink_columns(const Activation* x, int64_t x_stride, const uint16_t* const* cells, __m256 (&sum)[Rows][Blocks]) {
    __m256 even_sum[Rows][Blocks];
    __m256 odd_sum[Rows][Blocks];
    if constexpr (kTileOrder) {
        for (int r = 0; r < Rows; r++) {
            for (int b = 0; b < Blocks; b++) {
                even_sum[r][b] = odd_sum[r][b] = _mm256_setzero_ps();
            }
        }
    }

    for (int p = 0; p < kBlock / 2; p++) {
        for (int b = 0; b < Blocks; b++) {
            __m256 even;
            __m256 odd;
            load_rank_pairs(cells[b] + p * 2 * kCellRanks, even, odd);
            for (int r = 0; r < Rows; r++) {
                const __m256 low = splat_half(x + r * x_stride + 2 * p);
                const __m256 high = splat_half(x + r * x_stride + 2 * p + 1);
                if constexpr (kTileOrder) {
                    even_sum[r][b] = _mm256_fmadd_ps(low, even, even_sum[r][b]);
                    odd_sum[r][b] = _mm256_fmadd_ps(high, odd, odd_sum[r][b]);
                } else {
                    sum[r][b] = _mm256_fmadd_ps(low, even, sum[r][b]);
                    sum[r][b] = _mm256_fmadd_ps(high, odd, sum[r][b]);
                }
            }
        }
    }

    if constexpr (kTileOrder) {
        for (int r = 0; r < Rows; r++) {
            for (int b = 0; b < Blocks; b++) {
                sum[r][b] = _mm256_add_ps(sum[r][b], _mm256_add_ps(even_sum[r][b], odd_sum[r][b]));
            }
        }
    }
}

// values[row][8 (block - first_block) …] = round(scale · x Aᵀ) for a few rows and rank blocks.
template <int Rows, int Blocks>
static void shrink_blocks(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int first_block, const Activation* x, int64_t x_stride,
    int columns, float* values, int64_t value_stride) {
    __m256 sum[Rows][Blocks];
    for (int r = 0; r < Rows; r++) {
        for (int b = 0; b < Blocks; b++) {
            sum[r][b] = _mm256_setzero_ps();
        }
    }

    const int tiles = (columns + kCellColumns - 1) / kCellColumns;
    for (int tile = 0; tile < tiles; tile++) {
        const uint16_t* cells[Blocks];
        const uint16_t* halves[Blocks];
        for (int b = 0; b < Blocks; b++) {
            cells[b] = cell_of(engine, slot, slice, 0, first_block + b, tile);
            halves[b] = cells[b] + kCellElements / 2;
        }

        shrink_columns<Rows, Blocks>(x + tile * kCellColumns, x_stride, cells, sum);
        shrink_columns<Rows, Blocks>(x + tile * kCellColumns + kBlock, x_stride, halves, sum);
    }

    for (int r = 0; r < Rows; r++) {
        for (int b = 0; b < Blocks; b++) {
            float lanes[kLanes] = {};
            _mm256_storeu_ps(lanes, _mm256_mul_ps(sum[r][b], _mm256_set1_ps(slice.scale)));
            store(lanes, round_bf16(load(lanes)));
            __builtin_memcpy(values + r * value_stride + b * kCellRanks, lanes, kCellRanks * sizeof(float));
        }
    }
}

template <int Rows>
static void shrink_rows(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int first_block, int blocks, const Activation* x, int64_t x_stride,
    int columns, float* values, int64_t value_stride) {
    for (int block = first_block, left = blocks; left > 0;) {
        float* to = values + block * kCellRanks;
        if (left >= 2) {
            shrink_blocks<Rows, 2>(engine, slot, slice, block, x, x_stride, columns, to, value_stride);
            block += 2;
            left -= 2;
        } else {
            shrink_blocks<Rows, 1>(engine, slot, slice, block, x, x_stride, columns, to, value_stride);
            block++;
            left--;
        }
    }
}

constexpr int kShrinkRows = 4;
constexpr int kShrinkBlocks = 4;

// One phase: every (segment, four rows, slice, four rank blocks) is a unit, dealt to the workers in turn.
static void shrink(const Engine& engine, const srv_op& op, const srv_segment* segments, int segment_count, const Activation* x, int64_t x_stride, int worker) {
    const int workers = engine.pool.count();
    int unit = 0;
    for (int s = 0; s < segment_count; s++) {
        const srv_segment& segment = segments[s];
        if (segment.adapter_slot < 0) {
            continue;
        }

        const SlotBinding& slot = engine.slots[segment.adapter_slot];
        for (int local = 0; local < op.slice_count; local++) {
            const SliceBinding& slice = slot.slices[op.first_slice + local];
            const int columns = engine.program.slices[op.first_slice + local].input_width;
            for (int block = 0; block < slice.rank_blocks; block += kShrinkBlocks) {
                const int blocks = slice.rank_blocks - block < kShrinkBlocks ? slice.rank_blocks - block : kShrinkBlocks;
                for (int r = 0; r < segment.row_count; r += kShrinkRows) {
                    if (unit++ % workers != worker) {
                        continue;
                    }

                    const int64_t row = segment.first_row + r;
                    float* values = engine.lora_values + row * engine.lora_stride + local * kMaxRank;
                    const Activation* from = x + row * x_stride;
                    switch (segment.row_count - r) {
                    case 1: shrink_rows<1>(engine, slot, slice, block, blocks, from, x_stride, columns, values, engine.lora_stride); break;
                    case 2: shrink_rows<2>(engine, slot, slice, block, blocks, from, x_stride, columns, values, engine.lora_stride); break;
                    case 3: shrink_rows<3>(engine, slot, slice, block, blocks, from, x_stride, columns, values, engine.lora_stride); break;
                    default: shrink_rows<4>(engine, slot, slice, block, blocks, from, x_stride, columns, values, engine.lora_stride); break;
                    }
                }
            }
        }
    }
}

// delta[r] = values[r] · Bᵀ for the 16 columns from column on (within the slice), ranks ascending from zero.
template <int Rows>
SRV_INLINE void expand_panel(const Engine& engine, const SlotBinding& slot, const SliceBinding& slice, int column, const float* values, int64_t value_stride,
    Vector (&delta)[Rows]) {
    const int tile = column / kCellColumns;
    const int quarter = column % kCellColumns / kLanes;
    Vector even_sum[Rows];
    Vector odd_sum[Rows];
    for (int r = 0; r < Rows; r++) {
        delta[r] = even_sum[r] = odd_sum[r] = zero();
    }

    for (int block = 0; block < slice.rank_blocks; block++) {
        const uint16_t* cell = cell_of(engine, slot, slice, 1, block, tile) + quarter * kLanes * kCellRanks;
        for (int p = 0; p < kCellRanks / 2; p++) {
            Vector even;
            Vector odd;
            load_pairs(cell + p * 2 * kLanes, even, odd);
            for (int r = 0; r < Rows; r++) {
                const float* v = values + r * value_stride + block * kCellRanks + 2 * p;
                if constexpr (kTileOrder) {
                    even_sum[r] = fma(splat(v[0]), even, even_sum[r]);
                    odd_sum[r] = fma(splat(v[1]), odd, odd_sum[r]);
                } else {
                    delta[r] = fma(splat(v[0]), even, delta[r]);
                    delta[r] = fma(splat(v[1]), odd, delta[r]);
                }
            }
        }

        if constexpr (kTileOrder) {
            if (block % 4 == 3 || block == slice.rank_blocks - 1) {
                for (int r = 0; r < Rows; r++) {
                    delta[r] = add(delta[r], add(even_sum[r], odd_sum[r]));
                    even_sum[r] = odd_sum[r] = zero();
                }
            }
        }
    }
}
