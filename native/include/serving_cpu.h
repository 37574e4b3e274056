/*
 * The C ABI of libserving_cpu: one model program, one arena of pages, one call per step.
 *
 * Rules. Integers have fixed widths; structs hold no bit fields and no C++ types; the first field of a struct that may grow is its size.
 * Functions return a srv_status. No exception crosses this boundary, and the library never calls back into its caller.
 * Pointers are read during the call only, except where a comment says otherwise. Values inside a step are trusted: the engine
 * has validated them; only counts are checked against the limits.
 */
#ifndef SERVING_CPU_H
#define SERVING_CPU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SRV_CPU_ABI_VERSION 13
#define SRV_MAX_TAPS 16 /* of a convolution */
#define SRV_CPU_EXPORT __attribute__((visibility("default")))

typedef struct srv_engine srv_engine;

typedef enum srv_status {
    SRV_OK = 0,
    SRV_BAD_VERSION = 1,   /* the caller was built for another ABI version or struct size */
    SRV_BAD_ARGUMENT = 2,  /* a count or index is out of its range */
    SRV_UNSUPPORTED = 3,   /* this CPU or this library cannot do what was asked */
    SRV_OUT_OF_MEMORY = 4, /* the kernel refused memory */
    SRV_BAD_STATE = 5,     /* called out of order: pool taken twice, step before the pool */
    SRV_NO_THREADS = 6     /* a worker thread could not be started */
} srv_status;

/* Instruction sets: a bit each in srv_cpu_instruction_sets, a value in srv_options. */
typedef enum srv_isa {
    SRV_ISA_AVX2 = 0,
    SRV_ISA_AVX512 = 1,
    SRV_ISA_AVX512_BF16 = 2,
    SRV_ISA_AMX = 3,
    SRV_ISA_AMX_EMULATED = 4 /* AMX's arithmetic in plain C++, for tests */
} srv_isa;

/* What multiplies matrices of integers; all give the same bits. */
typedef enum srv_integer_isa {
    SRV_INTEGER_AUTO = 0, /* the fastest that goes with the instruction set and runs here */
    SRV_INTEGER_AVX2 = 1,
    SRV_INTEGER_AVX_VNNI = 2,
    SRV_INTEGER_AVX512_VNNI = 3
} srv_integer_isa;

/* How the elements of a matrix are kept. */
typedef enum srv_format {
    SRV_FORMAT_BF16 = 0,
    SRV_FORMAT_INT8 = 1, /* -127 ... 127 with a bf16 scale for 32 inputs of an output */
    SRV_FORMAT_INT4 = 2, /* -8 ... 7 with such a scale */
    SRV_FORMAT_MXFP4 = 3, /* codes of FP4 E2M1 with such a scale: 0, 1, 2, 3, 4, 6, 8, 12 and their negatives */
    SRV_FORMAT_IQ4 = 4, /* codes of ggml's IQ4_NL with such a scale: sixteen integers from -127 to 113 */
    SRV_FORMAT_INT4_ASYMMETRIC = 5, /* -8 ... 7 with such a scale and a bf16 offset for the same inputs: scale * q + offset */
    SRV_FORMAT_F32 = 6 /* of a vector that comes as floats, see srv_cpu_load_floats */
} srv_format;

/* How keys and values are kept in pages. */
typedef enum srv_key_values {
    SRV_KEY_VALUES_BF16 = 0,
    SRV_KEY_VALUES_INT8 = 1 /* -127 ... 127 with an fp32 scale for a token's key of a head, and for its value */
} srv_key_values;

typedef struct srv_options {
    uint32_t struct_size;
    int32_t abi_version;
    int32_t isa;          /* srv_isa */
    int32_t thread_count; /* threads that compute, the caller's included; 0 takes min(cgroup quota, affinity), minus one from 4 up */
    int32_t integer_isa;  /* srv_integer_isa: what multiplies integers; changes no bit */
    int32_t reserved;
} srv_options;

typedef enum srv_op_kind {
    SRV_OP_EMBED = 0,
    SRV_OP_RMS_NORM = 1,
    SRV_OP_LINEAR = 2,
    SRV_OP_ROPE_APPEND = 3,
    SRV_OP_ATTENTION = 4,
    SRV_OP_GATE_MUL = 5,
    SRV_OP_GATHER = 6,
    SRV_OP_LOGITS = 7,
    SRV_OP_SAMPLE = 8,
    SRV_OP_ROUTE = 9,     /* which experts a row goes through: holds up to the next of its kind */
    SRV_OP_DISPATCH = 10, /* output, a row per choice = the row whose choice it is */
    SRV_OP_COMBINE = 11,  /* output += the sum of a row's choices, each times its weight */
    SRV_OP_LAYER_NORM = 12,
    SRV_OP_ACTIVATION = 13, /* of an MLP without a gate */
    SRV_OP_SIGMOID_MUL = 14, /* output = input times the logistic function of gate */
    SRV_OP_CONVOLUTION = 15, /* of every column over the rows of its sequence */
    SRV_OP_DELTA_RULE = 16   /* gated, with a norm and a gate behind it */
} srv_op_kind;

/* One operation; fields that its kind does not use are -1 or 0. */
typedef struct srv_op {
    int32_t kind;
    int32_t input;
    int32_t output;
    int32_t weight;      /* of attention: a vector of sinks, a logit per query head, or -1; of RMSNorm -1 norms nothing: the input, rounded */
    int32_t bias;        /* weight index or -1; of logits: added before they are multiplied */
    int32_t query_norm;  /* weight index or -1 */
    int32_t key_norm;    /* weight index or -1 */
    int32_t mode;        /* Linear: 0 round, 1 keep, 2 accumulate; RMSNorm: 0 round, 1 keep in columns of the output, 2 accumulate; gate: 0 SiLU, 1 GELU by tanh, 2 SwiGLU of gpt-oss; LayerNorm: 0 round, 1 keep, a head by itself; activation: 0 GELU by tanh, 1 squared ReLU, 2 xIELU by a vector of four; convolution: 1 if SiLU follows; rope: 1 if norms' weights come behind the rotation; route: 1 if the choices' weights add up to 1 */
    int32_t layer;
    int32_t first_slice; /* Linear: its LoRA slices are consecutive */
    int32_t slice_count;
    float epsilon;
    float scale;         /* of embeddings, of scores, of logits */
    float cap;           /* bound of scores or logits, cap * tanh(x / cap), 0 for none; of a gate of mode 2: its limit */
    int32_t window;      /* ordinals that a row attends to, its own the last; 0 for all */
    int32_t table;       /* rotary table */
    int32_t first_column; /* norms of mode 1: the first of as many columns as the weight has */
    int32_t factor;      /* of a gate: a buffer of one fp32 column, by whose logistic function a row is multiplied, or -1 */
    int32_t gate;        /* of an output: an fp32 buffer, or -1 */
    int32_t gate_column; /* of the delta rule: its gate's first */
    int32_t rates;       /* delta rule: an fp32 buffer, [beta | decay], a column for each value head */
    int32_t rate;        /* delta rule: a weight, below 0, of each value head */
    int32_t decay_bias;  /* delta rule: a weight, added to decay */
    int32_t key_heads;
    int32_t value_heads;
    int32_t key_size;    /* a multiple of 8 */
    int32_t value_size;  /* a multiple of 16 */
    int32_t taps;        /* convolution: rows that an output reads, its own the last */
    int64_t state_offset; /* bytes from the beginning of a sequence's recurrent state to this operation's part, a multiple of 64: [taps - 1, columns], or [value head, key, value], fp32 */
} srv_op;

typedef struct srv_buffer {
    int32_t columns;
    int32_t element; /* 0 fp32, 1 bf16 */
    int32_t rows;    /* 0 per step row, 1 per output, 2 per choice of a step row, sorted by expert */
} srv_buffer;

typedef struct srv_weight {
    int32_t rows;
    int32_t columns;
    int32_t kind;   /* 0 matrix, 1 embedding, 2 vector */
    int32_t format; /* srv_format; a vector's is bf16 or fp32 */
    float offset;   /* added to a vector's elements as they are loaded, unrounded */
    int32_t experts; /* matrices one behind the other, of rows / experts rows each; above 1 the Linear's input and output have a row per choice. Of a vector: biases of columns / experts each */
} srv_weight;

typedef struct srv_slice {
    int32_t input_width;
    int32_t output_offset;
    int32_t output_width;
    int32_t experts; /* pairs of matrices, one per expert of a Linear whose rows are per choice; 1 otherwise */
} srv_slice;

/* The model, handed over once and copied. */
typedef struct srv_program {
    uint32_t struct_size;
    int32_t hidden_size;
    int32_t layer_count; /* layers that have keys and values */
    int32_t head_count;
    int32_t kv_head_count;
    int32_t head_size; /* a multiple of 16 */
    int32_t vocabulary_size;
    int32_t rope_positions;
    int32_t rope_pairs;
    int32_t op_count;
    int32_t buffer_count;
    int32_t weight_count;
    int32_t slice_count;
    int32_t rope_tables;
    int32_t expert_count; /* of a layer; 0 where no layer has any */
    int32_t choice_count; /* experts that a row goes through */
    int32_t key_values;   /* srv_key_values */
    int32_t reserved;
    int64_t state_bytes;  /* of a sequence's recurrent state; 0 where there is none */
    const srv_op* ops;
    const srv_buffer* buffers;
    const srv_weight* weights;
    const srv_slice* slices;
    const float* cosines; /* [table, position, pair] */
    const float* sines;
} srv_program;

typedef struct srv_pool {
    uint32_t struct_size;
    int32_t page_count;
    int64_t page_bytes;
    int32_t adapter_slots;
    int32_t max_rows;
    int32_t max_sequences;
    int32_t max_outputs;
    int32_t max_context;
    int32_t host_page_count; /* pages of host memory behind the arena, for srv_cpu_copy_to_host; 0 is none */
} srv_pool;

/* One slice of an adapter, or one expert of it: bf16 A [rank, input width] and B [output width, rank]. */
typedef struct srv_adapter_slice {
    int32_t slice;
    int32_t rank;
    float scale;
    int32_t first_run; /* its runs: A's by rank block then tile, then B's */
    int32_t run_count;
    int32_t expert; /* that it is of; 0 where the slice has one pair of matrices */
    const uint16_t* a;
    const uint16_t* b;
    const float* factors; /* [output width]: DoRA's, what (x W + delta) is multiplied by before a bias is added; null for none. Their runs are behind B's */
} srv_adapter_slice;

/* Cells side by side in one page. */
typedef struct srv_cell_run {
    int32_t page;   /* ordinal within the adapter's page list */
    int32_t first_cell;
    int32_t matrix; /* 0 A, 1 B, 2 factors, of which a cell holds 256 */
    int32_t rank_block;
    int32_t first_tile;
    int32_t tile_count;
} srv_cell_run;

/* The structs of Serving.Compute/Steps, field by field. */
typedef struct srv_sequence {
    int32_t first_row, row_count, first_ordinal, first_entry, entry_count, state_read, state_write;
} srv_sequence;

typedef struct srv_page {
    int32_t page, valid_length;
} srv_page;

typedef struct srv_segment {
    int32_t first_row, row_count, adapter_slot;
} srv_segment;

typedef struct srv_page_copy {
    int32_t source, destination, tokens;
} srv_page_copy;

typedef struct srv_penalty {
    int32_t token, output_count;
} srv_penalty;

typedef struct srv_bias {
    int32_t token;
    float bias;
} srv_bias;

typedef struct srv_sample_row {
    int32_t row, target_token, top_logprobs, top_k;
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    int32_t first_penalty, penalty_count, first_bias, bias_count;
    int32_t first_mask, mask_words; /* words in masks: bit i of word w says that token 32 w + i may be taken; 0 words allow all */
    uint64_t seed;
    uint32_t output_index, choice_index;
} srv_sample_row;

typedef struct srv_step {
    uint32_t struct_size;
    int32_t row_count, sequence_count, entry_count, segment_count, copy_count, output_count, penalty_count, bias_count, mask_word_count, hidden_count, state_page_count;
    const int32_t* token_ids;
    const int32_t* positions;
    const int32_t* append_pages;
    const int32_t* append_slots;
    const srv_sequence* sequences;
    const srv_page* entries;
    const srv_segment* segments;
    const srv_page_copy* copies;
    const srv_sample_row* outputs;
    const srv_penalty* penalties;
    const srv_bias* biases;
    const uint32_t* masks;
    const int32_t* hidden; /* outputs whose hidden state is given back */
    const int32_t* state_pages; /* of recurrent states, in the order in which they are filled; sequences say where theirs begin */
} srv_step;

/* What a step writes, one entry per output. */
typedef struct srv_outputs {
    uint32_t struct_size;
    int32_t reserved;
    int32_t* token_ids;
    float* logprobs;
    int32_t* top_ids;      /* [output, 20] */
    float* top_logprobs;   /* [output, 20] */
    float* logits;         /* [output, vocabulary] or null */
    float* hidden;         /* [hidden_count, hidden size]: the rows that the logits of those outputs are computed from */
} srv_outputs;

/* The ABI version this library was built with. */
SRV_CPU_EXPORT int32_t srv_cpu_abi_version(void);

/* Writes the size of every struct above followed by the offsets of its fields, struct after struct in order of declaration; returns how many numbers there are. */
SRV_CPU_EXPORT int32_t srv_cpu_layout(int32_t* numbers, int32_t capacity);

/* Bit i is set when srv_isa i runs here (AMX: the CPU has it and the kernel granted the tile state). */
SRV_CPU_EXPORT uint32_t srv_cpu_instruction_sets(void);

/* The srv_isa that computes fastest here, or -1 where none runs. Where a CPU has AVX-512 BF16 and no AMX this is measured once, in about a millisecond: on some
   cores the dot product has half the rate of fp32 multiply-adds. */
SRV_CPU_EXPORT int32_t srv_cpu_preferred_isa(void);

/* Copies the program, starts the workers and reserves memory for the weights. */
SRV_CPU_EXPORT int32_t srv_cpu_create(const srv_options* options, const srv_program* program, srv_engine** engine);

/* Stops the workers and gives all memory back. Null is allowed. */
SRV_CPU_EXPORT void srv_cpu_destroy(srv_engine* engine);

/* Threads that compute, the caller's included. */
SRV_CPU_EXPORT int32_t srv_cpu_thread_count(const srv_engine* engine);

/* Bytes of a weight once packed, or -1. */
SRV_CPU_EXPORT int64_t srv_cpu_packed_bytes(const srv_engine* engine, int32_t weight);

/* Packs count bf16 values: whole rows from first_row on, or elements from first_row on for a vector. Not for matrices of integers. */
SRV_CPU_EXPORT int32_t srv_cpu_load_weight(srv_engine* engine, int32_t weight, int32_t first_row, const uint16_t* values, int64_t count);

/* Takes count elements of a vector of floats from first_element on. */
SRV_CPU_EXPORT int32_t srv_cpu_load_floats(srv_engine* engine, int32_t weight, int32_t first_element, const float* values, int64_t count);

/* Packs row_count rows of a matrix of integers from first_row on: integers [rows, columns padded to 64], a byte each in every format, and bf16 scales
   [rows, padded columns / 32]. */
SRV_CPU_EXPORT int32_t srv_cpu_load_integers(srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, const int8_t* values, const uint16_t* scales);

/* Reads row_count rows of a matrix from first_row on as fp32, as they are multiplied with: of integers, scale times integer. From any thread. */
SRV_CPU_EXPORT int32_t srv_cpu_read_rows(const srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, float* values);

/* Which srv_integer_isa are here and run: a bit each. */
SRV_CPU_EXPORT uint32_t srv_cpu_integer_isas(void);

/* Takes the page arena, the activation buffers and the adapter slots. Once. */
SRV_CPU_EXPORT int32_t srv_cpu_allocate_pool(srv_engine* engine, const srv_pool* pool);

/* Writes an adapter's cells into its pages and binds them to a slot. May run beside srv_cpu_execute when no running step uses the pages or the slot. */
SRV_CPU_EXPORT int32_t srv_cpu_pack_adapter(srv_engine* engine, int32_t slot, const srv_adapter_slice* slices, int32_t slice_count,
    const srv_cell_run* runs, int32_t run_count, const int32_t* pages, int32_t page_count);

/* Copies whole pages to host pages. May run beside srv_cpu_execute when no running step writes the pages. */
SRV_CPU_EXPORT int32_t srv_cpu_copy_to_host(srv_engine* engine, const int32_t* pages, const int32_t* host_pages, int32_t count);

/* Copies host pages to pages. May run beside srv_cpu_execute when no running step uses the pages. */
SRV_CPU_EXPORT int32_t srv_cpu_copy_from_host(srv_engine* engine, const int32_t* host_pages, const int32_t* pages, int32_t count);

/* Runs one step to its end on all threads, the caller's included. */
SRV_CPU_EXPORT int32_t srv_cpu_execute(srv_engine* engine, const srv_step* step, const srv_outputs* outputs);

#ifdef __cplusplus
}
#endif
#endif
