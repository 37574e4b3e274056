// Linear and Logits: panels are dealt to the workers; each finishes its outputs (bias, LoRA delta, rounding or residual) while they are in cache.

struct LinearCall {
    const Engine* engine;
    const srv_op* op;
    const Weight* weight;
    const Activation* x;
    int64_t x_stride;
    int first_row;           // of input and output
    int rows;
    int expert;              // whose matrix it is; 0 where there is one
    const int32_t* slots;    // adapter slot per row, or null when no row has one
    const float* bias;       // or null
    float* values;           // fp32 output, or null
    Activation* rounded;     // bf16 output, or null
    int64_t stride;          // of the output
};

constexpr int kColumnPanels = 8;  // panels whose results a worker holds at once
constexpr int kRowTile = 48;      // rows whose results a worker holds at once

SRV_INLINE void finish_outputs(const LinearCall& call, const Panel& panel, int row, Vector sum) {
    const int64_t at = row * call.stride + panel.first;
    if (call.op->kind == SRV_OP_LOGITS && call.op->scale != 1) {
        sum = mul(sum, splat(call.op->scale));
    }

    if (call.op->cap > 0) {
        sum = capped(sum, call.op->cap);
    }

    if (call.rounded != nullptr) {
        if (panel.count == kLanes) {
            store_rounded(call.rounded + at, sum);
        } else {
            store_rounded_first(call.rounded + at, sum, panel.count);
        }

        return;
    }

    float* to = call.values + at;
    if (call.op->mode == 2) {
        sum = add(panel.count == kLanes ? load(to) : load_first(to, panel.count), sum);
    }

    if (panel.count == kLanes) {
        store(to, sum);
    } else {
        store_first(to, sum, panel.count);
    }
}

SRV_INLINE Vector bias_of(const LinearCall& call, const Panel& panel) {
    if (call.bias == nullptr) {
        return zero();
    }

    return panel.count == kLanes ? load(call.bias + panel.first) : load_first(call.bias + panel.first, panel.count);
}

// Rows that share an adapter, panels that share its cells: (product + bias) + delta; of DoRA (product + delta) · factor + bias.
template <int Rows, int Panels>
static void finish_with_delta(const LinearCall& call, const Panel* panels, const SlotBinding& slot, int row, const float* c, int c_stride) {
    const Engine& engine = *call.engine;
    const int slice = panels[0].slice;
    const SliceBinding& binding = binding_of(engine, slot, slice, call.expert);
    const int column = panels[0].first - engine.program.slices[slice].output_offset;
    Vector delta[Rows][Panels];
    expand_panels<Rows, Panels>(engine, slot, binding, column, lora_row(engine, row, slice - call.op->first_slice), delta);
    if (const float* factors = factors_of(engine, slot, binding, column)) {
        for (int j = 0; j < Panels; j++) {
            for (int r = 0; r < Rows; r++) {
                const Vector scaled = mul(add(load(c + r * c_stride + j * kLanes), delta[r][j]), load(factors + j * kLanes));
                finish_outputs(call, panels[j], row + r, call.bias == nullptr ? scaled : add(scaled, bias_of(call, panels[j])));
            }
        }

        return;
    }

    for (int j = 0; j < Panels; j++) {
        const Vector bias = bias_of(call, panels[j]);
        for (int r = 0; r < Rows; r++) {
            const Vector sum = load(c + r * c_stride + j * kLanes);
            finish_outputs(call, panels[j], row + r, add(call.bias == nullptr ? sum : add(sum, bias), delta[r][j]));
        }
    }
}

static void finish_plain(const LinearCall& call, const Panel* panels, int count, int row, const float* c) {
    for (int j = 0; j < count; j++) {
        const Vector sum = load(c + j * kLanes);
        finish_outputs(call, panels[j], row, call.bias == nullptr ? sum : add(sum, bias_of(call, panels[j])));
    }
}

using Finish = void (*)(const LinearCall&, const Panel*, const SlotBinding&, int, const float*, int);

constexpr int kDeltaLimit = kTileOrder ? kDeltaVectors / 2 : kDeltaVectors;

// The panels of one cell that some rows finish together: as many as there are accumulators for.
template <int Rows>
static Finish finish_of(int panels, int& taken) {
    if constexpr (Rows * 4 <= kDeltaLimit) {
        if (panels == 4) {
            taken = 4;
            return &finish_with_delta<Rows, 4>;
        }
    }

    if constexpr (Rows * 2 <= kDeltaLimit) {
        if (panels >= 2) {
            taken = 2;
            return &finish_with_delta<Rows, 2>;
        }
    }

    taken = 1;
    return &finish_with_delta<Rows, 1>;
}

static Finish finish_of(int rows, int panels, int& taken) {
    switch (rows) {
    case 1: return finish_of<1>(panels, taken);
    case 2: return finish_of<2>(panels, taken);
    case 3: return finish_of<3>(panels, taken);
    case 4: return finish_of<4>(panels, taken);
    case 5: return finish_of<kDeltaRows < 5 ? 1 : 5>(panels, taken);
    default: return finish_of<kDeltaRows < 6 ? 1 : 6>(panels, taken);
    }
}

// Panels of one slice inside one cell (or any panels without a slice), all rows.
static void finish_panels(const LinearCall& call, const Panel* panels, int count, int first_row, int rows, const float* c, int c_stride) {
    const int slice = call.slots == nullptr ? -1 : panels[0].slice;
    for (int r = 0; r < rows;) {
        const int slot_index = slice < 0 ? -1 : call.slots[first_row + r];
        if (slot_index < 0 || binding_of(*call.engine, call.engine->slots[slot_index], slice, call.expert).rank_blocks == 0) {
            finish_plain(call, panels, count, first_row + r, c + r * c_stride);
            r++;
            continue;
        }

        int same = 1;
        while (same < kDeltaRows && r + same < rows && call.slots[first_row + r + same] == slot_index) {
            same++;
        }

        for (int j = 0; j < count;) {
            int taken = 1;
            const Finish finish = finish_of(same, count - j, taken);
            finish(call, panels + j, call.engine->slots[slot_index], first_row + r, c + r * c_stride + j * kLanes, c_stride);
            j += taken;
        }

        r += same;
    }
}

// How many panels from here on lie in one cell of one slice.
static int panels_of_cell(const LinearCall& call, const Panel* panels, int most) {
    const int slice = panels[0].slice;
    if (slice < 0 || call.slots == nullptr) {
        int count = 1;
        while (count < most && (call.slots == nullptr || panels[count].slice < 0)) {
            count++;
        }

        return count;
    }

    const int inside = (panels[0].first - call.engine->program.slices[slice].output_offset) % kCellColumns / kLanes;
    int count = 1;
    while (count < most && inside + count < kCellColumns / kLanes && panels[count].slice == slice) {
        count++;
    }

    return count;
}

static IntegerProduct product_of(const IntegerKernels& kernels, int format) {
    switch (format) {
    case SRV_FORMAT_INT8: return kernels.int8;
    case SRV_FORMAT_INT4: return kernels.int4;
    case SRV_FORMAT_MXFP4: return kernels.mxfp4;
    case SRV_FORMAT_IQ4: return kernels.iq4;
    default: return kernels.int4_asymmetric;
    }
}

// The product of some rows with some panels, of bf16 or of integers.
static void multiply_panels(const LinearCall& call, int first_panel, int panels, int row, int rows, float* c, int c_stride) {
    const Weight& weight = *call.weight;
    const int64_t bytes = weight.bytes / weight.panel_count;
    const uint8_t* first = call.engine->weights.data + weight.offset + first_panel * bytes;
    if (weight.format == SRV_FORMAT_BF16) {
        const uint16_t* w[kColumnPanels];
        for (int j = 0; j < panels; j++) {
            w[j] = reinterpret_cast<const uint16_t*>(first + j * bytes);
        }

        multiply<PanelSource>(call.x + row * call.x_stride, call.x_stride, rows, w, panels, weight.pairs, c, c_stride, false, bytes / 2);
        return;
    }

    const uint8_t* w[kColumnPanels];
    for (int j = 0; j < panels; j++) {
        w[j] = first + j * bytes;
    }

    const IntegerKernels& kernels = *call.engine->integers;
    product_of(kernels, weight.format)(call.engine->integer_rows, row, rows, w, panels, weight.blocks, c, c_stride, bytes);
}

static void linear_panels(const LinearCall& call, int first_panel, int panel_end) {
    alignas(64) float c[kRowTile * kColumnPanels * kLanes];
    const Engine& engine = *call.engine;
    const Weight& weight = *call.weight;
    const Panel* panels = engine.panels + weight.first_panel;
    constexpr int kStride = kColumnPanels * kLanes;
    for (int p = first_panel; p < panel_end; p += kColumnPanels) {
        const int count = panel_end - p < kColumnPanels ? panel_end - p : kColumnPanels;
        const int end = call.first_row + call.rows;
        for (int row = call.first_row; row < end; row += kRowTile) {
            const int rows = end - row < kRowTile ? end - row : kRowTile;
            multiply_panels(call, p, count, row, rows, c, kStride);
            for (int j = 0; j < count;) {
                const int together = panels_of_cell(call, panels + p + j, count - j);
                finish_panels(call, panels + p + j, together, row, rows, c + j * kLanes, kStride);
                j += together;
            }
        }
    }
}

static void linear(const LinearCall& call, int worker) {
    const int64_t workers = call.engine->pool.count();
    const int first = static_cast<int>(call.weight->panel_count * worker / workers);
    const int end = static_cast<int>(call.weight->panel_count * (worker + 1) / workers);
    linear_panels(call, first, end);
}
