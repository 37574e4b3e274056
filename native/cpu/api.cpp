// The C ABI over the engine. See serving_cpu.h.
#include <stddef.h>
#include <string.h>

#include <new>

#include "build.h"
#include "engine.h"
#include "isa/dot_rate.h"
#include "pack.h"
#include "plan.h"
#include "processor.h"
#include "topology.h"

using serving::Engine;

struct srv_engine {
    Engine engine;
};

namespace {

bool is_counted(int32_t count, int32_t most) { return count >= 0 && count <= most; }

bool step_fits(const Engine& engine, const srv_step& step) {
    return is_counted(step.row_count, engine.limits.max_rows) && is_counted(step.sequence_count, engine.limits.max_sequences)
        && is_counted(step.output_count, engine.limits.max_outputs)
        && is_counted(step.hidden_count, engine.limits.max_sequences) && step.entry_count >= 0 && step.segment_count >= 0 && step.copy_count >= 0 && step.state_page_count >= 0;
}

bool are_pages(const int32_t* pages, int32_t count, int32_t most) {
    for (int32_t i = 0; i < count; i++) {
        if (pages[i] < 0 || pages[i] >= most) {
            return false;
        }
    }

    return count >= 0;
}

// Every sequence has whole versions of its recurrent state to read, unless it begins, and to write.
bool states_fit(const Engine& engine, const srv_step& step) {
    if (engine.program.state_bytes == 0) {
        return true;
    }

    const int64_t last = step.state_page_count - (engine.program.state_bytes + engine.limits.page_bytes - 1) / engine.limits.page_bytes;
    for (int32_t i = 0; i < step.sequence_count; i++) {
        const srv_sequence& sequence = step.sequences[i];
        if (sequence.state_read < -1 || sequence.state_read > last || sequence.state_write < 0 || sequence.state_write > last) {
            return false;
        }
    }

    return are_pages(step.state_pages, step.state_page_count, engine.limits.page_count);
}

int32_t copy_pages(const Engine& engine, const uint8_t* from, const int32_t* sources, uint8_t* to, const int32_t* targets, int32_t count) {
    const int64_t bytes = engine.limits.page_bytes;
    for (int32_t i = 0; i < count; i++) {
        memcpy(to + targets[i] * bytes, from + sources[i] * bytes, static_cast<size_t>(bytes));
    }

    return SRV_OK;
}

struct Numbers {
    int32_t* to;
    int32_t capacity;
    int32_t count;

    void add(size_t value) {
        if (count < capacity) {
            to[count] = static_cast<int32_t>(value);
        }

        count++;
    }
};

}  // namespace

#define SIZE(type) numbers.add(sizeof(type))
#define FIELD(type, name) numbers.add(offsetof(type, name))

static void layout_of_program(Numbers& numbers) {
    SIZE(srv_options);
    FIELD(srv_options, struct_size); FIELD(srv_options, abi_version); FIELD(srv_options, isa); FIELD(srv_options, thread_count);
    FIELD(srv_options, integer_isa); FIELD(srv_options, reserved);
    SIZE(srv_op);
    FIELD(srv_op, kind); FIELD(srv_op, input); FIELD(srv_op, output); FIELD(srv_op, weight); FIELD(srv_op, bias); FIELD(srv_op, query_norm);
    FIELD(srv_op, key_norm); FIELD(srv_op, mode); FIELD(srv_op, layer); FIELD(srv_op, first_slice); FIELD(srv_op, slice_count); FIELD(srv_op, epsilon);
    FIELD(srv_op, scale); FIELD(srv_op, cap); FIELD(srv_op, window); FIELD(srv_op, table); FIELD(srv_op, first_column); FIELD(srv_op, factor);
    FIELD(srv_op, gate); FIELD(srv_op, gate_column); FIELD(srv_op, rates); FIELD(srv_op, rate); FIELD(srv_op, decay_bias); FIELD(srv_op, key_heads);
    FIELD(srv_op, value_heads); FIELD(srv_op, key_size); FIELD(srv_op, value_size); FIELD(srv_op, taps); FIELD(srv_op, state_offset);
    SIZE(srv_buffer);
    FIELD(srv_buffer, columns); FIELD(srv_buffer, element); FIELD(srv_buffer, rows);
    SIZE(srv_weight);
    FIELD(srv_weight, rows); FIELD(srv_weight, columns); FIELD(srv_weight, kind); FIELD(srv_weight, format); FIELD(srv_weight, offset);
    FIELD(srv_weight, experts);
    SIZE(srv_slice);
    FIELD(srv_slice, input_width); FIELD(srv_slice, output_offset); FIELD(srv_slice, output_width); FIELD(srv_slice, experts);
    SIZE(srv_program);
    FIELD(srv_program, struct_size); FIELD(srv_program, hidden_size); FIELD(srv_program, layer_count); FIELD(srv_program, head_count);
    FIELD(srv_program, kv_head_count); FIELD(srv_program, head_size); FIELD(srv_program, vocabulary_size); FIELD(srv_program, rope_positions);
    FIELD(srv_program, rope_pairs); FIELD(srv_program, op_count); FIELD(srv_program, buffer_count); FIELD(srv_program, weight_count);
    FIELD(srv_program, slice_count); FIELD(srv_program, rope_tables); FIELD(srv_program, expert_count);
    FIELD(srv_program, choice_count); FIELD(srv_program, key_values); FIELD(srv_program, reserved); FIELD(srv_program, state_bytes);
    FIELD(srv_program, ops); FIELD(srv_program, buffers); FIELD(srv_program, weights);
    FIELD(srv_program, slices); FIELD(srv_program, cosines); FIELD(srv_program, sines);
    SIZE(srv_pool);
    FIELD(srv_pool, struct_size); FIELD(srv_pool, page_count); FIELD(srv_pool, page_bytes); FIELD(srv_pool, adapter_slots); FIELD(srv_pool, max_rows);
    FIELD(srv_pool, max_sequences); FIELD(srv_pool, max_outputs); FIELD(srv_pool, max_context); FIELD(srv_pool, host_page_count);
    SIZE(srv_adapter_slice);
    FIELD(srv_adapter_slice, slice); FIELD(srv_adapter_slice, rank); FIELD(srv_adapter_slice, scale); FIELD(srv_adapter_slice, first_run);
    FIELD(srv_adapter_slice, run_count); FIELD(srv_adapter_slice, expert); FIELD(srv_adapter_slice, a); FIELD(srv_adapter_slice, b);
    FIELD(srv_adapter_slice, factors);
    SIZE(srv_cell_run);
    FIELD(srv_cell_run, page); FIELD(srv_cell_run, first_cell); FIELD(srv_cell_run, matrix); FIELD(srv_cell_run, rank_block);
    FIELD(srv_cell_run, first_tile); FIELD(srv_cell_run, tile_count);
}

static void layout_of_step(Numbers& numbers) {
    SIZE(srv_sequence);
    FIELD(srv_sequence, first_row); FIELD(srv_sequence, row_count); FIELD(srv_sequence, first_ordinal); FIELD(srv_sequence, first_entry);
    FIELD(srv_sequence, entry_count); FIELD(srv_sequence, state_read); FIELD(srv_sequence, state_write);
    SIZE(srv_page);
    FIELD(srv_page, page); FIELD(srv_page, valid_length);
    SIZE(srv_segment);
    FIELD(srv_segment, first_row); FIELD(srv_segment, row_count); FIELD(srv_segment, adapter_slot);
    SIZE(srv_page_copy);
    FIELD(srv_page_copy, source); FIELD(srv_page_copy, destination); FIELD(srv_page_copy, tokens);
    SIZE(srv_penalty);
    FIELD(srv_penalty, token); FIELD(srv_penalty, output_count);
    SIZE(srv_bias);
    FIELD(srv_bias, token); FIELD(srv_bias, bias);
    SIZE(srv_sample_row);
    FIELD(srv_sample_row, row); FIELD(srv_sample_row, target_token); FIELD(srv_sample_row, top_logprobs); FIELD(srv_sample_row, top_k);
    FIELD(srv_sample_row, temperature); FIELD(srv_sample_row, top_p); FIELD(srv_sample_row, min_p); FIELD(srv_sample_row, repetition_penalty);
    FIELD(srv_sample_row, presence_penalty); FIELD(srv_sample_row, frequency_penalty); FIELD(srv_sample_row, first_penalty);
    FIELD(srv_sample_row, penalty_count); FIELD(srv_sample_row, first_bias); FIELD(srv_sample_row, bias_count); FIELD(srv_sample_row, first_mask);
    FIELD(srv_sample_row, mask_words); FIELD(srv_sample_row, seed);
    FIELD(srv_sample_row, output_index); FIELD(srv_sample_row, choice_index);
    SIZE(srv_step);
    FIELD(srv_step, struct_size); FIELD(srv_step, row_count); FIELD(srv_step, sequence_count); FIELD(srv_step, entry_count);
    FIELD(srv_step, segment_count); FIELD(srv_step, copy_count); FIELD(srv_step, output_count); FIELD(srv_step, penalty_count);
    FIELD(srv_step, bias_count); FIELD(srv_step, mask_word_count); FIELD(srv_step, hidden_count); FIELD(srv_step, state_page_count); FIELD(srv_step, token_ids); FIELD(srv_step, positions); FIELD(srv_step, append_pages);
    FIELD(srv_step, append_slots); FIELD(srv_step, sequences); FIELD(srv_step, entries); FIELD(srv_step, segments); FIELD(srv_step, copies);
    FIELD(srv_step, outputs); FIELD(srv_step, penalties); FIELD(srv_step, biases);
    FIELD(srv_step, masks); FIELD(srv_step, hidden); FIELD(srv_step, state_pages);
    SIZE(srv_outputs);
    FIELD(srv_outputs, struct_size); FIELD(srv_outputs, reserved); FIELD(srv_outputs, token_ids); FIELD(srv_outputs, logprobs);
    FIELD(srv_outputs, top_ids); FIELD(srv_outputs, top_logprobs); FIELD(srv_outputs, logits); FIELD(srv_outputs, hidden);
}

int32_t srv_cpu_abi_version(void) { return SRV_CPU_ABI_VERSION; }

int32_t srv_cpu_layout(int32_t* numbers, int32_t capacity) {
    Numbers written{numbers, capacity, 0};
    layout_of_program(written);
    layout_of_step(written);
    return written.count;
}

uint32_t srv_cpu_instruction_sets(void) {
    uint32_t sets = serving::detect_instruction_sets();
    for (int isa = SRV_ISA_AVX2; isa <= SRV_ISA_AMX_EMULATED; isa++) {
        if (serving::kernels_of(isa) == nullptr) {
            sets &= ~(1u << isa);
        }
    }

    return sets;
}

int32_t srv_cpu_preferred_isa(void) {
    static const int32_t preferred = [] {
        const uint32_t sets = srv_cpu_instruction_sets();
        const auto has = [sets](int isa) { return (sets & (1u << isa)) != 0; };
        if (has(SRV_ISA_AMX)) {
            return SRV_ISA_AMX;
        }

        if (has(SRV_ISA_AVX512_BF16) && serving::dot_products_pay()) {
            return SRV_ISA_AVX512_BF16;
        }

        return has(SRV_ISA_AVX512) ? SRV_ISA_AVX512 : has(SRV_ISA_AVX2) ? SRV_ISA_AVX2 : static_cast<srv_isa>(-1);
    }();
    return preferred;
}

int32_t srv_cpu_create(const srv_options* options, const srv_program* program, srv_engine** engine) {
    *engine = nullptr;
    if (options->abi_version != SRV_CPU_ABI_VERSION || options->struct_size != sizeof *options || program->struct_size != sizeof *program) {
        return SRV_BAD_VERSION;
    }

    if (options->isa < 0 || options->isa > SRV_ISA_AMX_EMULATED || (srv_cpu_instruction_sets() & (1u << options->isa)) == 0) {
        return SRV_UNSUPPORTED;
    }

    const serving::IntegerKernels* integers = serving::integer_kernels_of(options->isa, options->integer_isa);
    if (integers == nullptr) {
        return SRV_UNSUPPORTED;
    }

    auto* made = new (std::nothrow) srv_engine();
    if (made == nullptr) {
        return SRV_OUT_OF_MEMORY;
    }

    made->engine.isa = options->isa;
    made->engine.kernels = serving::kernels_of(options->isa);
    made->engine.integers = integers;
    const int count = options->thread_count > 0 ? options->thread_count : serving::default_thread_count();
    int32_t status = serving::build_program(made->engine, *program);
    if (status == SRV_OK && !made->engine.pool.start(count, count > 2 && count <= serving::affinity_count())) {
        status = SRV_NO_THREADS;
    }

    if (status != SRV_OK) {
        srv_cpu_destroy(made);
        return status;
    }

    *engine = made;
    return SRV_OK;
}

void srv_cpu_destroy(srv_engine* engine) {
    if (engine != nullptr) {
        serving::tear_down(engine->engine);
        delete engine;
    }
}

int32_t srv_cpu_thread_count(const srv_engine* engine) { return engine->engine.pool.count(); }

int64_t srv_cpu_packed_bytes(const srv_engine* engine, int32_t weight) {
    return weight < 0 || weight >= engine->engine.program.weight_count ? -1 : engine->engine.weight_table[weight].bytes;
}

int32_t srv_cpu_load_weight(srv_engine* engine, int32_t weight, int32_t first_row, const uint16_t* values, int64_t count) {
    if (weight < 0 || weight >= engine->engine.program.weight_count || first_row < 0 || count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    const serving::Weight& target = engine->engine.weight_table[weight];
    const int64_t unit = target.kind == 2 ? 1 : target.columns;
    const int64_t room = target.kind == 2 ? target.columns : target.rows;
    if (target.format != SRV_FORMAT_BF16 || count % unit != 0 || count / unit > room - first_row) {
        return SRV_BAD_ARGUMENT;
    }

    serving::pack_rows(engine->engine, target, first_row, values, count);
    return SRV_OK;
}

int32_t srv_cpu_load_floats(srv_engine* engine, int32_t weight, int32_t first_element, const float* values, int64_t count) {
    if (weight < 0 || weight >= engine->engine.program.weight_count || first_element < 0 || count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    const serving::Weight& target = engine->engine.weight_table[weight];
    if (target.format != SRV_FORMAT_F32 || count > target.columns - first_element) {
        return SRV_BAD_ARGUMENT;
    }

    serving::pack_floats(engine->engine, target, first_element, values, count);
    return SRV_OK;
}

int32_t srv_cpu_load_integers(srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, const int8_t* values, const uint16_t* scales) {
    if (weight < 0 || weight >= engine->engine.program.weight_count || first_row < 0 || row_count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    const serving::Weight& target = engine->engine.weight_table[weight];
    if (target.kind == 2 || target.format == SRV_FORMAT_BF16 || row_count > target.rows - first_row) {
        return SRV_BAD_ARGUMENT;
    }

    serving::pack_integers(engine->engine, target, first_row, row_count, values, scales);
    return SRV_OK;
}

int32_t srv_cpu_read_rows(const srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, float* values) {
    if (weight < 0 || weight >= engine->engine.program.weight_count || first_row < 0 || row_count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    const serving::Weight& source = engine->engine.weight_table[weight];
    if (source.kind == 2 || row_count > source.rows - first_row) {
        return SRV_BAD_ARGUMENT;
    }

    serving::read_rows(engine->engine, source, first_row, row_count, values);
    return SRV_OK;
}

uint32_t srv_cpu_integer_isas(void) { return serving::detect_integer_isas(); }

int32_t srv_cpu_allocate_pool(srv_engine* engine, const srv_pool* pool) {
    return pool->struct_size != sizeof *pool ? SRV_BAD_VERSION : serving::build_pool(engine->engine, *pool);
}

int32_t srv_cpu_pack_adapter(srv_engine* engine, int32_t slot, const srv_adapter_slice* slices, int32_t slice_count, const srv_cell_run* runs, int32_t run_count,
    const int32_t* pages, int32_t page_count) {
    if (engine->engine.arena.data == nullptr) {
        return SRV_BAD_STATE;
    }

    if (slot < 0 || slot >= engine->engine.limits.adapter_slots || slice_count < 0 || run_count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    return serving::pack_adapter(engine->engine, slot, slices, slice_count, runs, run_count, pages, page_count);
}

int32_t srv_cpu_copy_to_host(srv_engine* engine, const int32_t* pages, const int32_t* host_pages, int32_t count) {
    const Engine& from = engine->engine;
    if (!are_pages(pages, count, from.limits.page_count) || !are_pages(host_pages, count, from.limits.host_page_count)) {
        return SRV_BAD_ARGUMENT;
    }

    return copy_pages(from, from.arena.data, pages, from.host.data, host_pages, count);
}

int32_t srv_cpu_copy_from_host(srv_engine* engine, const int32_t* host_pages, const int32_t* pages, int32_t count) {
    const Engine& to = engine->engine;
    if (!are_pages(pages, count, to.limits.page_count) || !are_pages(host_pages, count, to.limits.host_page_count)) {
        return SRV_BAD_ARGUMENT;
    }

    return copy_pages(to, to.host.data, host_pages, to.arena.data, pages, count);
}

int32_t srv_cpu_execute(srv_engine* engine, const srv_step* step, const srv_outputs* outputs) {
    if (step->struct_size != sizeof *step || outputs->struct_size != sizeof *outputs) {
        return SRV_BAD_VERSION;
    }

    if (engine->engine.arena.data == nullptr) {
        return SRV_BAD_STATE;
    }

    if (!step_fits(engine->engine, *step) || !states_fit(engine->engine, *step)) {
        return SRV_BAD_ARGUMENT;
    }

    serving::StepJob job{};
    job.engine = &engine->engine;
    job.step = step;
    job.outputs = outputs;
    serving::plan_step(engine->engine, job);
    engine->engine.pool.run(engine->engine.kernels->step, &job);
    return SRV_OK;
}
