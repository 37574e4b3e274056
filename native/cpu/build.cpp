#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "processor.h"

namespace serving {

namespace avx2 {
extern const KernelSet kKernels;
}
namespace avx512 {
extern const KernelSet kKernels;
}
namespace avx512_bf16 {
extern const KernelSet kKernels;
}
namespace amx_emulated {
extern const KernelSet kKernels;
}
#ifdef SERVING_HAS_AMX
namespace amx {
extern const KernelSet kKernels;
}
#endif

namespace {

constexpr int64_t kAlign = 64;
constexpr int64_t kMaxHead = 512;

int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// Cuts pieces off a region, or only adds up their sizes while the region is not taken yet.
struct Carver {
    uint8_t* base = nullptr;
    int64_t used = 0;

    template <typename T>
    T* take(int64_t count) {
        T* here = base == nullptr ? nullptr : reinterpret_cast<T*>(base + used);
        used += round_up(count * static_cast<int64_t>(sizeof(T)), kAlign);
        return here;
    }
};

template <typename T>
const T* copy_table(Carver& carver, const T* from, int64_t count) {
    T* to = carver.take<T>(count);
    if (to != nullptr && count > 0) {
        memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
    }

    return to;
}

bool indexes(int index, int count) { return index >= 0 && index < count; }

// A norm of columns has them in its input and output, both of fp32; one without a weight is of the whole row, and rounds.
bool norm_is_valid(const srv_program& program, const srv_op& op) {
    const srv_buffer& input = program.buffers[op.input];
    const srv_buffer& output = program.buffers[op.output];
    if (op.mode != 1) {
        return op.first_column == 0 && input.columns == output.columns && (op.weight >= 0 ? program.weights[op.weight].columns == input.columns : op.mode == 0);
    }

    const int64_t end = op.weight < 0 ? 0 : int64_t{op.first_column} + program.weights[op.weight].columns;
    return op.weight >= 0 && op.first_column >= 0 && end <= input.columns && end <= output.columns && output.element == 0;
}

// A LayerNorm has a weight; one of heads has whole ones.
bool layer_norm_is_valid(const srv_program& program, const srv_op& op) {
    const auto has_columns = [&program](int weight, int columns) { return indexes(weight, program.weight_count) && program.weights[weight].columns == columns; };
    return indexes(op.weight, program.weight_count) && op.mode >= 0 && op.mode <= 1 && norm_is_valid(program, op)
        && (op.mode == 0 || program.weights[op.weight].columns % program.head_size == 0) && (op.bias < 0 || has_columns(op.bias, program.weights[op.weight].columns));
}

bool activation_is_valid(const srv_program& program, const srv_op& op) {
    const srv_buffer& input = program.buffers[op.input];
    const srv_buffer& output = program.buffers[op.output];
    const bool numbers = op.mode != 2 || (indexes(op.weight, program.weight_count) && program.weights[op.weight].columns == 4);
    return op.mode >= 0 && op.mode <= 2 && numbers && input.columns == output.columns && input.rows == output.rows && input.element == 1 && output.element == 1;
}

bool factor_is_valid(const srv_program& program, const srv_op& op) {
    return op.factor < 0 || (indexes(op.factor, program.buffer_count) && program.buffers[op.factor].element == 0 && program.buffers[op.factor].rows == program.buffers[op.output].rows);
}

// A buffer of one element type with a row per step row, of so many columns, or of at least so many.
bool is_buffer(const srv_program& program, int buffer, int element, int64_t columns, bool exactly = true) {
    if (!indexes(buffer, program.buffer_count)) {
        return false;
    }

    const srv_buffer& is = program.buffers[buffer];
    return is.element == element && is.rows == 0 && (exactly ? is.columns == columns : is.columns >= columns);
}

bool is_vector(const srv_program& program, int weight, int64_t columns) {
    return indexes(weight, program.weight_count) && program.weights[weight].kind == 2 && program.weights[weight].columns == columns && program.weights[weight].experts == 1;
}

// Whether floats of a recurrent state lie in it.
bool is_state(const srv_program& program, int64_t offset, int64_t floats) {
    return offset >= 0 && offset % kAlign == 0 && offset <= program.state_bytes && floats <= (program.state_bytes - offset) / 4;
}

bool sigmoid_is_valid(const srv_program& program, const srv_op& op) {
    const int columns = program.buffers[op.output].columns;
    return is_buffer(program, op.input, 1, columns) && is_buffer(program, op.gate, 0, columns) && is_buffer(program, op.output, 1, columns);
}

bool convolution_is_valid(const srv_program& program, const srv_op& op) {
    const int64_t columns = program.buffers[op.output].columns;
    return op.taps >= 1 && op.taps <= SRV_MAX_TAPS && op.mode >= 0 && op.mode <= 1 && op.first_column >= 0 && op.input != op.output
        && is_buffer(program, op.input, 0, op.first_column + columns, false) && is_buffer(program, op.output, 0, columns) && is_vector(program, op.weight, op.taps * columns)
        && (op.bias < 0 || is_vector(program, op.bias, columns)) && is_state(program, op.state_offset, (op.taps - 1) * columns);
}

bool delta_rule_is_valid(const srv_program& program, const srv_op& op) {
    const auto is_size = [](int size, int multiple) { return size > 0 && size <= kMaxHead && size % multiple == 0; };
    if (op.key_heads <= 0 || op.value_heads <= 0 || op.value_heads % op.key_heads != 0 || !is_size(op.key_size, 8) || !is_size(op.value_size, 16)) {
        return false;
    }

    const int64_t keys = int64_t{op.key_heads} * op.key_size;
    const int64_t values = int64_t{op.value_heads} * op.value_size;
    return op.gate_column >= 0 && is_buffer(program, op.input, 0, 2 * keys + values) && is_buffer(program, op.gate, 0, op.gate_column + values, false)
        && is_buffer(program, op.rates, 0, 2 * int64_t{op.value_heads}) && is_buffer(program, op.output, 1, values) && is_vector(program, op.rate, op.value_heads)
        && is_vector(program, op.decay_bias, op.value_heads) && is_vector(program, op.weight, op.value_size) && is_state(program, op.state_offset, values * op.key_size);
}

bool recurrence_is_valid(const srv_program& program, const srv_op& op) {
    switch (op.kind) {
    case SRV_OP_SIGMOID_MUL: return sigmoid_is_valid(program, op);
    case SRV_OP_CONVOLUTION: return convolution_is_valid(program, op);
    case SRV_OP_DELTA_RULE: return delta_rule_is_valid(program, op);
    default: return true;
    }
}

bool op_is_valid(const srv_program& program, const srv_op& op) {
    const bool reads = op.kind == SRV_OP_EMBED || indexes(op.input, program.buffer_count);
    const bool writes = op.kind == SRV_OP_SAMPLE || op.kind == SRV_OP_ROUTE || indexes(op.output, program.buffer_count);
    const bool weighs = op.kind == SRV_OP_EMBED || op.kind == SRV_OP_LINEAR || op.kind == SRV_OP_LOGITS;
    const auto optional = [&program](int weight) { return weight < program.weight_count; };
    const bool sinks = op.kind != SRV_OP_ATTENTION || op.weight < 0 || (optional(op.weight) && program.weights[op.weight].kind == 2 && program.weights[op.weight].columns == program.head_count);
    return op.kind >= SRV_OP_EMBED && op.kind <= SRV_OP_DELTA_RULE && reads && writes && (!weighs || indexes(op.weight, program.weight_count)) && optional(op.bias) && sinks
        && (op.kind != SRV_OP_GATE_MUL || factor_is_valid(program, op)) && (op.kind != SRV_OP_RMS_NORM || (optional(op.weight) && norm_is_valid(program, op)))
        && (op.kind != SRV_OP_LAYER_NORM || layer_norm_is_valid(program, op)) && (op.kind != SRV_OP_ACTIVATION || activation_is_valid(program, op))
        && optional(op.query_norm) && optional(op.key_norm) && op.slice_count >= 0 && op.window >= 0 && op.cap >= 0 && indexes(op.table, program.rope_tables)
        && (op.slice_count == 0 || (op.first_slice >= 0 && op.first_slice + op.slice_count <= program.slice_count));
}

bool slices_are_of(const srv_program& program, const srv_op& op, int experts) {
    for (int i = 0; i < op.slice_count; i++) {
        if (program.slices[op.first_slice + i].experts != experts) {
            return false;
        }
    }

    return true;
}

// Rows per choice come from a routing by as many logits as there are experts, and meet weights of as many; everything else knows nothing of experts.
bool mixture_is_valid(const srv_program& program, const srv_op& op) {
    const auto rows_of = [&program](int buffer) { return program.buffers[buffer].rows; };
    const bool any = program.expert_count > 0;
    switch (op.kind) {
    case SRV_OP_ROUTE: return any && program.buffers[op.input].columns == program.expert_count && rows_of(op.input) == 0;
    case SRV_OP_DISPATCH: return any && rows_of(op.input) == 0 && rows_of(op.output) == 2 && program.buffers[op.input].columns == program.buffers[op.output].columns;
    case SRV_OP_COMBINE: return any && rows_of(op.input) == 2 && rows_of(op.output) == 0 && program.buffers[op.input].columns == program.buffers[op.output].columns;
    case SRV_OP_LINEAR: {
        const bool per_choice = rows_of(op.input) == 2;
        const int experts = per_choice ? program.expert_count : 1;
        const bool biased = op.bias < 0 || (program.weights[op.bias].experts == experts && (!per_choice || program.weights[op.bias].columns == program.weights[op.weight].rows));
        return per_choice == (rows_of(op.output) == 2) && program.weights[op.weight].experts == experts && biased && slices_are_of(program, op, experts);
    }
    case SRV_OP_GATE_MUL: return rows_of(op.input) == rows_of(op.output);
    default: return op.kind == SRV_OP_EMBED || rows_of(op.input) != 2;
    }
}

bool program_is_valid(const srv_program& program) {
    const bool sizes = program.hidden_size > 0 && program.layer_count > 0 && program.kv_head_count > 0 && program.head_count % program.kv_head_count == 0
        && program.head_size > 0 && program.head_size <= kMaxHead && program.head_size % 2 == 0 && (program.key_values == SRV_KEY_VALUES_BF16 || program.key_values == SRV_KEY_VALUES_INT8) && program.vocabulary_size > 0
        && program.rope_pairs * 2 == program.head_size && program.rope_positions > 0 && program.rope_tables > 0;
    if (!sizes || program.state_bytes < 0 || program.op_count <= 0 || program.buffer_count <= 0 || program.weight_count <= 0 || program.slice_count < 0) {
        return false;
    }

    if (program.expert_count < 0 || program.choice_count < 0 || program.choice_count > program.expert_count || (program.expert_count > 0 && program.choice_count == 0)) {
        return false;
    }

    for (int i = 0; i < program.buffer_count; i++) {
        if (program.buffers[i].columns <= 0 || program.buffers[i].rows < 0 || program.buffers[i].rows > 2) {
            return false;
        }
    }

    for (int i = 0; i < program.op_count; i++) {
        if (!op_is_valid(program, program.ops[i]) || !mixture_is_valid(program, program.ops[i]) || !recurrence_is_valid(program, program.ops[i])) {
            return false;
        }
    }

    for (int i = 0; i < program.weight_count; i++) {
        const srv_weight& weight = program.weights[i];
        const bool floats = weight.kind == 2 && weight.format == SRV_FORMAT_F32;
        const int most = weight.kind == 2 ? SRV_FORMAT_BF16 : weight.kind == 1 ? SRV_FORMAT_IQ4 : SRV_FORMAT_INT4_ASYMMETRIC;
        const int shares = weight.kind == 2 ? weight.columns : weight.rows;
        const bool shared = weight.experts == 1 || (weight.experts > 1 && weight.kind != 1 && shares % weight.experts == 0);
        if (weight.rows <= 0 || weight.columns <= 0 || weight.format < SRV_FORMAT_BF16 || (weight.format > most && !floats) || !shared) {
            return false;
        }
    }

    return true;
}

void carve_program(Engine& engine, const srv_program& from, Carver& carver, int panel_count) {
    srv_program& program = engine.program;
    program.ops = copy_table(carver, from.ops, from.op_count);
    program.buffers = copy_table(carver, from.buffers, from.buffer_count);
    program.weights = copy_table(carver, from.weights, from.weight_count);
    program.slices = copy_table(carver, from.slices, from.slice_count);
    const int64_t angles = int64_t{from.rope_tables} * from.rope_positions * from.rope_pairs;
    program.cosines = copy_table(carver, from.cosines, angles);
    program.sines = copy_table(carver, from.sines, angles);
    engine.weight_table = carver.take<Weight>(from.weight_count);
    engine.panels = carver.take<Panel>(panel_count);
    engine.buffers = carver.take<Buffer>(from.buffer_count);
    engine.slice_places = carver.take<SlicePlace>(from.slice_count);
}

bool routes_by(const srv_program& program, int buffer) {
    for (int i = 0; i < program.op_count; i++) {
        if (program.ops[i].kind == SRV_OP_ROUTE && program.ops[i].input == buffer) {
            return true;
        }
    }

    return false;
}

void place_slices(Engine& engine) {
    const srv_program& program = engine.program;
    for (int i = 0; i < program.op_count; i++) {
        const srv_op& op = program.ops[i];
        for (int local = 0; op.kind == SRV_OP_LINEAR && local < op.slice_count; local++) {
            const uint32_t part = program.buffers[op.input].rows == 2 ? kPartExperts : routes_by(program, op.output) ? kPartRouter : kPartPlain;
            engine.slice_places[op.first_slice + local] = SlicePlace{engine.binding_count, part};
            engine.binding_count += program.slices[op.first_slice + local].experts;
        }
    }
}

int64_t place_weights(Engine& engine) {
    const srv_program& program = engine.program;
    int64_t offset = 0;
    int next_panel = 0;
    for (int i = 0; i < program.weight_count; i++) {
        Weight& weight = engine.weight_table[i];
        const srv_weight& from = program.weights[i];
        weight = Weight{from.rows, from.columns, from.kind, 0, 0, next_panel, offset, 0, from.format, 0, from.offset, from.experts, from.rows / from.experts, 0};
        if (weight.kind == 2) {
            weight.bytes = round_up(int64_t{weight.columns} * 4, kAlign);
        } else {
            weight.panel_count = cut_panels(program, i, engine.panels + next_panel);
            weight.expert_panels = weight.panel_count / weight.experts;
            weight.pairs = static_cast<int32_t>(round_up(weight.columns, kBlock) / 2);
            weight.blocks = static_cast<int32_t>(round_up(weight.columns, kBlockInputs) / kBlockInputs);
            weight.bytes = weight.panel_count * panel_bytes(weight);
            next_panel += weight.panel_count;
        }

        // Vectors are read in whole registers at their end.
        offset += round_up(weight.bytes, 4096);
    }

    return offset;
}

int task_bound(const Engine& engine) {
    const srv_pool& pool = engine.limits;
    return engine.program.kv_head_count * (pool.max_sequences + pool.max_rows * engine.group / kAttentionRows + 1);
}

// Rows of the largest step that a buffer of a kind has.
int64_t rows_of_kind(const Engine& engine, int kind) {
    const int64_t rows = engine.limits.max_rows;
    return kind == 0 ? rows : kind == 1 ? engine.limits.max_outputs : rows * engine.program.choice_count;
}

void carve_choices(Engine& engine, Carver& carver) {
    const int64_t choices = rows_of_kind(engine, 2);
    ExpertChoices& to = engine.choices;
    to.experts = carver.take<int32_t>(choices);
    to.weights = carver.take<float>(choices);
    to.places = carver.take<int32_t>(choices);
    to.rows = carver.take<int32_t>(choices);
    to.starts = carver.take<int32_t>(engine.program.expert_count + 1);
    to.slots = carver.take<int32_t>(choices);
    to.runs = carver.take<ExpertRun>(choices);
}

void carve_integer_rows(Engine& engine, Carver& carver) {
    int blocks = 0;
    for (int i = 0; i < engine.program.weight_count; i++) {
        const Weight& weight = engine.weight_table[i];
        blocks = weight.format != SRV_FORMAT_BF16 && weight.blocks > blocks ? weight.blocks : blocks;
    }

    const int64_t step_rows = rows_of_kind(engine, engine.program.expert_count > 0 ? 2 : 0);
    const int64_t rows = step_rows > engine.limits.max_outputs ? step_rows : engine.limits.max_outputs;
    IntegerRows& to = engine.integer_rows;
    to.groups = 2 * blocks;
    to.stride = kBlockInputs * blocks + (blocks > 0 ? kBlockInputs : 0);  // off power-of-two strides
    to.values = carver.take<int8_t>(rows * to.stride);
    to.scales = carver.take<float>(rows * to.groups);
    to.sums = carver.take<float>(rows * to.groups);
    to.starts = carver.take<int32_t>(rows * to.groups);
}

void carve_pool(Engine& engine, Carver& carver) {
    const srv_program& program = engine.program;
    const srv_pool& pool = engine.limits;
    for (int i = 0; i < program.buffer_count; i++) {
        const srv_buffer& from = program.buffers[i];
        const bool narrow = from.element == 1 && engine.kernels->packed_activations;

        // Rows of bf16 are kept off power-of-two strides, which would map all rows of a tile to one set of the cache.
        const auto stride = static_cast<int32_t>(round_up(from.columns, kCellColumns) + (narrow ? kBlock : 0));
        const int64_t rows = round_up(rows_of_kind(engine, from.rows) + (from.rows == 2 ? kLanes : 0), kLanes);  // tiles read rows in sixteens, from any on
        uint8_t* data = carver.take<uint8_t>(rows * stride * (narrow ? 2 : 4) + kAlign);
        engine.buffers[i] = Buffer{data, from.columns, from.element, from.rows, stride};
    }

    int widest = 0;
    int64_t lora_rows = pool.max_rows;
    for (int i = 0; i < program.op_count; i++) {
        const srv_op& op = program.ops[i];
        widest = op.slice_count > widest ? op.slice_count : widest;
        const int64_t rows = op.slice_count > 0 ? rows_of_kind(engine, program.buffers[op.input].rows) : 0;
        lora_rows = rows > lora_rows ? rows : lora_rows;
    }

    engine.lora_stride = widest * kMaxRank;
    engine.lora_values = carver.take<float>(lora_rows * engine.lora_stride + kLanes);  // room for either form
    carve_integer_rows(engine, carver);
    carve_choices(engine, carver);
    engine.fed_tokens = carver.take<int32_t>(pool.max_outputs);
    engine.pending_tokens = carver.take<int32_t>(pool.max_rows);
    engine.row_slots = carver.take<int32_t>(int64_t{pool.max_rows} + pool.max_outputs);
    engine.output_segments = carver.take<srv_segment>(pool.max_outputs);
    const int splits = static_cast<int>(round_up(pool.max_context, kSplit) / kSplit);
    engine.partial_capacity = 2 * engine.pool.count() * splits;
    const int64_t width = round_up(program.head_size, kLanes);
    engine.partials = carver.take<float>(int64_t{engine.partial_capacity} * kAttentionRows * (width + 2));
    engine.task_capacity = task_bound(engine) + engine.partial_capacity;
    engine.tasks = carver.take<AttentionTask>(engine.task_capacity);
    engine.merges = carver.take<AttentionTask>(2 * engine.pool.count());
    engine.slots = carver.take<SlotBinding>(pool.adapter_slots);
}

}  // namespace

const KernelSet* kernels_of(int isa) {
    switch (isa) {
    case SRV_ISA_AVX2: return &avx2::kKernels;
    case SRV_ISA_AVX512: return &avx512::kKernels;
    case SRV_ISA_AVX512_BF16: return &avx512_bf16::kKernels;
    case SRV_ISA_AMX_EMULATED: return &amx_emulated::kKernels;
#ifdef SERVING_HAS_AMX
    case SRV_ISA_AMX: return &amx::kKernels;
#endif
    default: return nullptr;
    }
}

const IntegerKernels* integer_kernels_of(int isa, int integer_isa) {
    const uint32_t here = detect_integer_isas();
    const auto has = [here](int wanted) { return (here & (1u << wanted)) != 0; };
    if (integer_isa == SRV_INTEGER_AUTO) {
        // An instruction set that is asked for by name bounds what is used beside it.
        const bool wide = isa != SRV_ISA_AVX2 && isa != SRV_ISA_AMX_EMULATED;
        integer_isa = wide && has(SRV_INTEGER_AVX512_VNNI) ? SRV_INTEGER_AVX512_VNNI : has(SRV_INTEGER_AVX_VNNI) ? SRV_INTEGER_AVX_VNNI : SRV_INTEGER_AVX2;
    }

    if (integer_isa < SRV_INTEGER_AVX2 || integer_isa > SRV_INTEGER_AVX512_VNNI || !has(integer_isa)) {
        return nullptr;
    }

    return integer_isa == SRV_INTEGER_AVX512_VNNI ? &integer_avx512_vnni::kKernels
        : integer_isa == SRV_INTEGER_AVX_VNNI     ? &integer_avx_vnni::kKernels
                                                  : &integer_avx2::kKernels;
}

srv_status build_program(Engine& engine, const srv_program& program) {
    if (!program_is_valid(program)) {
        return SRV_BAD_ARGUMENT;
    }

    engine.program = program;
    engine.group = program.head_count / program.kv_head_count;
    int panel_count = 0;
    for (int i = 0; i < program.weight_count; i++) {
        panel_count += program.weights[i].kind == 2 ? 0 : cut_panels(program, i, nullptr);
    }

    Carver sizes;
    carve_program(engine, program, sizes, panel_count);
    engine.tables = take_region(static_cast<size_t>(sizes.used));
    if (engine.tables.data == nullptr) {
        return SRV_OUT_OF_MEMORY;
    }

    Carver carver{engine.tables.data};
    carve_program(engine, program, carver, panel_count);
    place_slices(engine);
    engine.weights = take_region(static_cast<size_t>(place_weights(engine)));
    return engine.weights.data == nullptr ? SRV_OUT_OF_MEMORY : SRV_OK;
}

srv_status build_pool(Engine& engine, const srv_pool& pool) {
    if (engine.arena.data != nullptr) {
        return SRV_BAD_STATE;
    }

    const srv_program& program = engine.program;
    const int64_t head = program.key_values == SRV_KEY_VALUES_INT8 ? int64_t{program.head_size} + 4 : int64_t{program.head_size} * 2;
    const int64_t needed = int64_t{kPageTokens} * program.layer_count * 2 * program.kv_head_count * head;
    if (pool.page_count <= 0 || pool.page_bytes < needed || pool.page_bytes % kAlign != 0 || pool.adapter_slots < 0 || pool.max_rows <= 0 || pool.max_sequences <= 0
        || pool.max_outputs <= 0 || pool.max_context <= 0 || pool.host_page_count < 0) {
        return SRV_BAD_ARGUMENT;
    }

    engine.limits = pool;
    engine.cells_per_page = static_cast<int32_t>(pool.page_bytes / (kCellElements * 2));
    Carver sizes;
    carve_pool(engine, sizes);
    engine.scratch_stride = round_up(engine.kernels->worker_scratch(engine), 4096);
    engine.scratch = take_region(static_cast<size_t>(engine.scratch_stride * engine.pool.count()));
    engine.activations = take_region(static_cast<size_t>(sizes.used));
    engine.arena = take_region(static_cast<size_t>(pool.page_bytes * pool.page_count));
    if (pool.host_page_count > 0) {
        engine.host = take_region(static_cast<size_t>(pool.page_bytes * pool.host_page_count));
    }

    const bool has_host = pool.host_page_count == 0 || engine.host.data != nullptr;
    if (engine.scratch.data == nullptr || engine.activations.data == nullptr || engine.arena.data == nullptr || !has_host) {
        return SRV_OUT_OF_MEMORY;
    }

    Carver carver{engine.activations.data};
    carve_pool(engine, carver);
    engine.prefaulter.start(engine.arena);
    return SRV_OK;
}

void tear_down(Engine& engine) {
    for (int i = 0; engine.activations.data != nullptr && i < engine.limits.adapter_slots; i++) {
        free(engine.slots[i].slices);
    }

    engine.prefaulter.stop();
    give_region(engine.arena);
    give_region(engine.host);
    give_region(engine.scratch);
    give_region(engine.activations);
    give_region(engine.weights);
    give_region(engine.tables);
}

}  // namespace serving
