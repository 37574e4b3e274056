// Sampling and logprobs of one output row, in the order that Steps/SampleRow.cs documents.

constexpr float kGreedyTemperature = 1e-5f;
constexpr int kCdfBlock = 1024;

struct SampleScratch {
    float* values;  // [vocabulary, padded]
    double* bins;   // [kSelectBins]
};

static int64_t sample_scratch_bytes(const Engine& engine) {
    return (int64_t{engine.program.vocabulary_size} + kLanes) * 4 + kSelectBins * 8 + 64;
}

// The upper 24 bits of word 0 of Philox4x32-10 (Salmon et al. 2011) at counter (output index, choice index, 0, 0), times 2^-24.
static float uniform_of(uint64_t seed, uint32_t output_index, uint32_t choice_index) {
    uint32_t c[4] = {output_index, choice_index, 0, 0};
    uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t first = uint64_t{0xD2511F53} * c[0];
        const uint64_t second = uint64_t{0xCD9E8D57} * c[2];
        const uint32_t next[4] = {static_cast<uint32_t>(second >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(second),
            static_cast<uint32_t>(first >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(first)};
        __builtin_memcpy(c, next, sizeof c);
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }

    return static_cast<float>(c[0] >> 8) * (1.0f / 16777216.0f);
}

static float largest_value(const float* values, int count) {
    Vector most = splat(kNoScore);
    int i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        most = larger(most, load(values + i));
    }

    if (i < count) {
        most = larger(most, keep_first(load_first(values + i, count - i), count - i, splat(kNoScore)));
    }

    return max_lanes(most);
}

// The id of the largest value, the lowest among equals; 0 for a row that has none (all NaN).
static int largest_id(const float* values, int count) {
    const float largest = largest_value(values, count);
    for (int i = 0; i < count; i++) {
        if (values[i] == largest) {
            return i;
        }
    }

    return 0;
}

// ln Σ e^x: fp32 sums of 1,024, added up in double.
static float log_sum_exp(const float* values, int count) {
    const float largest = largest_value(values, count);
    const Vector top = splat(largest);
    double total = 0;
    for (int block = 0; block < count; block += kCdfBlock) {
        const int end = block + kCdfBlock < count ? block + kCdfBlock : count;
        Vector sum = zero();
        for (int i = block; i < end; i += kLanes) {
            const int lanes = end - i < kLanes ? end - i : kLanes;
            sum = add(sum, keep_first(exponential(sub(load_first(values + i, lanes), top)), lanes, zero()));
        }

        total += static_cast<double>(sum_lanes(sum));
    }

    return static_cast<float>(static_cast<double>(largest) + __builtin_log(total));
}

// Copies the logits of allowed tokens; others become -inf. Biases and penalties are finite and leave it that, so that this comes to the same before them as behind them.
static void copy_allowed(float* values, const float* logits, int count, const srv_sample_row& row, const srv_step& step) {
    if (row.mask_words == 0) {
        __builtin_memcpy(values, logits, static_cast<size_t>(count) * sizeof *values);
        return;
    }

    static_assert(32 % kLanes == 0, "a vector's bits are in one word");
    const uint32_t* mask = step.masks + row.first_mask;
    const Vector never = splat(kNoScore);
    for (int i = 0; i < count; i += kLanes) {
        const int lanes = count - i < kLanes ? count - i : kLanes;
        store_first(values + i, where_bits(mask[i / 32] >> i % 32, load_first(logits + i, lanes), never), lanes);
    }
}

static float penalised(float value, int output_count, const srv_sample_row& row) {
    value = value > 0 ? value / row.repetition_penalty : value * row.repetition_penalty;
    if (output_count > 0) {
        const float repeated = static_cast<float>(output_count) * row.frequency_penalty;
        value -= repeated;
        value -= row.presence_penalty;
    }

    return value;
}

// The pending token (-1: there is none) is in the output once more than the entries say, and may have none.
static void adjust_logits(float* values, const srv_sample_row& row, const srv_step& step, int pending) {
    for (int i = 0; i < row.bias_count; i++) {
        const srv_bias& bias = step.biases[row.first_bias + i];
        values[bias.token] += bias.bias;
    }

    bool counted = pending < 0 || row.penalty_count == 0;
    for (int i = 0; i < row.penalty_count; i++) {
        const srv_penalty& seen = step.penalties[row.first_penalty + i];
        const bool again = seen.token == pending;
        values[seen.token] = penalised(values[seen.token], seen.output_count + (again ? 1 : 0), row);
        counted = counted || again;
    }

    if (!counted) {
        values[pending] = penalised(values[pending], 1, row);
    }
}

// The sum of each block of 1,024 in id order, each one chain from zero; 8 blocks side by side hide the latency of the additions.
static void block_sums(const float* values, int count, int first, float* sums) {
    const float* at[8];
    int end[8];
    for (int b = 0; b < 8; b++) {
        const int start = first + b * kCdfBlock;
        at[b] = values + (start < count ? start : 0);
        end[b] = count - start < 0 ? 0 : count - start < kCdfBlock ? count - start : kCdfBlock;
        sums[b] = 0;
    }

    int i = 0;
    for (; i < end[7]; i++) {
        for (int b = 0; b < 8; b++) {
            sums[b] += at[b][i];
        }
    }

    for (int b = 0; b < 7; b++) {
        for (int k = i; k < end[b]; k++) {
            sums[b] += at[b][k];
        }
    }
}

// The first id at which the cumulative sum in id order exceeds u times the whole: within a block from zero, then over the blocks, all in fp32.
static int draw(const float* values, int count, float u, int best) {
    constexpr int kGroup = 8 * kCdfBlock;
    float sums[8];
    float total = 0;
    for (int group = 0; group < count; group += kGroup) {
        block_sums(values, count, group, sums);
        for (int b = 0; b < 8 && group + b * kCdfBlock < count; b++) {
            total += sums[b];
        }
    }

    const float target = u * total;
    float before = 0;
    int last = best;
    for (int group = 0; group < count; group += kGroup) {
        block_sums(values, count, group, sums);
        for (int b = 0; b < 8 && group + b * kCdfBlock < count; b++) {
            const int first = group + b * kCdfBlock;
            const int end = first + kCdfBlock < count ? first + kCdfBlock : count;
            float within = 0;
            for (int i = first; before + sums[b] > target && i < end; i++) {
                within += values[i];
                last = values[i] > 0 ? i : last;
                if (before + within > target) {
                    return i;
                }
            }

            before += sums[b];
        }
    }

    // Rounding can keep every sum at the target: the last token that was kept is then the one that u means.
    return last;
}

static int sample_row(const float* logits, int count, const srv_sample_row& row, const srv_step& step, int pending, const SampleScratch& scratch) {
    float* values = scratch.values;
    copy_allowed(values, logits, count, row, step);
    adjust_logits(values, row, step, pending);
    const int best = largest_id(values, count);
    if (row.temperature < kGreedyTemperature) {
        return best;
    }

    const Vector top = splat(values[best]);
    const Vector temperature = splat(row.temperature);
    const Vector floor = splat(row.min_p > 0 ? row.min_p : 0);
    for (int i = 0; i < count; i += kLanes) {
        const int lanes = count - i < kLanes ? count - i : kLanes;
        const Vector p = exponential(div(sub(load_first(values + i, lanes), top), temperature));
        store_first(values + i, where_less(p, floor, zero(), p), lanes);
    }

    if (row.top_k > 0 && row.top_k < count) {
        keep_largest(values, count, row.top_k, false, scratch.bins);
    }

    if (row.top_p < 1) {
        double mass = 0;
        for (int i = 0; i < count; i++) {
            mass += static_cast<double>(values[i]);
        }

        keep_largest(values, count, static_cast<double>(row.top_p) * mass, true, scratch.bins);
    }

    return draw(values, count, uniform_of(row.seed, row.output_index, row.choice_index), best);
}

// The wanted most likely tokens, highest first, lowest id first among equals.
static void most_likely(const float* logits, int count, int wanted, float normaliser, int32_t* ids, float* logprobs) {
    int held = 0;
    for (int id = 0; id < count; id++) {
        if (held == wanted && !(logits[id] > logprobs[held - 1])) {
            continue;
        }

        int at = held == wanted ? held - 1 : held++;
        for (; at > 0 && logits[id] > logprobs[at - 1]; at--) {
            ids[at] = ids[at - 1];
            logprobs[at] = logprobs[at - 1];
        }

        ids[at] = id;
        logprobs[at] = logits[id];
    }

    for (int i = 0; i < held; i++) {
        logprobs[i] -= normaliser;
    }
}

static void sample(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    uint8_t* at = engine.scratch.data + worker * engine.scratch_stride;
    const int count = engine.program.vocabulary_size;
    const SampleScratch scratch{reinterpret_cast<float*>(at + kSelectBins * 8), reinterpret_cast<double*>(at)};
    const Buffer& input = engine.buffers[op.input];
    const srv_outputs& outputs = *job.outputs;
    const int workers = engine.pool.count();
    for (int i = worker; i < job.step->output_count; i += workers) {
        const srv_sample_row& row = job.step->outputs[i];
        const float* logits = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(i) * input.stride;
        if (outputs.logits != nullptr) {
            __builtin_memcpy(outputs.logits + static_cast<int64_t>(i) * count, logits, static_cast<size_t>(count) * sizeof *logits);
        }

        const int token = row.target_token >= 0 ? row.target_token : sample_row(logits, count, row, *job.step, engine.pending_tokens[row.row], scratch);
        outputs.token_ids[i] = token;
        engine.fed_tokens[i] = token;
        if (row.top_logprobs >= 0) {
            const float normaliser = log_sum_exp(logits, count);
            outputs.logprobs[i] = logits[token] - normaliser;
            const int wanted = row.top_logprobs < kMaxTop ? row.top_logprobs : kMaxTop;
            if (wanted > 0) {
                most_likely(logits, count, wanted < count ? wanted : count, normaliser, outputs.top_ids + i * kMaxTop, outputs.top_logprobs + i * kMaxTop);
            }
        }
    }
}
