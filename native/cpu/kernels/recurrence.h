// Recurrent states, and the convolution in front of the delta rule. A version of a sequence's state lies in pages of the arena, each filled before the next. A step reads one version and writes
// another, so that whoever computes first disturbs nobody. Sequences differ in their rows: a worker takes every so-manieth part of each.

constexpr int kConvolutionColumns = 256;  // of one unit of work

// Copies floats of a version that begins at an entry of the step's list, from a byte on.
template <class Copy>
SRV_INLINE void each_state_run(const Engine& engine, const StepJob& job, int first, int64_t offset, int count, Copy copy) {
    const int64_t page_bytes = engine.limits.page_bytes;
    const int32_t* page = job.step->state_pages + first + offset / page_bytes;
    int64_t in_page = offset % page_bytes;
    for (int done = 0; done < count; page++, in_page = 0) {
        const int64_t left = (page_bytes - in_page) / static_cast<int64_t>(sizeof(float));
        const int run = left < count - done ? static_cast<int>(left) : count - done;
        copy(reinterpret_cast<float*>(engine.arena.data + *page * page_bytes + in_page), done, run);
        done += run;
    }
}

SRV_INLINE void read_state(const Engine& engine, const StepJob& job, int first, int64_t offset, float* to, int count) {
    if (first < 0) {
        __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof *to);
        return;
    }

    each_state_run(engine, job, first, offset, count, [to](const float* run, int at, int length) { __builtin_memcpy(to + at, run, static_cast<size_t>(length) * sizeof *to); });
}

SRV_INLINE void write_state(const Engine& engine, const StepJob& job, int first, int64_t offset, const float* from, int count) {
    each_state_run(engine, job, first, offset, count, [from](float* run, int at, int length) { __builtin_memcpy(run, from + at, static_cast<size_t>(length) * sizeof *from); });
}

struct ConvolutionBlock {
    const srv_op* op;
    const float* taps;  // the oldest one's columns of the block
    const float* bias;  // of them, or null
    int stride;         // floats from tap to tap
    int columns;
};

// One row of a block: the rows that it reads, the oldest first.
SRV_INLINE void convolve(const ConvolutionBlock& block, const float* const* rows, float* y) {
    for (int k = 0; k < block.columns; k += kLanes) {
        const int count = block.columns - k < kLanes ? block.columns - k : kLanes;
        Vector sum = zero();
        for (int tap = 0; tap < block.op->taps; tap++) {
            sum = fma(load_first(block.taps + static_cast<int64_t>(tap) * block.stride + k, count), load_first(rows[tap] + k, count), sum);
        }

        sum = block.bias == nullptr ? sum : add(sum, load_first(block.bias + k, count));
        store_first(y + k, block.op->mode == 1 ? gate_times(sum, sum, splat(1.0f)) : sum, count);
    }
}

static void convolve_block(const Engine& engine, const StepJob& job, const ConvolutionBlock& block, const srv_sequence& sequence, int first, float* before) {
    const srv_op& op = *block.op;
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const int older = op.taps - 1;
    const auto offset_of = [&](int tap) { return op.state_offset + (static_cast<int64_t>(tap) * output.columns + first) * static_cast<int64_t>(sizeof(float)); };
    for (int tap = 0; tap < older; tap++) {
        read_state(engine, job, sequence.state_read, offset_of(tap), before + tap * kConvolutionColumns, block.columns);
    }

    // A row of the step, or of the state where it is before the first.
    const float* x = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(sequence.first_row) * input.stride + op.first_column + first;
    const auto row_at = [&](int row) { return row < 0 ? before + (row + older) * kConvolutionColumns : x + static_cast<int64_t>(row) * input.stride; };
    for (int row = 0; row < sequence.row_count; row++) {
        const float* rows[SRV_MAX_TAPS];
        for (int tap = 0; tap < op.taps; tap++) {
            rows[tap] = row_at(row + tap - older);
        }

        convolve(block, rows, reinterpret_cast<float*>(output.data) + static_cast<int64_t>(sequence.first_row + row) * output.stride + first);
    }

    for (int tap = 0; tap < older; tap++) {
        write_state(engine, job, sequence.state_write, offset_of(tap), row_at(sequence.row_count - older + tap), block.columns);
    }
}

static void convolution(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const int columns = engine.buffers[op.output].columns;
    const int blocks = (columns + kConvolutionColumns - 1) / kConvolutionColumns;
    auto* before = reinterpret_cast<float*>(engine.scratch.data + worker * engine.scratch_stride);
    for (int unit = worker; unit < job.step->sequence_count * blocks; unit += engine.pool.count()) {
        const int first = unit % blocks * kConvolutionColumns;
        const ConvolutionBlock block{&op, vector_weight(engine, op.weight) + first, op.bias < 0 ? nullptr : vector_weight(engine, op.bias) + first, columns,
            columns - first < kConvolutionColumns ? columns - first : kConvolutionColumns};
        convolve_block(engine, job, block, job.step->sequences[unit / blocks], first, before);
    }
}

// output = input · σ(gate), units as gate_mul's.
static void sigmoid_mul(const Engine& engine, const srv_op& op, int rows, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& gates = engine.buffers[op.gate];
    const Buffer& output = engine.buffers[op.output];
    constexpr int kChunk = 256;
    const int chunks = (output.columns + kChunk - 1) / kChunk;
    const Share share = share_of(engine, rows * chunks, worker);
    for (int unit = share.first; unit < share.end; unit++) {
        const int64_t row = unit / chunks;
        const int first = unit % chunks * kChunk;
        const int end = first + kChunk < output.columns ? first + kChunk : output.columns;
        const Activation* x = reinterpret_cast<const Activation*>(input.data) + row * input.stride;
        const float* gate = reinterpret_cast<const float*>(gates.data) + row * gates.stride;
        Activation* y = reinterpret_cast<Activation*>(output.data) + row * output.stride;
        for (int k = first; k < end; k += kLanes) {
            // The row's padding makes whole vectors readable; only the row's own columns are written.
            const Vector value = gate_times(load_activation(x + k), load(gate + k), splat(1.0f));
            if (k + kLanes <= end) {
                store_rounded(y + k, value);
            } else {
                store_rounded_first(y + k, value, end - k);
            }
        }
    }
}
