// The gated delta rule. A unit of work is one value head of one sequence. Its state is cut into blocks of columns that stay in the first cache, [block][key][columns of the block]: a strip of
// rows goes through one block before the next, as columns do not depend on each other. A row takes one pass over a block: while its update is written, what the next row recalls is summed up.
// A sum over keys runs in ascending order, one chain to a column, and a state is stored unrounded, so that no bit depends on where strips, chunks or blocks begin.

constexpr int kStripRows = 32;
constexpr int kBlockVectors = 2;
constexpr int kRowsAhead = 4;  // that a row's queries and keys are asked for early

// What a unit works in. Rows of a strip are side by side.
struct DeltaScratch {
    float* state;
    float* queries;  // normed and scaled
    float* keys;     // normed
    float* outputs;
    float* decays;
    float* betas;
};

SRV_INLINE int64_t round_to_line(int64_t floats) { return (floats + kLanes - 1) / kLanes * kLanes; }

static int64_t delta_scratch_floats(const srv_op& op) {
    return round_to_line(static_cast<int64_t>(op.key_size) * op.value_size) + kStripRows * (2 * round_to_line(op.key_size) + op.value_size + 2) + kLanes;
}

SRV_INLINE DeltaScratch delta_scratch(const Engine& engine, const srv_op& op, int worker) {
    DeltaScratch s{};
    s.state = reinterpret_cast<float*>(engine.scratch.data + worker * engine.scratch_stride);
    s.queries = s.state + round_to_line(static_cast<int64_t>(op.key_size) * op.value_size);
    s.keys = s.queries + kStripRows * round_to_line(op.key_size);
    s.outputs = s.keys + kStripRows * round_to_line(op.key_size);
    s.decays = s.outputs + kStripRows * op.value_size;
    s.betas = s.decays + kStripRows;
    return s;
}

// Bytes of scratch that the program's recurrences need.
static int64_t recurrence_scratch_bytes(const Engine& engine) {
    int64_t most = 0;
    for (int i = 0; i < engine.program.op_count; i++) {
        const srv_op& op = engine.program.ops[i];
        const int64_t floats = op.kind == SRV_OP_DELTA_RULE ? delta_scratch_floats(op) : op.kind == SRV_OP_CONVOLUTION ? op.taps * kConvolutionColumns : 0;
        most = floats > most ? floats : most;
    }

    return most * static_cast<int64_t>(sizeof(float));
}

// Where a vector of a head's state lies in scratch: [block][key][vectors of the block], the last block of what is left.
SRV_INLINE float* state_vector(float* state, int key_size, int vectors, int key, int vector) {
    const int block = vector / kBlockVectors;
    const int left = vectors - block * kBlockVectors;
    const int width = left < kBlockVectors ? left : kBlockVectors;
    return state + (block * key_size * kBlockVectors + key * width + vector % kBlockVectors) * kLanes;
}

// Goes through a head's state as it lies in pages, a vector at a time: none crosses a border, as pages and offsets are multiples of 64 bytes.
template <class Move>
SRV_INLINE void each_state_vector(const Engine& engine, const StepJob& job, const srv_op& op, int first, int head, float* state, Move move) {
    const int vectors = op.value_size / kLanes;
    const int count = op.key_size * op.value_size;
    int key = 0;
    int vector = 0;
    each_state_run(engine, job, first, op.state_offset + static_cast<int64_t>(head) * count * static_cast<int64_t>(sizeof(float)), count, [&](float* run, int, int length) {
        for (int i = 0; i < length; i += kLanes) {
            move(run + i, state_vector(state, op.key_size, vectors, key, vector));
            if (++vector == vectors) {
                vector = 0;
                key++;
            }
        }
    });
}

// y = x / √(Σx² + 1e-6) · scale.
SRV_INLINE void normalize(const float* x, float* y, int count, float scale) {
    const Vector factor = splat(scale / square_root(square_sum(x, count) + 1e-6f));
    for (int k = 0; k < count; k += kLanes) {
        const int lanes = count - k < kLanes ? count - k : kLanes;
        store_first(y + k, mul(load_first(x + k, lanes), factor), lanes);
    }
}

// e^(rate · ln(1 + e^x)), in double, as what is off here is taken to the power of every token.
SRV_INLINE float decay_of(float rate, float x) {
    const double soft = x > 30 ? static_cast<double>(x) : __builtin_log(1 + __builtin_exp(static_cast<double>(x)));
    return static_cast<float>(__builtin_exp(static_cast<double>(rate) * soft));
}

// A head's columns of one row after the other are stretches too short, and too far apart, for the processor's own prefetcher.
SRV_INLINE void prefetch_floats(const float* from, int count) {
    for (int k = 0; k < count; k += kLanes) {
        _mm_prefetch(reinterpret_cast<const char*>(from + k), _MM_HINT_T1);
    }
}

// What of a strip's rows is the same for every column. Values and gates, which come later, are asked for meanwhile.
static void prepare_strip(const Engine& engine, const srv_op& op, const DeltaScratch& s, int head, int first_row, int rows) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& rates = engine.buffers[op.rates];
    const Buffer& gates = engine.buffers[op.gate];
    const int64_t stride = round_to_line(op.key_size);
    const int keys = op.key_heads * op.key_size;
    const int key_head = head / (op.value_heads / op.key_heads);
    const float rate = vector_weight(engine, op.rate)[head];
    const float bias = vector_weight(engine, op.decay_bias)[head];
    const float scale = 1.0f / square_root(static_cast<float>(op.key_size));
    for (int r = 0; r < rows; r++) {
        const float* row = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(first_row + r) * input.stride;
        const float* q = row + key_head * op.key_size;
        prefetch_floats(row + 2 * keys + head * op.value_size, op.value_size);
        prefetch_floats(reinterpret_cast<const float*>(gates.data) + static_cast<int64_t>(first_row + r) * gates.stride + op.gate_column + head * op.value_size, op.value_size);
        if (r + kRowsAhead < rows) {
            prefetch_floats(q + kRowsAhead * static_cast<int64_t>(input.stride), op.key_size);
            prefetch_floats(q + keys + kRowsAhead * static_cast<int64_t>(input.stride), op.key_size);
        }

        const float* row_rates = reinterpret_cast<const float*>(rates.data) + static_cast<int64_t>(first_row + r) * rates.stride;
        normalize(q, s.queries + r * stride, op.key_size, scale);
        normalize(q + keys, s.keys + r * stride, op.key_size, 1.0f);
        s.betas[r] = 1.0f / (1.0f + exponential(-row_rates[head]));
        s.decays[r] = decay_of(rate, row_rates[op.value_heads + head] + bias);
    }
}

// S ← S · decay, and kᵀS.
template <int Vectors>
SRV_INLINE void recall(float* state, const float* k, Vector decay, int key_size, Vector* recalled) {
    for (int j = 0; j < Vectors; j++) {
        recalled[j] = zero();
    }

    for (int i = 0; i < key_size; i++, state += Vectors * kLanes) {
        const Vector key = splat(k[i]);
        for (int j = 0; j < Vectors; j++) {
            const Vector value = mul(load(state + j * kLanes), decay);
            store(state + j * kLanes, value);
            recalled[j] = fma(key, value, recalled[j]);
        }
    }
}

// S ← S + k ⊗ change, and o = qᵀS; where a row follows, what it recalls besides.
template <int Vectors, bool Follows>
SRV_INLINE void update(float* state, const float* k, const float* q, const float* next_k, Vector next_decay, int key_size, const Vector* change, Vector* recalled, float* o) {
    Vector read[Vectors];
    for (int j = 0; j < Vectors; j++) {
        read[j] = zero();
        recalled[j] = zero();
    }

    for (int i = 0; i < key_size; i++, state += Vectors * kLanes) {
        const Vector key = splat(k[i]);
        const Vector query = splat(q[i]);
        const Vector next_key = Follows ? splat(next_k[i]) : zero();
        for (int j = 0; j < Vectors; j++) {
            Vector value = fma(key, change[j], load(state + j * kLanes));
            read[j] = fma(query, value, read[j]);
            if (Follows) {
                value = mul(value, next_decay);
                recalled[j] = fma(next_key, value, recalled[j]);
            }

            store(state + j * kLanes, value);
        }
    }

    for (int j = 0; j < Vectors; j++) {
        store(o + j * kLanes, read[j]);
    }
}

// A strip's rows through one block. v and o: the block's columns in the strip's first row.
template <int Vectors>
static void run_block(const srv_op& op, const DeltaScratch& s, float* state, const float* v, int64_t v_stride, float* o, int rows) {
    const int64_t stride = round_to_line(op.key_size);
    Vector recalled[Vectors];
    recall<Vectors>(state, s.keys, splat(s.decays[0]), op.key_size, recalled);
    for (int r = 0; r < rows; r++, v += v_stride, o += op.value_size) {
        Vector change[Vectors];
        for (int j = 0; j < Vectors; j++) {
            change[j] = mul(sub(load(v + j * kLanes), recalled[j]), splat(s.betas[r]));
        }

        const float* k = s.keys + r * stride;
        const float* q = s.queries + r * stride;
        if (r + 1 < rows) {
            update<Vectors, true>(state, k, q, k + stride, splat(s.decays[r + 1]), op.key_size, change, recalled, o);
        } else {
            update<Vectors, false>(state, k, q, nullptr, zero(), op.key_size, change, recalled, o);
        }
    }
}

// output = norm(o) · gate · σ(gate), rounded, for the rows of a strip.
static void finish_strip(const Engine& engine, const srv_op& op, const DeltaScratch& s, int head, int first_row, int rows) {
    const Buffer& gates = engine.buffers[op.gate];
    const Buffer& output = engine.buffers[op.output];
    const float* weight = vector_weight(engine, op.weight);
    for (int r = 0; r < rows; r++) {
        const float* o = s.outputs + r * op.value_size;
        const float* gate = reinterpret_cast<const float*>(gates.data) + static_cast<int64_t>(first_row + r) * gates.stride + op.gate_column + head * op.value_size;
        Activation* y = reinterpret_cast<Activation*>(output.data) + static_cast<int64_t>(first_row + r) * output.stride + head * op.value_size;
        const Vector factor = splat(1.0f / square_root(mean_square(o, op.value_size) + op.epsilon));
        for (int k = 0; k < op.value_size; k += kLanes) {
            const Vector z = load(gate + k);
            store_rounded(y + k, gate_times(z, z, mul(mul(load(o + k), factor), load(weight + k))));
        }
    }
}

static void run_head(const Engine& engine, const StepJob& job, const srv_op& op, const srv_sequence& sequence, int head, const DeltaScratch& s) {
    if (sequence.state_read < 0) {
        __builtin_memset(s.state, 0, static_cast<size_t>(op.key_size) * op.value_size * sizeof(float));
    } else {
        each_state_vector(engine, job, op, sequence.state_read, head, s.state, [](const float* page, float* scratch) { store(scratch, load(page)); });
    }

    const Buffer& input = engine.buffers[op.input];
    for (int first = 0; first < sequence.row_count; first += kStripRows) {
        const int rows = sequence.row_count - first < kStripRows ? sequence.row_count - first : kStripRows;
        const int first_row = sequence.first_row + first;
        prepare_strip(engine, op, s, head, first_row, rows);
        const float* v = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(first_row) * input.stride + 2 * op.key_heads * op.key_size + head * op.value_size;
        for (int column = 0; column < op.value_size; column += kBlockVectors * kLanes) {
            float* state = s.state + static_cast<int64_t>(column) * op.key_size;
            const bool whole = op.value_size - column >= kBlockVectors * kLanes;
            (whole ? &run_block<kBlockVectors> : &run_block<1>)(op, s, state, v + column, input.stride, s.outputs + column, rows);
        }

        finish_strip(engine, op, s, head, first_row, rows);
    }

    each_state_vector(engine, job, op, sequence.state_write, head, s.state, [](float* page, const float* scratch) { store(page, load(scratch)); });
}

static void delta_rule(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const DeltaScratch s = delta_scratch(engine, op, worker);
    for (int unit = worker; unit < job.step->sequence_count * op.value_heads; unit += engine.pool.count()) {
        run_head(engine, job, op, job.step->sequences[unit / op.value_heads], unit % op.value_heads, s);
    }
}
