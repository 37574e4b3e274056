// Experts: which of them rows go through, rows sorted by expert, Linears over them, and what they give put together again.

// Expert a before expert b: the larger logit, of equal ones the lower number.
SRV_INLINE void choose(const float* logits, int experts, int choices, int32_t* chosen) {
    int count = 0;
    for (int e = 0; e < experts; e++) {
        int at = count;
        while (at > 0 && logits[e] > logits[chosen[at - 1]]) {
            at--;
        }

        if (at == choices) {
            continue;
        }

        count = count < choices ? count + 1 : choices;
        for (int i = count - 1; i > at; i--) {
            chosen[i] = chosen[i - 1];
        }

        chosen[at] = e;
    }
}

// Rows are dealt to the workers; sort_choices follows behind a barrier.
static void route(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const int experts = engine.program.expert_count;
    const int choices = engine.program.choice_count;
    const Buffer& input = engine.buffers[op.input];
    const Share share = share_of(engine, job.step->row_count, worker);
    for (int row = share.first; row < share.end; row++) {
        const float* logits = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(row) * input.stride;
        int32_t* chosen = engine.choices.experts + static_cast<int64_t>(row) * choices;
        float* weights = engine.choices.weights + static_cast<int64_t>(row) * choices;
        choose(logits, experts, choices, chosen);
        const float largest = logits[chosen[0]];
        float total = 0;
        for (int i = 0; i < choices; i++) {
            weights[i] = exponential(logits[chosen[i]] - largest);
            total += weights[i];
        }

        if (op.mode == 0) {
            total = 0;
            for (int e = 0; e < experts; e++) {
                total += exponential(logits[e] - largest);
            }
        }

        for (int i = 0; i < choices; i++) {
            weights[i] /= total;
        }
    }
}

// The adapters of all places, and the runs of those that share one that has matrices of their expert.
static void find_expert_runs(Engine& engine) {
    ExpertChoices& choices = engine.choices;
    choices.run_count = 0;
    for (int e = 0; e < engine.program.expert_count; e++) {
        const int end = choices.starts[e + 1];
        for (int place = choices.starts[e]; place < end;) {
            const int first = place;
            const int32_t slot = engine.row_slots[choices.rows[first]];
            for (; place < end && engine.row_slots[choices.rows[place]] == slot; place++) {
                choices.slots[place] = slot;
            }

            if (slot >= 0 && (engine.slots[slot].parts & kPartExperts) != 0) {
                choices.runs[choices.run_count++] = ExpertRun{first, place - first, e, slot};
            }
        }
    }
}

// Finds the choices' places: one worker counts, adds up and deals them out.
static void sort_choices(const Engine& engine, int rows) {
    const ExpertChoices& choices = engine.choices;
    const int experts = engine.program.expert_count;
    const int each = engine.program.choice_count;
    __builtin_memset(choices.starts, 0, sizeof *choices.starts * static_cast<size_t>(experts + 1));
    for (int i = 0; i < rows * each; i++) {
        choices.starts[choices.experts[i] + 1]++;
    }

    for (int e = 0; e < experts; e++) {
        choices.starts[e + 1] += choices.starts[e];
    }

    // Every expert's start moves to its end, which is the next one's start.
    for (int i = 0; i < rows * each; i++) {
        const int place = choices.starts[choices.experts[i]]++;
        choices.places[i] = place;
        choices.rows[place] = i / each;
    }

    for (int e = experts; e > 0; e--) {
        choices.starts[e] = choices.starts[e - 1];
    }

    choices.starts[0] = 0;
}

static void dispatch(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const Share share = share_of(engine, job.step->row_count * engine.program.choice_count, worker);
    for (int place = share.first; place < share.end; place++) {
        const Activation* from = reinterpret_cast<const Activation*>(input.data) + static_cast<int64_t>(engine.choices.rows[place]) * input.stride;
        Activation* to = reinterpret_cast<Activation*>(output.data) + static_cast<int64_t>(place) * output.stride;
        __builtin_memcpy(to, from, static_cast<size_t>(input.columns) * sizeof *from);
    }
}

// x·Aᵀ of the rows that experts' adapters change: only experts that have such rows are looked at.
static void shrink_of_experts(ShrinkCall call) {
    const ExpertChoices& choices = call.engine->choices;
    for (int i = 0; i < choices.run_count; i++) {
        const ExpertRun& run = choices.runs[i];
        shrink_rows(call, call.engine->slots[run.slot], run.expert, run.first, run.count);
    }
}

// What a panel costs beside its rows, in rows: it is read from memory.
constexpr int kPanelCost = 3;

// Every expert's rows meet its panels. All panels of all experts that have rows are dealt to the workers by what they cost; who computes a panel changes no bit.
static void linear_of_experts(const LinearCall& call, int worker) {
    const Engine& engine = *call.engine;
    const Weight& weight = *call.weight;
    const int32_t* starts = engine.choices.starts;
    const auto cost_of = [starts](int e) { return starts[e + 1] > starts[e] ? starts[e + 1] - starts[e] + kPanelCost : 0; };
    int64_t total = 0;
    for (int e = 0; e < weight.experts; e++) {
        total += int64_t{weight.expert_panels} * cost_of(e);
    }

    const int64_t begin = total * worker / engine.pool.count();
    const int64_t end = total * (worker + 1) / engine.pool.count();
    const auto panel_at = [&weight](int64_t cost, int64_t each) {
        const int64_t panel = cost <= 0 ? 0 : (cost + each - 1) / each;
        return panel < weight.expert_panels ? static_cast<int>(panel) : weight.expert_panels;
    };
    int64_t at = 0;
    for (int e = 0; e < weight.experts && at < end; e++) {
        const int64_t each = cost_of(e);
        if (each == 0) {
            continue;
        }

        const int first = panel_at(begin - at, each);
        const int last = panel_at(end - at, each);
        at += each * weight.expert_panels;
        if (first < last) {
            LinearCall expert = call;
            expert.expert = e;
            expert.first_row = starts[e];
            expert.rows = starts[e + 1] - starts[e];
            expert.bias = call.bias == nullptr ? nullptr : call.bias + static_cast<int64_t>(e) * weight.expert_rows;
            linear_panels(expert, e * weight.expert_panels + first, e * weight.expert_panels + last);
        }
    }
}

// Rows and columns both, as gate_mul.
static void combine(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const int choices = engine.program.choice_count;
    constexpr int kChunk = 256;
    const int chunks = (output.columns + kChunk - 1) / kChunk;
    const Share share = share_of(engine, job.step->row_count * chunks, worker);
    for (int unit = share.first; unit < share.end; unit++) {
        const int row = unit / chunks;
        const int first = unit % chunks * kChunk;
        const int end = first + kChunk < output.columns ? first + kChunk : output.columns;
        const int32_t* places = engine.choices.places + static_cast<int64_t>(row) * choices;
        const float* weights = engine.choices.weights + static_cast<int64_t>(row) * choices;
        float* to = reinterpret_cast<float*>(output.data) + static_cast<int64_t>(row) * output.stride;
        for (int k = first; k < end; k += kLanes) {
            // Rows are padded to whole vectors.
            Vector sum = zero();
            for (int i = 0; i < choices; i++) {
                sum = fma(splat(weights[i]), load(reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(places[i]) * input.stride + k), sum);
            }

            if (k + kLanes <= end) {
                store(to + k, add(load(to + k), sum));
            } else {
                store_first(to + k, add(load_first(to + k, end - k), sum), end - k);
            }
        }
    }
}
