/*
 * What the host hands to the kernels: one parameter struct by value per kernel, and the arrays and tables that they point to in device memory.
 * Plain C; every field is 4 or 8 bytes wide, addresses are 64-bit, structs have no hidden padding. Serving.Compute/Cuda mirrors them field by field.
 *
 * Rules that hold everywhere:
 *   - "address of T[...]" is a device address, 16-byte aligned; 0 means absent where that is allowed. Matrices are row-major; strides are in elements and
 *     multiples of 8, so that every row starts 16-byte aligned. Columns are any number.
 *   - Counts that change from step to step are read from device memory (row_count and the srv_range of a list), never from the launch: every kernel walks its
 *     work with the grid as stride. Any grid gives the same bits, so that a captured graph serves every step, with work lists that may be empty.
 *   - Block size and dynamic shared memory are given with each struct. Nothing needs more than the stated maximum.
 *
 * A page of keys and values, page_bytes long, at pages + page * page_bytes:
 *
 *     [layer][K, V][kv head][16 slots][head_size] bf16     (or integers: attention/params.h)
 *
 * A cell (8 ranks x 64 columns, 1 KiB) at pages + cell * 1024, in the order in which lanes of a tensor-core product take it, 16 bytes each:
 *
 *     cell of A   [2 halves of 32 columns][8 ranks][32 columns]       element (rank r, column c) at (c / 32) * 256 + r * 32 + c % 32
 *
 *       lane 4 g + t of a warp loads ranks g, columns 8 t .. 8 t + 7 of a half: its part of two k16 steps, the other operand's row-major order likewise
 *
 *     cell of B   [2][8 columns-of-8][4 rank pairs][4 columns][2]     element (rank r, column c) at
 *                                                                     (c % 8 / 4) * 256 + (c / 8) * 32 + (r / 2) * 8 + (c % 4) * 2 + r % 2
 *
 *       lane 4 g + t loads ranks 2 t, 2 t + 1 of columns 8 g + 4 v .. + 3 (v = first or second half): its part of four m16 tiles whose rows are
 *       permuted so that a lane ends with 8 neighbouring columns
 *
 * Ranks and columns past a matrix's own are zero in its cells.
 */
#ifndef SERVING_CUDA_PARAMS_H
#define SERVING_CUDA_PARAMS_H

typedef unsigned long long srv_address;

enum {
    SRV_PAGE_TOKENS = 16,
    SRV_ATTENTION_BLOCK = 32,   /* ordinals that are softened together */
    SRV_ATTENTION_SPLIT = 512,  /* ordinals that have a softmax state of their own */
    SRV_MAX_HEAD_SIZE = 256,
    SRV_CELL_RANKS = 8,
    SRV_CELL_COLUMNS = 64,
    SRV_CELL_BYTES = 1024,
    SRV_MAX_RANK = 256,
    SRV_MAX_SLICES = 4,         /* LoRA slices of one Linear */
    SRV_SHRINK_CHUNK = 1024,    /* input columns of one partial plane */
    SRV_MAX_PLANES = 4,         /* parts that the sums of a product are cut into */
    SRV_PRODUCT_ROWS = 64,      /* rows of srv_product */
    SRV_MAX_EXPERTS = 512,      /* experts of a layer */
    SRV_MAX_CHOICES = 16,       /* experts that a row goes through */
    SRV_ROUTE_ROWS = 32,        /* rows whose choices of an expert are the bits of one word */
    SRV_EXPERT_ROWS = 64,       /* places of a tile of srv_experts */
    SRV_EXPERT_FEW_ROWS = 32,   /* the same of srv_experts_few */
    SRV_CDF_BLOCK = 1024,
    SRV_SMALL_VOCABULARY = 2048,
    SRV_MAX_TOP_LOGPROBS = 20
};

/* What a Linear does with its fp32 result: Serving.Compute.Programs.LinearOutput. */
enum { SRV_LINEAR_ROUND = 0, SRV_LINEAR_KEEP = 1, SRV_LINEAR_ACCUMULATE = 2 };

/* What a gate goes through: Serving.Compute.Programs.GateActivation. */
enum { SRV_GATE_SILU = 0, SRV_GATE_GELU = 1, SRV_GATE_SWIGLU_OAI = 2 };

/* ---- elements of arrays: the structs of Serving.Compute/Steps as they are ---- */

typedef struct srv_sequence {
    int first_row, row_count, first_ordinal, first_entry, entry_count, state_read, state_write;
} srv_sequence;

typedef struct srv_page {
    int page, valid_length;
} srv_page;

typedef struct srv_page_copy {
    int source, destination, tokens;
} srv_page_copy;

typedef struct srv_penalty {
    int token, output_count;
} srv_penalty;

typedef struct srv_bias {
    int token;
    float bias;
} srv_bias;

typedef struct srv_sample_row {
    int row, target_token, top_logprobs, top_k;
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    int first_penalty, penalty_count, first_bias, bias_count;
    int first_mask, mask_words; /* words in masks: bit i of word w says that token 32 w + i may be taken; 0 words allow all */
    unsigned long long seed;
    unsigned output_index, choice_index;
} srv_sample_row;

/* ---- elements of arrays: made by the host for the kernels ---- */

/* The part of a list that a launch works on. */
typedef struct srv_range {
    int first, count;
} srv_range;

/* Neighbouring rows of one adapter (slot -1: the base model). Tiles cover all rows of the step in order; a tile has at most 64 rows. */
typedef struct srv_row_tile {
    int first_row, row_count, slot, reserved;
} srv_row_tile;

/* One unit of a shrink: two neighbouring rank blocks (2 rank_pair, 2 rank_pair + 1; the second may not exist) of a slice, over one chunk of 1,024 input columns,
   for the rows of a tile with a slot whose binding has that rank. slice counts from the Linear's first, so that Linears whose adapters have equal ranks share a list.
   The tile stands here itself, as what an item needs is read in a chain of waits. */
typedef struct srv_shrink_item {
    int first_row, slot;
    unsigned short row_count, slice, rank_pair, chunk;
} srv_shrink_item;

/* Where an adapter's slice lies; entry [slot][slice of the model]. rank_blocks 0: no delta.
   Cells of a matrix and rank block lie in runs of cells_per_page tiles (the last run is shorter): tile t of block b of A is cell
   runs[first_shrink_run + b * ceil(input tiles / cells_per_page) + t / cells_per_page] + t % cells_per_page, and so for B with its output tiles. */
typedef struct srv_lora_binding {
    int first_shrink_run, first_expand_run, rank_blocks;
    float scale;
} srv_lora_binding;

/*
 * One unit of attention: rows that read the same tokens, over some splits of them. rows are row_list[first_row .. first_row + row_count), in any order and of any
 * sequences as long as the tokens of these splits are theirs (sequences that share pages side by side in one item); row r sees ordinals 0 .. row_ordinals[r].
 * The token with ordinal o lies in slot token_slots[first_token + o].
 * Items for srv_attention_decode come in falling length: it gives units (an item and a kv head) to its blocks in turns, every second turn from the last block to the first.
 *   partial 0: split_count splits, merged in order, written to the output. All splits of which the rows see something must be in this item.
 *   partial 1: every split is written as a state, for row r and split s at state row_partials[r] + s; srv_attention_merge then merges them.
 */
typedef struct srv_attention_item {
    int first_row, row_count, first_token, first_split, split_count, partial;
    int last_ordinal;  /* the largest of the rows */
    int begin_ordinal; /* where the walk of the first split begins, a multiple of 64: no row sees what is before it. The kernels without windows begin at the split */
} srv_attention_item;

/* Keys of the first slots of a page, turned by so many positions and written to another page with the values, over all layers. */
typedef struct srv_page_rotation {
    int source, destination, tokens, positions;
} srv_page_rotation;

/* Neighbouring places, in a matrix with a row per choice, that go through one expert. */
typedef struct srv_expert_tile {
    int expert, first_place, place_count, reserved;
} srv_expert_tile;

/* ---- parameters of the kernels ---- */

/* srv_embed: output[row] = weight[token of row] * scale. A negative token id v is sampled[~v], and pending[row] says which; otherwise pending[row] is -1.
   128 threads, no shared memory, a block per row. */
typedef struct srv_embed_params {
    srv_address weight;    /* bf16 [vocabulary, weight_stride] */
    srv_address token_ids; /* int [rows] */
    srv_address sampled;   /* int [outputs of the previous step] */
    srv_address pending;   /* int [rows] */
    srv_address output;    /* float [rows, output_stride] */
    srv_address row_count; /* int */
    int columns, weight_stride, output_stride;
    float scale;
} srv_embed_params;

/* srv_rms_norm: output = round(input * rsqrt(mean(input^2) + epsilon) * (offset + weight)); unrounded where mode is 1, added unrounded to output where it is 2;
   without a weight the input, rounded. 256 threads, or as many warps as have columns, four of them to a thread; 64 bytes of shared memory, a block per row. */
typedef struct srv_rms_norm_params {
    srv_address input;     /* float [rows, input_stride] */
    srv_address weight;    /* bf16 [columns], or 0 */
    srv_address output;    /* bf16 (float where mode is not 0) [rows, output_stride] */
    srv_address row_count; /* int */
    int columns, input_stride, output_stride;
    float epsilon, offset;
    int mode;
} srv_rms_norm_params;

/* srv_cap: values = cap * tanh((values + bias) * scale / cap), in place; (values + bias) * scale where cap is 0. 256 threads, no shared memory, a block per row and 1,024 columns. */
typedef struct srv_cap_params {
    srv_address values;    /* float [rows, stride] */
    srv_address bias;      /* bf16 [columns], or 0 */
    srv_address row_count; /* int */
    int columns, stride;
    float cap, scale;
} srv_cap_params;

/* srv_silu_mul: output = round(activation(gate) * up * sigmoid(factor)), input being [gate | up] of columns each; without a factor that is left out.
   256 threads, no shared memory, a block per row and 2,048 columns. */
typedef struct srv_silu_mul_params {
    srv_address input;     /* bf16 [rows, input_stride] */
    srv_address output;    /* bf16 [rows, output_stride] */
    srv_address factor;    /* float [rows, factor_stride], the first column of each; or 0 */
    srv_address row_count; /* int */
    int columns, input_stride, output_stride, factor_stride;
    int activation;        /* SRV_GATE_... */
    float limit;           /* of SRV_GATE_SWIGLU_OAI */
} srv_silu_mul_params;

/* srv_sum_planes: output[row] = the sum of the planes' rows, planes ascending; added to what the output holds where accumulate is 1. Rows are read and written up to
   the next multiple of four columns. 256 threads, no shared memory, a block per row and 1,024 columns. */
typedef struct srv_sum_planes_params {
    srv_address input;        /* float [planes][rows, input_stride] */
    srv_address output;       /* float [rows, output_stride] */
    srv_address plane_stride; /* floats from plane to plane */
    srv_address row_count;    /* int */
    int columns, planes, input_stride, output_stride, accumulate, reserved;
} srv_sum_planes_params;

/* srv_join_planes: output[row] = the planes' rows, input_stride columns each, side by side. Blocks and padding as srv_sum_planes. */
typedef struct srv_join_planes_params {
    srv_address input;        /* float [planes][rows, input_stride] */
    srv_address output;       /* float [rows, output_stride] */
    srv_address plane_stride; /* floats from plane to plane */
    srv_address row_count;    /* int */
    int columns, input_stride, output_stride, reserved;
} srv_join_planes_params;

/* srv_gather: output[i] = input[sample_rows[i].row]. 128 threads, no shared memory, a block per output. */
typedef struct srv_gather_params {
    srv_address input;       /* float [rows, input_stride] */
    srv_address output;      /* float [outputs, output_stride] */
    srv_address sample_rows; /* srv_sample_row [outputs] */
    srv_address output_count; /* int */
    int columns, input_stride, output_stride, reserved;
} srv_gather_params;

/* srv_token_slots, once per step before the first attention: token_slots[16 first_entry + o] = 16 page + slot of the token with ordinal o, for every sequence.
   256 threads, 64 bytes of shared memory, a block per sequence. */
typedef struct srv_token_slots_params {
    srv_address sequences;      /* srv_sequence [sequences] */
    srv_address entries;        /* srv_page [entries] */
    srv_address token_slots;    /* int [16 entries] */
    srv_address sequence_count; /* int */
} srv_token_slots_params;

/* srv_copy_pages: keys and values of the first slots of pages, over all layers, copy after copy.
   256 threads, no shared memory, a block per layer. */
typedef struct srv_copy_pages_params {
    srv_address pages;
    srv_address page_bytes;
    srv_address copies;     /* srv_page_copy [copies] */
    srv_address copy_count; /* int */
    int layer_count, kv_head_count, head_size, reserved;
} srv_copy_pages_params;

/* srv_rotate_pages: copies with the keys turned. Cosines and sines have no amplitude (YaRN's is in the keys already).
   256 threads, no shared memory, a block per rotation and layer. */
typedef struct srv_rotate_pages_params {
    srv_address pages;
    srv_address page_bytes;
    srv_address rotations;      /* srv_page_rotation [rotations], no page written twice or read after it is written */
    srv_address rotation_count; /* int */
    srv_address cosines;        /* float [positions, pair_count] */
    srv_address sines;
    int layer_count, kv_head_count, head_size, pair_count;
} srv_rotate_pages_params;

/* srv_rope_append: input is [q | k | v]; q and k normed per head where weights are given, turned by the row's position (before the weights where norms_turned is 1); q to output, k and v to the row's slot.
   128 threads (a warp per head), no shared memory, a block per row and 4 heads of all. */
typedef struct srv_rope_append_params {
    srv_address input;        /* float [rows, input_stride] */
    srv_address output;       /* bf16 [rows, output_stride] */
    srv_address pages;
    srv_address page_bytes;
    srv_address positions;    /* int [rows] */
    srv_address append_pages; /* int [rows] */
    srv_address append_slots; /* int [rows] */
    srv_address cosines;      /* float [positions, pair_count] of the table that the layer turns by */
    srv_address sines;
    srv_address query_norm;   /* bf16 [head_size] or 0 */
    srv_address key_norm;     /* bf16 [head_size] or 0 */
    srv_address row_count;    /* int */
    int layer, head_count, kv_head_count, head_size, pair_count, input_stride, output_stride, norms_turned, reserved;
    float epsilon, query_offset, key_offset; /* added to the norms' weights */
} srv_rope_append_params;

/*
 * Attention; items of one launch come from one list. The second grid dimension is the kv head (grid.y = kv_head_count), but srv_attention_decode takes items and
 * heads in one (grid.y = 1).
 *   srv_attention_plain    any head size up to 256, any number of rows per item; 128 threads, 2,048 bytes of shared memory
 *   srv_attention_decode   head sizes 64 and 128, rows * group of an item at most 16; 128 threads, SRV_ATTENTION_DECODE_SHARED bytes
 *   srv_attention_prefill  head sizes 64 and 128, rows * group of an item at most 128; 256 threads, SRV_ATTENTION_PREFILL_SHARED bytes
 *   srv_attention_prefill_wgmma  the same items on sm_90a, with other bits; 384 threads, SRV_ATTENTION_WGMMA_SHARED bytes
 *   srv_attention_merge    after these, where rows have states: 128 threads (a warp per row and head), no shared memory, a block per row and four heads (the list is not used)
 * group = head_count / kv_head_count. The second to the fourth know neither windows nor caps nor sinks; with _windowed behind their names they do.
 */
typedef struct srv_attention_params {
    srv_address query;        /* bf16 [rows, query_stride] */
    srv_address output;       /* bf16 [rows, output_stride] */
    srv_address pages;
    srv_address page_bytes;
    srv_address token_slots;  /* int, of srv_token_slots */
    srv_address row_list;     /* int: rows of the items */
    srv_address row_ordinals; /* int [rows] */
    srv_address row_partials; /* int [rows]: first state of the row (it has one per split up to its ordinal), or -1 */
    srv_address items;        /* srv_attention_item */
    srv_address item_range;   /* srv_range */
    srv_address states;       /* float [states][head_count][4 + head_size]: maximum, sum, two unused, unnormalised output */
    srv_address row_count;    /* int */
    srv_address sinks;        /* bf16 [head_count] or 0: logits that join the softmax of every row behind its last split */
    int layer, head_count, kv_head_count, head_size, query_stride, output_stride;
    float scale;
    int window;               /* ordinals that a row sees, its own the last; 0 for all */
    float cap;                /* scores become cap * tanh(score / cap); 0 for none */
    int reserved;
} srv_attention_params;

/* srv_product: output[plane][row] = input[row] weight^T over the plane's part of the inputs, planes being whole and as equal as can be in steps of 64 inputs; for up to
   SRV_PRODUCT_ROWS rows. 256 threads, SRV_PRODUCT_SHARED bytes, persistent: a block per multiprocessor, planes for every 128 outputs at most. */
typedef struct srv_product_params {
    srv_address weight;       /* bf16 [outputs, weight_stride] */
    srv_address input;        /* bf16 [rows, input_stride] */
    srv_address output;       /* float [planes][rows, output_stride] */
    srv_address row_count;    /* int */
    srv_address plane_stride; /* floats from plane to plane */
    int outputs, inputs, planes, weight_stride, input_stride, output_stride;
} srv_product_params;

/*
 * What the kernels of a mixture of experts share: which experts the rows of the step chose in the layer that runs, and where each choice lies among all, sorted by expert and then by
 * row. Choice i of a row has the number row * choice_count + i; its place is its row in every matrix with a row per choice. At most SRV_MAX_EXPERTS and SRV_MAX_CHOICES.
 */
typedef struct srv_mixture {
    srv_address experts;    /* int [choices], by number */
    srv_address weights;    /* float [choices], by number */
    srv_address places;     /* int [choices], by number */
    srv_address rows;       /* int [choices], by place: whose choice it is */
    srv_address marks;      /* unsigned [ceil(rows / SRV_ROUTE_ROWS)][expert_count]: bit r of word [b][e] says that row SRV_ROUTE_ROWS b + r chose expert e */
    srv_address tiles;      /* srv_expert_tile: places in order, an expert's tiles side by side */
    srv_address tile_count; /* int */
    srv_address row_count;  /* int */
    int expert_count, choice_count;
} srv_mixture;

/* srv_route: every row's experts, weights and marks, from its logits: the largest, of equal ones the lowest expert first; a weight is the share of the softmax over the chosen experts where
   renormalize is 1, over all otherwise. 1,024 threads (a warp per row), SRV_ROUTE_SHARED bytes, a block per SRV_ROUTE_ROWS rows. */
/* srv_route_few: the same of up to SRV_ROUTE_ROWS rows, and what srv_sort_choices does with tiles of SRV_EXPERT_FEW_ROWS places; marks are not written. 1,024 threads,
   SRV_ROUTE_FEW_SHARED bytes, one block. */
typedef struct srv_route_params {
    srv_mixture mixture;
    srv_address logits; /* float [rows, stride] */
    int stride, renormalize;
} srv_route_params;

/* srv_sort_choices, behind srv_route: places, rows, and tiles of at most tile_places places. 512 threads, SRV_SORT_SHARED bytes, a block per SRV_ROUTE_ROWS rows. */
typedef struct srv_sort_params {
    srv_mixture mixture;
    int tile_places, reserved;
} srv_sort_params;

/* srv_dispatch: output[place] = input[row whose choice lies there], where the experts' products do not read it there themselves. 128 threads, no shared memory, a block per place. */
typedef struct srv_dispatch_params {
    srv_mixture mixture;
    srv_address input;  /* bf16 [rows, input_stride] */
    srv_address output; /* bf16 [choices, output_stride] */
    int columns, input_stride, output_stride, reserved;
} srv_dispatch_params;

/*
 * output[place] = input weight[expert of the place]^T + bias[expert], rounded or kept; input is the place's, or where by_row is 1 that of the row whose choice it is. With an activation, output is
 * round(activation(gate) * up) of the rounded halves [gate | up] of the expert's outputs, half as wide.
 *   srv_experts_few  tiles of at most SRV_EXPERT_FEW_ROWS places; 256 threads, SRV_EXPERTS_FEW_SHARED bytes, persistent: two blocks per multiprocessor
 *   srv_experts      tiles of at most SRV_EXPERT_ROWS places; 256 threads, SRV_EXPERTS_SHARED bytes, persistent: a block per multiprocessor
 * Both give a place the same bits, whatever lies beside it.
 */
typedef struct srv_experts_params {
    srv_mixture mixture;
    srv_address weight; /* bf16 [expert_count][outputs, weight_stride] */
    srv_address bias;   /* bf16 [expert_count][outputs] or 0 */
    srv_address input;  /* bf16 [choices or rows, input_stride] */
    srv_address output; /* bf16 (ROUND) or float (KEEP) [choices, output_stride] */
    int outputs, inputs; /* of one expert */
    int weight_stride, input_stride, output_stride;
    int by_row;
    int mode;           /* SRV_LINEAR_ROUND or SRV_LINEAR_KEEP */
    int activation;     /* SRV_GATE_..., or -1 for none */
    float limit;        /* of SRV_GATE_SWIGLU_OAI */
    int reserved;
} srv_experts_params;

/* srv_combine: output[row] += the sum over the row's choices, in their order, of weight * input[place]. Rows are read and written up to the next multiple of four
   columns. 256 threads, no shared memory, a block per row and 1,024 columns. */
typedef struct srv_combine_params {
    srv_mixture mixture;
    srv_address input;  /* float [choices, input_stride] */
    srv_address output; /* float [rows, output_stride] */
    int columns, input_stride, output_stride, accumulate; /* 0: output is written, one rank's part of a sum */
} srv_combine_params;

/* What shrink and expand of one Linear share. */
typedef struct srv_lora {
    srv_address pages;      /* of the cells */
    srv_address bindings;   /* srv_lora_binding [slots][model_slices] */
    srv_address runs;       /* int: cells, counted over the whole arena */
    srv_address partials;   /* float [planes][rows][slices][rank_stride]: x A^T by chunks of 1,024 columns, unscaled */
    srv_address plane_stride; /* floats from plane to plane */
    int row_stride;         /* floats from row to row: slices * rank_stride */
    int rank_stride;        /* multiple of 16, at least the largest bound rank rounded up to 16 */
    int input_width;        /* of the Linear */
    int cells_per_page;
    int model_slices;       /* slices of the whole model */
    int first_slice;        /* this Linear's first */
    int slice_count;        /* 0: no LoRA */
    int reserved;
    int output_offset[SRV_MAX_SLICES]; /* of each slice */
    int output_width[SRV_MAX_SLICES];
} srv_lora;

/*
 * x A^T of all rows with an adapter, as partial planes: both kernels write the same ones, whose sums differ in the order of addition.
 *   srv_lora_shrink_plain  128 threads, no shared memory, a block per row (row_slots; the lists are not used)
 *   srv_lora_shrink        items of tiles; 128 threads, SRV_SHRINK_SHARED bytes, persistent: two blocks per multiprocessor
 */
typedef struct srv_shrink_params {
    srv_lora lora;
    srv_address input;      /* bf16 [rows, input_stride] */
    srv_address row_slots;  /* int [rows]: adapter slot or -1 */
    srv_address row_count;  /* int */
    srv_address items;      /* srv_shrink_item */
    srv_address item_range; /* srv_range */
    int input_stride, reserved;
} srv_shrink_params;

/*
 * The end of a Linear: product + bias + LoRA delta, rounded, kept or accumulated. product and output may be the same memory where the mode is KEEP.
 *   srv_linear_finish_plain  128 threads, 4,096 bytes of shared memory, a block per row and 512 columns (row_slots; tiles are not used)
 *   srv_linear_finish        128 threads, SRV_FINISH_SHARED bytes, a block per tile and 256 columns of a slice (grid.y: sum over the slices of
 *                            ceil(output width / 256)); the slices, where there are any, cover all columns
 *   srv_lora_expand          the delta alone, float [rows, output_stride], of tiles whose adapter has the slice; product, bias and mode are not used;
 *                            128 threads, SRV_FINISH_SHARED bytes, a block per tile and 512 columns of a slice
 *   srv_finish_silu_mul      gate_up only (two slices of columns / 2 each): what gate mul makes of the rounded end, bf16 [rows, output_stride]; mode is SRV_GATE_SILU or SRV_GATE_GELU;
 *                            256 threads, SRV_FINISH_SILU_SHARED bytes, a block per tile and 256 columns of the output
 *   srv_finish_silu_mul_rows the same of rows one by one, whose deltas are there; 128 threads, no shared memory, a block per row and 512 columns of the output
 */
typedef struct srv_linear_params {
    srv_lora lora;
    srv_address product;    /* float [planes][rows, product_stride] */
    srv_address bias;       /* bf16 [columns] or 0 */
    srv_address output;     /* bf16 (ROUND) or float [rows, output_stride] */
    srv_address row_slots;  /* int [rows] */
    srv_address row_count;  /* int */
    srv_address tiles;      /* srv_row_tile */
    srv_address tile_range; /* srv_range */
    srv_address plane_stride; /* floats from plane to plane of the product */
    srv_address delta;      /* float [rows, delta_stride] of srv_lora_expand, for kernels that take rows one by one; others make their deltas themselves */
    int columns, product_stride, output_stride, mode;
    int planes, delta_stride; /* 1, or 2 that are added up, srv_finish_rms_norm up to SRV_MAX_PLANES, ascending: parts of the sums over the inputs */
} srv_linear_params;

/* srv_finish_rope_append: the end of a fused qkv and srv_rope_append in one; rope.input and linear.output, mode are not used. Slices are q, k, v of whole heads,
   and head_size divides 256. 128 threads, SRV_FINISH_ROPE_SHARED bytes, a block per tile and 256 columns of a slice as srv_linear_finish.
   srv_finish_rope_append_rows: the same of rows one by one, whose deltas are there; any head size; 128 threads (a warp per head), 16 head_size bytes of shared memory,
   a block per row and 4 heads of all (grid.y). */
typedef struct srv_finish_rope_params {
    srv_linear_params linear;
    srv_rope_append_params rope;
} srv_finish_rope_params;

/* srv_finish_rms_norm: the end of an o or down (one slice or none, over all columns) and srv_rms_norm in one. linear.output is the residual stream, norm.input and
   linear.mode are not used; rows whose adapter has the slice read their delta, which srv_lora_expand wrote. Threads as srv_rms_norm, 64 + 4 columns bytes of shared memory rounded up to 16, SRV_FINISH_NORM_SHARED at most; a block per row. */
typedef struct srv_finish_norm_params {
    srv_linear_params linear;
    srv_rms_norm_params norm;
} srv_finish_norm_params;

/* srv_sample: samples or scores every output row, and reports logprobs where asked. Where pending[row of the step] is a token, it is in the output once more than the row's
   penalties say (srv_embed wrote it; token_ids is written over). 1,024 threads, of srv_sample_small, for up to SRV_SMALL_VOCABULARY tokens, 128; SRV_SAMPLE_SHARED bytes, a block per output. */
typedef struct srv_sample_params {
    srv_address logits;       /* float [outputs, logits_stride] */
    srv_address scratch;      /* float [outputs, logits_stride] */
    srv_address sample_rows;  /* srv_sample_row [outputs] */
    srv_address penalties;    /* srv_penalty */
    srv_address biases;       /* srv_bias */
    srv_address masks;        /* unsigned */
    srv_address pending;      /* int [rows] */
    srv_address token_ids;    /* int [outputs] */
    srv_address logprobs;     /* float [outputs] */
    srv_address top_ids;      /* int [outputs, 20] */
    srv_address top_logprobs; /* float [outputs, 20] */
    srv_address output_count; /* int */
    int vocabulary, logits_stride;
} srv_sample_params;

enum {
    /* All but those of wgmma and srv_product below 99 KiB, which every device of sm_80 and up lets a block have. */
    SRV_ATTENTION_DECODE_SHARED = 3 * 2 * 64 * 128 * 2,          /* a ring of three tiles of 64 keys and values; half of it for heads of 64 */
    SRV_ATTENTION_PREFILL_SHARED = 3 * 2 * 64 * 128 * 2,         /* the same */
    SRV_ATTENTION_WGMMA_SHARED = 5 * 2 * 64 * 128 * 2,           /* a ring of five; sm_90a lets a block have 227 KiB */
    SRV_PRODUCT_SHARED = 4 * (128 + SRV_PRODUCT_ROWS) * 128 + 4 * 8 * 132 * 4, /* a ring of four stages, sums of eight rows */
    SRV_ROUTE_SHARED = SRV_MAX_EXPERTS * 4,                      /* marks of 32 rows */
    SRV_SORT_SHARED = (SRV_MAX_EXPERTS + 64) * 4,                /* an expert's first place, sums of the warps */
    SRV_ROUTE_FEW_SHARED = SRV_ROUTE_SHARED + SRV_SORT_SHARED,   /* both */
    SRV_EXPERTS_FEW_SHARED = 4 * (128 + SRV_EXPERT_FEW_ROWS) * 128 + 4 * 8 * 132 * 4, /* a ring of four stages, sums of eight places */
    SRV_EXPERTS_SHARED = 3 * (128 + SRV_EXPERT_ROWS) * 128 + 4 * 8 * 132 * 4,         /* a ring of three */
    SRV_SHRINK_SHARED = 4 * 3 * 8192 + 4 * 8 * 20 * 4,           /* a ring of three per warp, sums of the warps */
    SRV_FINISH_SHARED = 16 * (SRV_MAX_RANK + 8) * 2,             /* x A^T of 16 rows, rounded */
    SRV_FINISH_SILU_SHARED = 2 * 8 * 260 * 4 + 2 * 8 * (SRV_MAX_RANK + 8) * 2, /* deltas and x A^T of gate and of up, eight rows */
    SRV_FINISH_ROPE_SHARED = 16 * 260 * 4 + SRV_FINISH_SHARED,   /* values of 16 rows besides */
    SRV_FINISH_NORM_SHARED = 64 + 16384 * 4,                     /* sums of the warps, a row of the residual stream */
    SRV_SAMPLE_SHARED = 20480
};

#endif
