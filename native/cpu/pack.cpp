#include "pack.h"

#include <initializer_list>
#include <stdlib.h>
#include <string.h>

namespace serving {
namespace {

int divide_up(int64_t a, int64_t b) { return static_cast<int>((a + b - 1) / b); }

// The slice of any Linear over this weight that covers an output column (of every expert), and where the next border lies.
int slice_at(const srv_program& program, int weight, int column, int* border) {
    int covering = -1;
    *border = program.weights[weight].rows / program.weights[weight].experts;
    for (int i = 0; i < program.op_count; i++) {
        const srv_op& op = program.ops[i];
        for (int local = 0; op.kind == SRV_OP_LINEAR && op.weight == weight && local < op.slice_count; local++) {
            const srv_slice& slice = program.slices[op.first_slice + local];
            const int end = slice.output_offset + slice.output_width;
            if (column >= slice.output_offset && column < end) {
                covering = op.first_slice + local;
            }

            for (const int edge : {slice.output_offset, end}) {
                if (edge > column && edge < *border) {
                    *border = edge;
                }
            }
        }
    }

    return covering;
}

void pack_vector(const Engine& engine, const Weight& weight, int first, const uint16_t* values, int64_t count) {
    auto* to = reinterpret_cast<float*>(engine.weights.data + weight.offset) + first;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = static_cast<uint32_t>(values[i]) << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        to[i] = value + weight.addend;
    }
}

// A: rank across the pair, ranks beyond the adapter's and columns beyond the slice's are zero.
void pack_shrink_cell(uint16_t* cell, const srv_adapter_slice& slice, int width, int block, int tile) {
    memset(cell, 0, kCellElements * sizeof *cell);
    for (int r = 0; r < kCellRanks && block * kCellRanks + r < slice.rank; r++) {
        const uint16_t* row = slice.a + static_cast<int64_t>(block * kCellRanks + r) * width;
        for (int k = 0; k < kCellColumns && tile * kCellColumns + k < width; k++) {
            cell[k / 2 * 2 * kCellRanks + r * 2 + k % 2] = row[tile * kCellColumns + k];
        }
    }
}

void pack_expand_cell(uint16_t* cell, const srv_adapter_slice& slice, int width, int block, int tile) {
    memset(cell, 0, kCellElements * sizeof *cell);
    for (int n = 0; n < kCellColumns && tile * kCellColumns + n < width; n++) {
        const uint16_t* row = slice.b + static_cast<int64_t>(tile * kCellColumns + n) * slice.rank;
        for (int r = 0; r < kCellRanks && block * kCellRanks + r < slice.rank; r++) {
            cell[n / kLanes * kLanes * kCellRanks + r / 2 * 2 * kLanes + n % kLanes * 2 + r % 2] = row[block * kCellRanks + r];
        }
    }
}

// Factors of outputs side by side; behind the last they are zero.
void pack_factor_cell(uint16_t* cell, const srv_adapter_slice& slice, int width, int, int tile) {
    memset(cell, 0, kCellElements * sizeof *cell);
    const int first = tile * kCellFactors;
    memcpy(cell, slice.factors + first, sizeof(float) * static_cast<size_t>(width - first < kCellFactors ? width - first : kCellFactors));
}

// The code of E2M1 that stands for half a number; what none stands for comes near.
uint8_t mxfp4_code(int number) {
    const int magnitude = number < 0 ? -number : number;
    const int code = magnitude < 5 ? magnitude : magnitude < 7 ? 5 : magnitude < 10 ? 6 : 7;
    return static_cast<uint8_t>(number < 0 ? code | 8 : code);
}

// The code of IQ4_NL whose integer is nearest, the lower one of two.
uint8_t iq4_code(int number) {
    int code = 0;
    while (code < 15 && 2 * number > number_of(SRV_FORMAT_IQ4, code) + number_of(SRV_FORMAT_IQ4, code + 1)) {
        code++;
    }

    return static_cast<uint8_t>(code);
}

uint8_t code_of(int format, int number) {
    switch (format) {
    case SRV_FORMAT_MXFP4: return mxfp4_code(number);
    case SRV_FORMAT_IQ4: return iq4_code(number);
    default: return static_cast<uint8_t>(number + offset_of(format));
    }
}

constexpr uint32_t kNibbles = 0x0F0F0F0F;

// 64 inputs of one output, with two scales and where there are offsets two of them: see integer/integer.h.
void pack_block(uint8_t* block, int format, int lane, const int8_t* values, const uint16_t* scales, const uint16_t* offsets) {
    auto* header = reinterpret_cast<uint16_t*>(block);
    header[lane] = scales[0];
    header[kLanes + lane] = scales[1];
    if (offsets != nullptr) {
        header[2 * kLanes + lane] = offsets[0];
        header[3 * kLanes + lane] = offsets[1];
    }

    uint8_t* to = block + header_bytes(format);
    uint32_t quads[kBlockInputs / 4];
    auto* codes = reinterpret_cast<uint8_t*>(quads);
    for (int k = 0; k < kBlockInputs; k++) {
        codes[k] = code_of(format, values[k]);
    }

    if (format == SRV_FORMAT_INT8) {
        for (int quad = 0; quad < kBlockInputs / 4; quad++) {
            memcpy(to + quad * 64 + lane * 4, quads + quad, sizeof *quads);
        }

        return;
    }

    for (int line = 0; line < 8; line++) {
        const uint32_t* lower = quads + line / 4 * 8 + line % 4;
        const uint32_t pairs = (lower[0] & kNibbles) | (lower[4] & kNibbles) << 4;
        memcpy(to + line * 64 + lane * 4, &pairs, sizeof pairs);
    }
}

// One slice's cells. Its runs must be those that AdapterLayout makes: every rank block's tiles in order, cut only where they are more than a page holds.
bool pack_slice(const Engine& engine, const srv_adapter_slice& slice, const srv_cell_run* runs, const int32_t* pages, int page_count, SliceBinding& binding, uint16_t** cells) {
    const srv_slice& shape = engine.program.slices[slice.slice];
    constexpr decltype(&pack_shrink_cell) kPack[] = {pack_shrink_cell, pack_expand_cell, pack_factor_cell};
    const int widths[] = {shape.input_width, shape.output_width, shape.output_width};
    binding.rank_blocks = divide_up(slice.rank, kCellRanks);
    binding.scale = slice.scale;
    int next = 0;
    for (int matrix = 0; matrix < (slice.factors == nullptr ? 2 : 3); matrix++) {
        const int tiles = divide_up(widths[matrix], matrix == 2 ? kCellFactors : kCellColumns);
        const int blocks = matrix == 2 ? 1 : binding.rank_blocks;
        binding.first_run[matrix] = slice.first_run + next;
        binding.runs_per_block[matrix] = divide_up(tiles, engine.cells_per_page);
        for (int block = 0; block < blocks; block++) {
            for (int tile = 0; tile < tiles; next++) {
                if (next == slice.run_count) {
                    return false;
                }

                const srv_cell_run& run = runs[slice.first_run + next];
                const int expected = tiles - tile < engine.cells_per_page ? tiles - tile : engine.cells_per_page;
                const bool fits = run.first_cell >= 0 && run.first_cell + run.tile_count <= engine.cells_per_page && run.page >= 0 && run.page < page_count
                    && pages[run.page] >= 0 && pages[run.page] < engine.limits.page_count;
                if (run.matrix != matrix || run.rank_block != block || run.first_tile != tile || run.tile_count != expected || !fits) {
                    return false;
                }

                auto* cell = reinterpret_cast<uint16_t*>(engine.arena.data + pages[run.page] * engine.limits.page_bytes) + int64_t{run.first_cell} * kCellElements;
                cells[slice.first_run + next] = cell;
                for (int i = 0; i < run.tile_count; i++, tile++, cell += kCellElements) {
                    kPack[matrix](cell, slice, widths[matrix], block, tile);
                }
            }
        }
    }

    return next == slice.run_count;
}

// The first panel of the expert that a row belongs to.
int first_panel_of(const Weight& weight, int row) { return row / weight.expert_rows * weight.expert_panels; }

// A panel's first row, counted over all experts.
int row_of_panel(const Weight& weight, const Panel* panels, int panel) { return panel / weight.expert_panels * weight.expert_rows + panels[panel].first; }

// The panels of one expert.
int cut_expert(const srv_program& program, int weight, Panel* panels) {
    const int rows = program.weights[weight].rows / program.weights[weight].experts;
    int count = 0;
    for (int column = 0; column < rows;) {
        int border = 0;
        const int slice = slice_at(program, weight, column, &border);
        for (; column < border; column += kLanes, count++) {
            if (panels != nullptr) {
                panels[count] = Panel{column, border - column < kLanes ? border - column : kLanes, slice};
            }
        }

        column = border;
    }

    return count;
}

}  // namespace

int cut_panels(const srv_program& program, int weight, Panel* panels) {
    const int experts = program.weights[weight].experts;
    const int each = cut_expert(program, weight, panels);
    for (int i = each; panels != nullptr && i < each * experts; i++) {
        panels[i] = panels[i - each];
    }

    return each * experts;
}

void pack_floats(const Engine& engine, const Weight& weight, int first, const float* values, int64_t count) {
    auto* to = reinterpret_cast<float*>(engine.weights.data + weight.offset) + first;
    for (int64_t i = 0; i < count; i++) {
        to[i] = values[i] + weight.addend;
    }
}

void pack_rows(const Engine& engine, const Weight& weight, int first_row, const uint16_t* values, int64_t count) {
    if (weight.kind == 2) {
        pack_vector(engine, weight, first_row, values, count);
        return;
    }

    // Pairs of a row lie 64 bytes apart in its panel; rows of the same panel are packed together, so that each line is written once.
    const Panel* panels = engine.panels + weight.first_panel;
    const int end = first_row + static_cast<int>(count / weight.columns);
    auto* base = reinterpret_cast<uint16_t*>(engine.weights.data + weight.offset);
    for (int p = first_panel_of(weight, first_row); p < weight.panel_count && row_of_panel(weight, panels, p) < end; p++) {
        const int first = row_of_panel(weight, panels, p);
        const int from = first > first_row ? first : first_row;
        const int to = first + panels[p].count < end ? first + panels[p].count : end;
        if (from >= to) {
            continue;
        }

        uint16_t* panel = base + static_cast<int64_t>(p) * weight.pairs * 2 * kLanes;
        const uint16_t* rows = values + static_cast<int64_t>(from - first_row) * weight.columns;
        for (int pair = 0; pair < (weight.columns + 1) / 2; pair++) {
            uint16_t* line = panel + pair * 2 * kLanes + (from - first) * 2;
            const bool whole = 2 * pair + 1 < weight.columns;
            for (int r = 0; r < to - from; r++) {
                const uint16_t* pairs = rows + static_cast<int64_t>(r) * weight.columns + 2 * pair;
                line[2 * r] = pairs[0];
                line[2 * r + 1] = whole ? pairs[1] : uint16_t{0};
            }
        }
    }
}

int64_t panel_bytes(const Weight& weight) {
    switch (weight.format) {
    case SRV_FORMAT_INT8: return int64_t{weight.blocks} * (kScaleBytes + kInt8Bytes);
    case SRV_FORMAT_INT4:
    case SRV_FORMAT_MXFP4:
    case SRV_FORMAT_IQ4:
    case SRV_FORMAT_INT4_ASYMMETRIC: return int64_t{weight.blocks} * (header_bytes(weight.format) + kInt4Bytes);
    default: return int64_t{weight.pairs} * 2 * kLanes * 2;
    }
}

void pack_integers(const Engine& engine, const Weight& weight, int first_row, int row_count, const int8_t* values, const uint16_t* scales) {
    const Panel* panels = engine.panels + weight.first_panel;
    const int64_t bytes = panel_bytes(weight);
    const int64_t block_bytes = bytes / weight.blocks;
    const bool has_offsets = weight.format == SRV_FORMAT_INT4_ASYMMETRIC;
    const int64_t groups = 2 * int64_t{weight.blocks};
    for (int p = first_panel_of(weight, first_row); p < weight.panel_count && row_of_panel(weight, panels, p) < first_row + row_count; p++) {
        uint8_t* panel = engine.weights.data + weight.offset + p * bytes;
        for (int lane = 0; lane < panels[p].count; lane++) {
            const int64_t row = row_of_panel(weight, panels, p) + lane - first_row;
            if (row < 0 || row >= row_count) {
                continue;
            }

            // A row's scales, then its offsets.
            const uint16_t* row_scales = scales + row * groups * (has_offsets ? 2 : 1);
            for (int block = 0; block < weight.blocks; block++) {
                const uint16_t* own = row_scales + 2 * block;
                pack_block(panel + block * block_bytes, weight.format, lane, values + (row * weight.blocks + block) * kBlockInputs, own, has_offsets ? own + groups : nullptr);
            }
        }
    }
}

namespace {

float widened(uint16_t value) {
    const uint32_t bits = static_cast<uint32_t>(value) << 16;
    float single;
    memcpy(&single, &bits, sizeof single);
    return single;
}

// What a code of 64 inputs stands for in multiples of its group's scale: the converse of pack_block.
int number_at(const uint8_t* block, int format, int lane, int input) {
    const uint8_t* codes = block + header_bytes(format);
    if (format == SRV_FORMAT_INT8) {
        return codes[input / 4 * 64 + lane * 4 + input % 4] - kInt8Offset;
    }

    const int quad = input / 4;
    const uint8_t pair = codes[(quad / 8 * 4 + quad % 4) * 64 + lane * 4 + input % 4];
    const int code = quad % 8 < 4 ? pair & 15 : pair >> 4;
    return number_of(format, code);
}

void read_row(const Weight& weight, const uint8_t* panel, int lane, float* values) {
    if (weight.format == SRV_FORMAT_BF16) {
        const auto* pairs = reinterpret_cast<const uint16_t*>(panel) + lane * 2;
        for (int k = 0; k < weight.columns; k++) {
            values[k] = widened(pairs[k / 2 * 2 * kLanes + k % 2]);
        }

        return;
    }

    const int64_t block_bytes = panel_bytes(weight) / weight.blocks;
    for (int k = 0; k < weight.columns; k++) {
        const uint8_t* block = panel + k / kBlockInputs * block_bytes;
        const int input = k % kBlockInputs;
        const auto* scales = reinterpret_cast<const uint16_t*>(block);
        const uint16_t* own = scales + input / kGroup * kLanes + lane;
        values[k] = widened(own[0]) * static_cast<float>(number_at(block, weight.format, lane, input));  // exact: added to, it is rounded once
        if (weight.format == SRV_FORMAT_INT4_ASYMMETRIC) {
            values[k] += widened(own[2 * kLanes]);
        }
    }
}

}  // namespace

void read_rows(const Engine& engine, const Weight& weight, int first_row, int row_count, float* values) {
    const Panel* panels = engine.panels + weight.first_panel;
    int panel = first_panel_of(weight, first_row);
    for (int row = first_row; row < first_row + row_count; row++, values += weight.columns) {
        while (row >= row_of_panel(weight, panels, panel) + panels[panel].count) {
            panel++;
        }

        read_row(weight, engine.weights.data + weight.offset + panel * panel_bytes(weight), row - row_of_panel(weight, panels, panel), values);
    }
}

srv_status pack_adapter(Engine& engine, int slot, const srv_adapter_slice* slices, int slice_count, const srv_cell_run* runs, int run_count, const int32_t* pages, int page_count) {
    const size_t table = static_cast<size_t>(engine.binding_count) * sizeof(SliceBinding);
    auto* bindings = static_cast<SliceBinding*>(calloc(1, table + static_cast<size_t>(run_count) * sizeof(uint16_t*) + 1));
    if (bindings == nullptr) {
        return SRV_OUT_OF_MEMORY;
    }

    auto** cells = reinterpret_cast<uint16_t**>(reinterpret_cast<uint8_t*>(bindings) + table);
    uint32_t parts = 0;
    for (int i = 0; i < slice_count; i++) {
        const srv_adapter_slice& slice = slices[i];
        const bool named = slice.slice >= 0 && slice.slice < engine.program.slice_count && slice.rank > 0 && slice.rank <= kMaxRank && slice.expert >= 0
            && slice.expert < engine.program.slices[slice.slice].experts;
        const bool ranged = slice.first_run >= 0 && slice.run_count > 0 && slice.run_count <= run_count - slice.first_run;
        const SlicePlace place = named ? engine.slice_places[slice.slice] : SlicePlace{};
        if (!named || !ranged || !pack_slice(engine, slice, runs, pages, page_count, bindings[place.first_binding + slice.expert], cells)) {
            free(bindings);
            return SRV_BAD_ARGUMENT;
        }

        parts |= place.part;
    }

    free(engine.slots[slot].slices);
    engine.slots[slot] = SlotBinding{bindings, cells, parts};
    return SRV_OK;
}

}  // namespace serving
