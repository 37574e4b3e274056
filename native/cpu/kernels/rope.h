// RopeAndAppend: heads of [q | k | v] normed where the model does, rotated by position in fp32, rounded once; q to its buffer, k and v to the page.

constexpr int kMaxHeadSize = 512;

SRV_INLINE void weigh_head(float* x, const float* weight, int head_size) {
    for (int d = 0; d < head_size; d += kLanes) {
        const int count = panel_width(head_size, d);
        store_first(x + d, mul(load_first(x + d, count), load_first(weight + d, count)), count);
    }
}

// x = norm(x) · weight, unrounded, the weight left out where it comes behind the rotation; weight null leaves x as it is.
SRV_INLINE void norm_head(const float* x, const float* weight, bool turned, float epsilon, int head_size, float* y) {
    if (weight == nullptr) {
        __builtin_memcpy(y, x, static_cast<size_t>(head_size) * sizeof *x);
        return;
    }

    const Vector scale = splat(1.0f / square_root(mean_square(x, head_size) + epsilon));
    for (int d = 0; d < head_size; d += kLanes) {
        const int count = panel_width(head_size, d);
        const Vector normed = mul(load_first(x + d, count), scale);
        store_first(y + d, turned ? normed : mul(normed, load_first(weight + d, count)), count);
    }
}

// Element i turns with element i + pairs: (a cos - b sin, b cos + a sin).
SRV_INLINE void rotate_head(float* x, const float* cosines, const float* sines, int pairs) {
    for (int i = 0; i < pairs; i += kLanes) {
        const int count = pairs - i < kLanes ? pairs - i : kLanes;
        const Vector a = load_first(x + i, count);
        const Vector b = load_first(x + pairs + i, count);
        const Vector cosine = load_first(cosines + i, count);
        const Vector sine = load_first(sines + i, count);
        store_first(x + i, fma(a, cosine, sub(zero(), mul(b, sine))), count);
        store_first(x + pairs + i, fma(b, cosine, mul(a, sine)), count);
    }
}

// Norm and rotation of a head of q or k.
SRV_INLINE void turn_head(const float* x, const srv_op& op, const float* norm, const float* cosines, const float* sines, int head_size, int pairs, float* y) {
    norm_head(x, norm, op.mode == 1, op.epsilon, head_size, y);
    rotate_head(y, cosines, sines, pairs);
    if (op.mode == 1 && norm != nullptr) {
        weigh_head(y, norm, head_size);
    }
}

static void append_key(const uint16_t* x, uint16_t* block, int slot, int head_size) {
    for (int p = 0; p < head_size / 2; p++) {
        __builtin_memcpy(block + (p * kPageTokens + slot) * 2, x + 2 * p, 2 * sizeof *x);
    }
}

static void append_value(const uint16_t* x, uint16_t* block, int slot, int head_size) {
    for (int first = 0; first < head_size; first += kLanes) {
        const int width = panel_width(head_size, first);
        uint16_t* to = block + first * kPageTokens + slot / 2 * 2 * width + slot % 2;
        for (int d = 0; d < width; d++) {
            to[d * 2] = x[first + d];
        }
    }
}

// A head rounded to bf16. Whole vectors are read and written: both arrays have room for them.
SRV_INLINE void round_head(const float* x, uint16_t* rounded, int head_size) {
    for (int d = 0; d < head_size; d += kLanes) {
        store_bf16(rounded + d, load(x + d));
    }
}

// Rounds a head to integers and returns what one stands for. Whole vectors are read, zeros behind the head.
static float quantize_head(const float* x, int8_t* integers, int head_size) {
    Vector most = zero();
    for (int d = 0; d < head_size; d += kLanes) {
        most = larger(most, magnitude(load(x + d)));
    }

    const float largest = max_lanes(most);
    const Vector factor = splat(largest > kSmallest ? 127.0f / largest : 0.0f);
    for (int d = 0; d < head_size; d += kLanes) {
        store_int8(integers + d, nearest(mul(load(x + d), factor)));
    }

    return largest / 127.0f;
}

// Writes a key or a value, from fp32: it is rounded once.
static void append_integers(const Engine& engine, const float* x, int page, int slot, int layer, int head, bool is_key) {
    const int head_size = engine.program.head_size;
    alignas(64) int8_t integers[kMaxHeadSize];
    const float scale = quantize_head(x, integers, head_size);
    int8_t* block = is_key ? integer_keys(engine, page, layer, head) : integer_values(engine, page, layer, head);
    scales_of(block, head_size)[slot] = scale;
    if (!is_key) {
        __builtin_memcpy(block + slot * head_size, integers, static_cast<size_t>(head_size));
        return;
    }

    for (int d = 0; d < head_size; d++) {
        block[d * kPageTokens + slot] = integers[d];
    }
}

static void rope_and_append(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const srv_program& program = engine.program;
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const int head_size = program.head_size;
    const int pairs = program.rope_pairs;
    const float* query_norm = op.query_norm < 0 ? nullptr : vector_weight(engine, op.query_norm);
    const float* key_norm = op.key_norm < 0 ? nullptr : vector_weight(engine, op.key_norm);
    const int heads = program.head_count + 2 * program.kv_head_count;
    const Share share = share_of(engine, job.step->row_count * heads, worker);
    alignas(64) float y[kMaxHeadSize] = {};
    alignas(64) uint16_t rounded[kMaxHeadSize];
    for (int unit = share.first; unit < share.end; unit++) {
        const int row = unit / heads;
        const int head = unit % heads;
        const float* x = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(row) * input.stride + head * head_size;
        const int64_t angle = (int64_t{op.table} * program.rope_positions + job.step->positions[row]) * pairs;
        const int page = job.step->append_pages[row];
        const int slot = job.step->append_slots[row];
        const int key_head = head - program.head_count;
        if (key_head < 0) {
            turn_head(x, op, query_norm, program.cosines + angle, program.sines + angle, head_size, pairs, y);
            Activation* q = reinterpret_cast<Activation*>(output.data) + static_cast<int64_t>(row) * output.stride + head * head_size;
            for (int d = 0; d < head_size; d += kLanes) {
                const int count = panel_width(head_size, d);
                store_rounded_first(q + d, load_first(y + d, count), count);
            }
        } else if (key_head < program.kv_head_count) {
            turn_head(x, op, key_norm, program.cosines + angle, program.sines + angle, head_size, pairs, y);
            if (has_integers(engine)) {
                append_integers(engine, y, page, slot, op.layer, key_head, true);
                continue;
            }

            round_head(y, rounded, head_size);
            append_key(rounded, page_keys(engine, page, op.layer, key_head), slot, head_size);
        } else {
            norm_head(x, nullptr, false, 0, head_size, y);
            if (has_integers(engine)) {
                append_integers(engine, y, page, slot, op.layer, key_head - program.kv_head_count, false);
                continue;
            }

            round_head(y, rounded, head_size);
            append_value(rounded, page_values(engine, page, op.layer, key_head - program.kv_head_count), slot, head_size);
        }
    }
}
