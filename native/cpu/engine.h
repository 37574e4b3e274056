// What the API and the kernels share: the program as it was handed over, the packed weights, the arena, the buffers of a step.
// Kernels of every instruction set include this file, so it holds data and no inline code that a linker could mix between them.
#pragma once
#include <cstdint>

#include "integer/integer.h"
#include "memory.h"
#include "prefault.h"
#include "serving_cpu.h"
#include "thread_pool.h"

namespace serving {

constexpr int kLanes = 16;        // floats of one vector and outputs of one panel, on every instruction set
constexpr int kPageTokens = 16;   // tokens of a page
constexpr int kBlock = 32;        // ordinals of an attention block, and elements of a tile's chain
constexpr int kSplit = 512;       // ordinals of an attention split
constexpr int kCellRanks = 8;
constexpr int kCellColumns = 64;
constexpr int kCellElements = kCellRanks * kCellColumns;
constexpr int kCellFactors = kCellElements / 2;
constexpr int kMaxRank = 256;
constexpr int kMaxTop = 20;
constexpr int kAttentionRows = 32;  // packed (token, head) rows of one attention task

// 16 outputs side by side. A panel never crosses the border of a LoRA slice or of an expert, so it may hold fewer than 16.
struct Panel {
    int32_t first;   // first output column, of its expert
    int32_t count;   // outputs in use
    int32_t slice;   // program slice that covers them, or -1
};

// bf16 is packed as [panel][pair of inputs][16 outputs][2], inputs padded to 32 with zeros; integers as [panel][block of 64 inputs][scales, integers], see
// integer/integer.h. A vector is fp32, padded to 16.
struct Weight {
    int32_t rows;
    int32_t columns;
    int32_t kind;
    int32_t panel_count;
    int32_t pairs;        // padded inputs / 2
    int32_t first_panel;  // in Engine::panels
    int64_t offset;       // in Engine::weights
    int64_t bytes;
    int32_t format;  // srv_format
    int32_t blocks;  // of 64 inputs, for integers
    float addend;    // of a vector's elements
    int32_t experts;
    int32_t expert_rows;    // outputs of one expert
    int32_t expert_panels;  // panels of one expert
};

// Places side by side that go through one expert with one adapter. A step's rows lie by adapter, and an expert's places by row.
struct ExpertRun {
    int32_t first;
    int32_t count;
    int32_t expert;
    int32_t slot;
};

// Which experts the rows of a step chose in the layer that runs. Choice i of a row has the number row × choices + i; its place, sorted by expert and then by row, is
// its row in the buffers that have one per choice.
struct ExpertChoices {
    int32_t* experts;  // by choice
    float* weights;    // by choice
    int32_t* places;   // by choice
    int32_t* rows;     // by place
    int32_t* starts;   // by expert: its first place; one more behind the last
    int32_t* slots;    // by place: its row's adapter slot, where the step has adapters of experts
    ExpertRun* runs;   // then: places that share an expert and an adapter with matrices of experts
    int32_t run_count;
};

// Which Linears an adapter changes: those that every model has, those that choose experts, those of experts. A bit each.
enum Part : uint32_t { kPartPlain = 1, kPartRouter = 2, kPartExperts = 4 };

// What is worked out of a program's slice: its first entry in a slot's bindings, which has one per expert, and the part that its Linear is of.
struct SlicePlace {
    int32_t first_binding;
    uint32_t part;
};

// One activation buffer: Float32 as it is; BFloat16 as rounded floats or as bf16, whichever the instruction set's products read.
struct Buffer {
    uint8_t* data;
    int32_t columns;
    int32_t element;
    int32_t rows;
    int32_t stride;  // elements from row to row
};

// The LoRA of one slice, or of one expert of it, in one slot.
struct SliceBinding {
    int32_t rank_blocks;  // 0: no delta
    float scale;
    int32_t first_run[3];       // of A, of B and of factors, in SlotBinding::cells
    int32_t runs_per_block[3];  // of factors 0 where it has none
};

struct SlotBinding {
    SliceBinding* slices;   // [binding_count], one allocation with cells
    uint16_t** cells;       // first cell of every run
    uint32_t parts;         // of what it changes
};

// Attention of some rows of one sequence and kv head: over all splits, or over one with its state kept as a partial (kAttentionRows × (maximum, sum, output)).
struct AttentionTask {
    int32_t sequence;
    int32_t kv_head;
    int32_t first_row;   // packed row: token × group + head in group
    int32_t row_count;
    int32_t first_split;
    int32_t split_count;
    int32_t partial;     // first partial slot, or -1 when the task finishes its rows itself
};

struct Engine;

// What one instruction set brings.
struct KernelSet {
    bool packed_activations;  // bf16 buffers hold bf16, padded for tiles; otherwise rounded floats
    int32_t (*worker_scratch)(const Engine& engine);  // bytes of scratch per worker
    void (*step)(void* job, int worker);
};

struct Engine {
    srv_program program{};
    int32_t isa = 0;
    const KernelSet* kernels = nullptr;
    const IntegerKernels* integers = nullptr;
    ThreadPool pool;
    int32_t group = 1;  // query heads per kv head

    // Copies of the program's tables, in one region.
    Region tables;
    Weight* weight_table = nullptr;
    Panel* panels = nullptr;
    Buffer* buffers = nullptr;
    SlicePlace* slice_places = nullptr;
    int32_t binding_count = 0;
    Region weights;

    // Taken by allocate_pool.
    srv_pool limits{};
    Region arena;
    Prefaulter prefaulter;  // of the arena
    Region host;     // copies of pages
    Region activations;
    Region scratch;  // per worker
    int64_t scratch_stride = 0;
    int32_t cells_per_page = 0;
    SlotBinding* slots = nullptr;
    void* lora_values = nullptr;       // [row][slice of the Linear][kMaxRank]: x·Aᵀ, scaled and rounded, in the form of activations
    int32_t lora_stride = 0;
    IntegerRows integer_rows{};        // the rounded input of a Linear over integers
    ExpertChoices choices{};
    int32_t* fed_tokens = nullptr;     // sampled by the previous step, one per output
    int32_t* pending_tokens = nullptr; // by row: the token that it was fed from there; -1 where the caller named it
    float* partials = nullptr;
    int32_t partial_capacity = 0;      // in splits of one task
    AttentionTask* tasks = nullptr;
    AttentionTask* merges = nullptr;
    int32_t task_capacity = 0;
    int32_t* row_slots = nullptr;      // adapter slot per step row, then per output
    srv_segment* output_segments = nullptr;
};

// A step in flight.
struct StepJob {
    Engine* engine;
    const srv_step* step;
    const srv_outputs* outputs;
    uint32_t parts;  // of what the step's adapters change
    int32_t output_segment_count;
    int32_t task_count;
    int32_t merge_count;  // tasks that were given out split by split
    alignas(64) uint32_t next_task;
};

}  // namespace serving
