// Paged attention, cut by ordinals: blocks of 32 inside splits of 512, both counted from ordinal 0, so that neither pages nor chunks nor sharing change
// a bit. A task is up to 32 packed rows (token × group + head in group) of one sequence and kv head, over all splits or over one of them.

// The tokens of a block that a row sees: from … end − 1; end is 0 where it sees none.
struct Visible {
    int from;
    int end;
};

// What a row at an ordinal sees of the block that begins at `block`: what is at or before itself and, in a layer with a window, among the last so many.
SRV_INLINE Visible visible_of(int ordinal, int window, int block) {
    const int seen = ordinal + 1 - block;
    const int end = seen < 0 ? 0 : seen > kBlock ? kBlock : seen;
    const int from = window == 0 || seen <= window ? 0 : seen - window;
    return from < end ? Visible{from, end} : Visible{0, 0};
}

// 16 scores: scaled, capped, those that are not seen −∞.
SRV_INLINE Vector seen_scores(const float* scores, const float* key_scales, const srv_op& op, Visible seen, int first) {
    const Vector none = splat(kNoScore);
    const int end = seen.end - first;
    const int from = seen.from - first;
    const Vector raw = key_scales == nullptr ? load(scores) : mul(load(scores), load(key_scales + first));
    Vector x = mul(raw, splat(op.scale));
    x = op.cap > 0 ? capped(x, op.cap) : x;
    x = keep_first(x, end < 0 ? 0 : end < kLanes ? end : kLanes, none);
    return from <= 0 ? x : keep_first(none, from < kLanes ? from : kLanes, x);
}

// Scores → P, and the factor by which the output so far shrinks. Rows that see none of the block keep their state.
static void soften_block(const AttentionScratch& s, const BlockOperands& operands, const srv_op& op, float* scores, const Visible* visible, int rows) {
    alignas(64) float raised[kAttentionRows] = {};
    for (int r = 0; r < rows; r++) {
        float* row = scores + r * kScoreStride;
        const Vector a = seen_scores(row, operands.key_scales, op, visible[r], 0);
        const Vector b = seen_scores(row + kLanes, operands.key_scales, op, visible[r], kLanes);
        store(row, a);
        store(row + kLanes, b);
        const float most = max_lanes(larger(a, b));
        raised[r] = visible[r].end > 0 && most > s.split.maximum[r] ? most : s.split.maximum[r];
    }

    for (int r = 0; r < rows; r += kLanes) {
        store(s.factor + r, exponential(sub(load(s.split.maximum + r), load(raised + r))));
    }

    for (int r = 0; r < rows; r++) {
        float* row = scores + r * kScoreStride;
        Activation* p = s.weights + r * kBlock;
        if (visible[r].end == 0) {
            store_rounded(p, zero());
            store_rounded(p + kLanes, zero());
            s.factor[r] = 1;
            continue;
        }

        const Vector top = splat(raised[r]);
        const Vector a = exponential(sub(load(row), top));
        const Vector b = exponential(sub(load(row + kLanes), top));
        store_rounded(p, operands.value_scales == nullptr ? a : mul(a, load(operands.value_scales)));
        store_rounded(p + kLanes, operands.value_scales == nullptr ? b : mul(b, load(operands.value_scales + kLanes)));
        s.split.sum[r] = s.split.sum[r] * s.factor[r] + sum_lanes(add(a, b));
        s.split.maximum[r] = raised[r];
    }
}

#if SRV_ORDER == SRV_ORDER_TILE

// output = output · factor + P V.
static void multiply_values(const AttentionScratch& s, const BlockOperands& operands, int rows, int width) {
    constexpr int kStep = 4;
    for (int r = 0; r < rows; r++) {
        float* output = s.split.output + r * width;
        const Vector by = splat(s.factor[r]);
        for (int d = 0; d < width; d += kLanes) {
            store(output + d, mul(load(output + d), by));
        }
    }

    const int panels = width / kLanes;
    for (int j = 0; j < panels; j += kStep) {
        const uint16_t* w[kStep];
        const int count = panels - j < kStep ? panels - j : kStep;
        for (int i = 0; i < count; i++) {
            w[i] = operands.values[0] + (j + i) * kLanes * kBlock;
        }

        multiply<PageSource>(s.weights, kBlock, rows, w, count, kBlock / 2, s.split.output + j * kLanes, width, true, 0);
    }
}

#else

// output = output · factor + P V for a register tile of rows and panels, over both halves of the block.
template <bool Integers, int Rows, int Panels>
__attribute__((noinline)) static void multiply_value_panels(const AttentionScratch& s, const BlockOperands& operands, int row, int panel, int width) {
    float* output = s.split.output + row * width + panel * kLanes;
    Vector sum[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            sum[r][j] = mul(load(output + r * width + j * kLanes), splat(s.factor[row + r]));
        }
    }

    for (int half = 0; half < operands.halves; half++) {
        const Activation* weights = s.weights + row * kBlock + half * kPageTokens;
        const uint16_t* values = operands.values[half] + (Integers ? 0 : panel * kLanes * kPageTokens);
        const int8_t* const* lines = operands.rows + half * kPageTokens;
#pragma GCC unroll 1
        for (int p = 0; p < kPageTokens / 2; p++) {
            for (int j = 0; j < Panels; j++) {
                const Weights16 pairs = Integers ? weights_of(load_int8(lines[2 * p] + (panel + j) * kLanes), load_int8(lines[2 * p + 1] + (panel + j) * kLanes))
                                                 : weights_of(load_raw(values + j * kLanes * kPageTokens + p * 2 * kLanes));
                for (int r = 0; r < Rows; r++) {
                    sum[r][j] = accumulate(splat_inputs(weights + r * kBlock + 2 * p), pairs, sum[r][j]);
                }
            }
        }
    }

    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            store(output + r * width + j * kLanes, sum[r][j]);
        }
    }
}

// Registers for sums: with few panels beside many rows the weights of a panel are read once for all of them.
constexpr int kValueRows = kTileVectors >= 16 ? 4 : 2;
constexpr int kValuePanels = kTileVectors >= 16 ? 4 : 2;

template <bool Integers, int Rows>
static void multiply_value_rows(const AttentionScratch& s, const BlockOperands& operands, int row, int width) {
    int panel = 0;
    for (; (panel + kValuePanels) * kLanes <= width; panel += kValuePanels) {
        multiply_value_panels<Integers, Rows, kValuePanels>(s, operands, row, panel, width);
    }

    for (; panel * kLanes < width; panel++) {
        multiply_value_panels<Integers, Rows, 1>(s, operands, row, panel, width);
    }
}

template <bool Integers>
static void multiply_all_values(const AttentionScratch& s, const BlockOperands& operands, int rows, int width) {
    for (int r = 0; r < rows; r += kValueRows) {
        switch (rows - r) {
        case 1: multiply_value_rows<Integers, 1>(s, operands, r, width); break;
        case 2: multiply_value_rows<Integers, 2>(s, operands, r, width); break;
        case 3: multiply_value_rows<Integers, kValueRows < 3 ? 2 : 3>(s, operands, r, width); break;
        default: multiply_value_rows<Integers, kValueRows>(s, operands, r, width); break;
        }
    }
}

static void multiply_values(const AttentionScratch& s, const BlockOperands& operands, int rows, int width) {
    if (operands.rows[0] != nullptr) {
        multiply_all_values<true>(s, operands, rows, width);
    } else {
        multiply_all_values<false>(s, operands, rows, width);
    }
}

#endif

static void clear_state(const AttentionState& state, int rows, int width) {
    for (int r = 0; r < kAttentionRows; r++) {
        state.maximum[r] = kNoScore;
        state.sum[r] = 0;
    }

    __builtin_memset(state.output, 0, static_cast<size_t>(rows) * width * sizeof(float));
}

// Folds one split into the merged state; splits come in ascending order. A row that saw nothing of the split leaves no trace.
static void merge_state(const AttentionState& into, const AttentionState& from, int rows, int width) {
    for (int r = 0; r < rows; r++) {
        if (from.maximum[r] == kNoScore) {
            continue;
        }

        float* to = into.output + r * width;
        const float* values = from.output + r * width;
        if (into.maximum[r] == kNoScore) {
            into.maximum[r] = from.maximum[r];
            into.sum[r] = from.sum[r];
            __builtin_memcpy(to, values, static_cast<size_t>(width) * sizeof *to);
            continue;
        }

        const float top = into.maximum[r] > from.maximum[r] ? into.maximum[r] : from.maximum[r];
        const float old = exponential(into.maximum[r] - top);
        const float fresh = exponential(from.maximum[r] - top);
        into.sum[r] = into.sum[r] * old + from.sum[r] * fresh;
        into.maximum[r] = top;
        for (int d = 0; d < width; d += kLanes) {
            store(to + d, fma(load(values + d), splat(fresh), mul(load(to + d), splat(old))));
        }
    }
}

// The part of the scratch that one block of a group gathers into.
static AttentionScratch scratch_of_block(const Engine& engine, AttentionScratch s, int block) {
    s.keys += static_cast<int64_t>(block) * kBlock * s.query_stride;
    s.values += static_cast<int64_t>(block) * kBlock * output_width(engine);
    s.key_scales += block * kBlock;
    s.value_scales += block * kBlock;
    return s;
}

static void attend_split(const Engine& engine, const StepJob& job, const srv_op& op, const AttentionTask& task, const AttentionScratch& s, EntryCursor& cursor, int split) {
    const srv_sequence& sequence = job.step->sequences[task.sequence];
    const int width = output_width(engine);
    const int total = sequence.first_ordinal + sequence.row_count;
    const int last = sequence.first_ordinal + (task.first_row + task.row_count - 1) / engine.group;
    const int end = (split + 1) * kSplit < last + 1 ? (split + 1) * kSplit : last + 1;
    clear_state(s.split, task.row_count, width);
    const bool direct = has_integers(engine) && task.row_count <= kDirectRows;

    // Blocks before the window of the first row are before that of every row.
    const int oldest = op.window == 0 ? 0 : sequence.first_ordinal + task.first_row / engine.group + 1 - op.window;
    const int begin = oldest > split * kSplit ? oldest / kBlock * kBlock : split * kSplit;
    for (int first = begin; first < end; first += kScoreStride) {
        BlockOperands operands[kBlockGroup];
        const uint16_t* keys[2 * kBlockGroup];
        int blocks = 0;
        if (has_integers(engine)) {
            prefetch_ordinals(engine, cursor, op.layer, task.kv_head, first, first + kScoreStride < end ? first + kScoreStride : end);
        }

        for (; blocks < kBlockGroup && first + blocks * kBlock < end; blocks++) {
            // What is valid counts, not what these rows see, so that a block is read from whole pages whenever it lies in them.
            const int start = first + blocks * kBlock;
            const AttentionScratch own = scratch_of_block(engine, s, blocks);
            const int count = total - start < kBlock ? total - start : kBlock;
            operands[blocks] = has_integers(engine) ? integer_operands(engine, own, cursor, op.layer, task.kv_head, start, count, direct)
                                                    : block_operands(engine, own, cursor, op.layer, task.kv_head, start, count);
            keys[2 * blocks] = operands[blocks].keys[0];
            keys[2 * blocks + 1] = operands[blocks].keys[1];
        }

        if (direct) {
            multiply<IntegerPageSource>(s.query, s.query_stride, task.row_count, keys, 2 * blocks, s.query_stride / 2, s.scores, kScoreStride, false, 0);
        } else {
            multiply<PageSource>(s.query, s.query_stride, task.row_count, keys, 2 * blocks, s.query_stride / 2, s.scores, kScoreStride, false, 0);
        }

        for (int block = 0; block < blocks; block++) {
            Visible visible[kAttentionRows];
            for (int r = 0; r < task.row_count; r++) {
                visible[r] = visible_of(sequence.first_ordinal + (task.first_row + r) / engine.group, op.window, first + block * kBlock);
            }

            soften_block(s, operands[block], op, s.scores + block * kBlock, visible, task.row_count);
            multiply_values(s, operands[block], task.row_count, width);
        }
    }
}

// What an output is multiplied by: 1 / the softmax's denominator. A sink of the head joins that behind the last split, like a token whose value is nothing.
SRV_INLINE float output_scale(const float* sinks, int head, float maximum, float sum) {
    if (sinks == nullptr) {
        return 1.0f / sum;
    }

    const float top = sinks[head] > maximum ? sinks[head] : maximum;
    const float kept = exponential(maximum - top);
    return kept / (sum * kept + exponential(sinks[head] - top));
}

static void write_attention(const Engine& engine, const StepJob& job, const srv_op& op, const AttentionTask& task, const AttentionState& state) {
    const Buffer& output = engine.buffers[op.output];
    const int head_size = engine.program.head_size;
    const int first_row = job.step->sequences[task.sequence].first_row;
    const float* sinks = op.weight < 0 ? nullptr : vector_weight(engine, op.weight);
    for (int r = 0; r < task.row_count; r++) {
        const int packed = task.first_row + r;
        const int64_t row = first_row + packed / engine.group;
        const int head = task.kv_head * engine.group + packed % engine.group;
        Activation* to = reinterpret_cast<Activation*>(output.data) + row * output.stride + head * head_size;
        const Vector scale = splat(output_scale(sinks, head, state.maximum[r], state.sum[r]));
        for (int d = 0; d < head_size; d += kLanes) {
            const Vector value = mul(load(state.output + r * output_width(engine) + d), scale);
            if (head_size - d >= kLanes) {
                store_rounded(to + d, value);
            } else {
                store_rounded_first(to + d, value, head_size - d);
            }
        }
    }
}

static AttentionState partial_state(const Engine& engine, int index) {
    float* at = engine.partials + static_cast<int64_t>(index) * kAttentionRows * (output_width(engine) + 2);
    return {at, at + kAttentionRows, at + 2 * kAttentionRows};
}

static void attend_task(const Engine& engine, const StepJob& job, const srv_op& op, const AttentionTask& task, AttentionScratch s) {
    const srv_sequence& sequence = job.step->sequences[task.sequence];
    const int head_size = engine.program.head_size;
    const Buffer& input = engine.buffers[op.input];
    for (int r = 0; r < task.row_count; r++) {
        const int packed = task.first_row + r;
        const int64_t row = sequence.first_row + packed / engine.group;
        const int head = task.kv_head * engine.group + packed % engine.group;
        const Activation* q = reinterpret_cast<const Activation*>(input.data) + row * input.stride + head * head_size;
        __builtin_memcpy(s.query + r * s.query_stride, q, static_cast<size_t>(head_size) * sizeof *q);
        __builtin_memset(static_cast<void*>(s.query + r * s.query_stride + head_size), 0, static_cast<size_t>(s.query_stride - head_size) * sizeof *q);
    }

    EntryCursor cursor{job.step->entries + sequence.first_entry, 0, 0};
    if (task.partial >= 0) {
        s.split = partial_state(engine, task.partial);
        attend_split(engine, job, op, task, s, cursor, task.first_split);
        return;
    }

    if (task.split_count == 1) {
        attend_split(engine, job, op, task, s, cursor, 0);
        write_attention(engine, job, op, task, s.split);
        return;
    }

    clear_state(s.merged, task.row_count, output_width(engine));
    for (int split = 0; split < task.split_count; split++) {
        attend_split(engine, job, op, task, s, cursor, split);
        merge_state(s.merged, s.split, task.row_count, output_width(engine));
    }

    write_attention(engine, job, op, task, s.merged);
}

static void attend(const Engine& engine, StepJob& job, const srv_op& op, int worker) {
    const AttentionScratch s = attention_scratch(engine, worker);
    for (;;) {
        const int task = static_cast<int>(__atomic_fetch_add(&job.next_task, 1u, __ATOMIC_RELAXED));
        if (task >= job.task_count) {
            return;
        }

        attend_task(engine, job, op, engine.tasks[task], s);
    }
}

// Second phase, for tasks that were given out split by split.
static void merge_attention(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const AttentionScratch s = attention_scratch(engine, worker);
    const Share share = share_of(engine, job.merge_count, worker);
    for (int i = share.first; i < share.end; i++) {
        const AttentionTask& task = engine.merges[i];
        clear_state(s.merged, task.row_count, output_width(engine));
        for (int split = 0; split < task.split_count; split++) {
            merge_state(s.merged, partial_state(engine, task.partial + split), task.row_count, output_width(engine));
        }

        write_attention(engine, job, op, task, s.merged);
    }
}
