// A worker's way through a step: the op list in order, with a barrier between phases.

SRV_INLINE int rows_of(const Engine& engine, const StepJob& job, int buffer) {
    const int kind = engine.buffers[buffer].rows;
    return kind == 0 ? job.step->row_count : kind == 1 ? job.step->output_count : job.step->row_count * engine.program.choice_count;
}

static void run_linear(Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const bool per_output = input.rows == 1;
    const int rows = rows_of(engine, job, op.input);
    const auto* x = reinterpret_cast<const Activation*>(input.data);
    const bool of_experts = input.rows == 2;
    const bool adapters = op.slice_count > 0 && (job.parts & engine.slice_places[op.first_slice].part) != 0;
    const Weight& weight = engine.weight_table[op.weight];
    const bool integers = weight.format != SRV_FORMAT_BF16;
    if (integers) {
        quantize_rows(engine, x, input.stride, rows, weight, worker);
    }

    if (adapters) {
        const ShrinkCall call{&engine, &op, x, input.stride, worker, 0};
        if (of_experts) {
            shrink_of_experts(call);
        } else if (per_output) {
            shrink(call, engine.output_segments, job.output_segment_count);
        } else {
            shrink(call, job.step->segments, job.step->segment_count);
        }
    }

    if (adapters || integers) {
        engine.pool.barrier();
    }

    LinearCall call{};
    call.engine = &engine;
    call.op = &op;
    call.weight = &weight;
    call.x = x;
    call.x_stride = input.stride;
    call.rows = rows;
    call.slots = !adapters ? nullptr : of_experts ? engine.choices.slots : engine.row_slots + (per_output ? engine.limits.max_rows : 0);
    call.bias = op.bias < 0 ? nullptr : vector_weight(engine, op.bias);
    call.values = output.element == 0 ? reinterpret_cast<float*>(output.data) : nullptr;
    call.rounded = output.element == 0 ? nullptr : reinterpret_cast<Activation*>(output.data);
    call.stride = output.stride;
    (of_experts ? &linear_of_experts : &linear)(call, worker);
}

// What the logits of some outputs are computed from, as floats.
static void give_hidden(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const int columns = engine.program.hidden_size;
    for (int i = worker; i < job.step->hidden_count; i += engine.pool.count()) {
        const Activation* from = reinterpret_cast<const Activation*>(input.data) + static_cast<int64_t>(job.step->hidden[i]) * input.stride;
        float* to = job.outputs->hidden + static_cast<int64_t>(i) * columns;
        for (int k = 0; k < columns; k++) {
            to[k] = widen(from[k]);
        }
    }
}

static void run_op(Engine& engine, StepJob& job, const srv_op& op, int worker) {
    switch (op.kind) {
    case SRV_OP_EMBED: embed(engine, job, op, worker); break;
    case SRV_OP_RMS_NORM: rms_norm(engine, op, rows_of(engine, job, op.input), worker); break;
    case SRV_OP_LINEAR: run_linear(engine, job, op, worker); break;
    case SRV_OP_LOGITS:
        give_hidden(engine, job, op, worker);
        run_linear(engine, job, op, worker);
        break;
    case SRV_OP_ROPE_APPEND: rope_and_append(engine, job, op, worker); break;
    case SRV_OP_ATTENTION:
        attend(engine, job, op, worker);
        if (job.merge_count > 0) {
            engine.pool.barrier();
            merge_attention(engine, job, op, worker);
        }

        break;
    case SRV_OP_GATE_MUL: (op.mode == 0 ? &gate_mul<Silu> : op.mode == 1 ? &gate_mul<Gelu> : &gate_mul<SwigluOai>)(engine, op, rows_of(engine, job, op.input), worker); break;
    case SRV_OP_LAYER_NORM: layer_norm(engine, op, rows_of(engine, job, op.input), worker); break;
    case SRV_OP_ACTIVATION: (op.mode == 0 ? &activate<GeluAlone> : op.mode == 1 ? &activate<SquaredRelu> : &activate<XIelu>)(engine, op, rows_of(engine, job, op.input), worker); break;
    case SRV_OP_SIGMOID_MUL: sigmoid_mul(engine, op, rows_of(engine, job, op.input), worker); break;
    case SRV_OP_CONVOLUTION: convolution(engine, job, op, worker); break;
    case SRV_OP_DELTA_RULE: delta_rule(engine, job, op, worker); break;
    case SRV_OP_GATHER: gather(engine, job, op, worker); break;
    case SRV_OP_ROUTE:
        route(engine, job, op, worker);
        engine.pool.barrier();
        if (worker == 0) {
            sort_choices(engine, job.step->row_count);
            if ((job.parts & kPartExperts) != 0) {
                find_expert_runs(engine);
            }
        }

        break;
    case SRV_OP_DISPATCH: dispatch(engine, job, op, worker); break;
    case SRV_OP_COMBINE: combine(engine, job, op, worker); break;
    case SRV_OP_SAMPLE: sample(engine, job, op, worker); break;
    default: break;
    }
}

static void run_step(void* context, int worker) {
    StepJob& job = *static_cast<StepJob*>(context);
    Engine& engine = *job.engine;
    begin_worker();
    if (job.step->copy_count > 0) {
        copy_pages(engine, job, worker);
        engine.pool.barrier();
    }

    for (int i = 0; i < engine.program.op_count; i++) {
        const srv_op& op = engine.program.ops[i];
        run_op(engine, job, op, worker);
        if (i + 1 < engine.program.op_count) {
            engine.pool.barrier();
        }

        if (op.kind == SRV_OP_ATTENTION && worker == 0) {
            // The next attention is at least one barrier away.
            __atomic_store_n(&job.next_task, 0u, __ATOMIC_RELAXED);
        }
    }

    end_worker();
}

static int32_t worker_scratch(const Engine& engine) {
    const int64_t attention = attention_scratch_bytes(engine);
    const int64_t sampling = sample_scratch_bytes(engine);
    const int64_t recurrence = recurrence_scratch_bytes(engine);
    const int64_t most = attention > sampling ? attention : sampling;
    return static_cast<int32_t>(most > recurrence ? most : recurrence);
}
