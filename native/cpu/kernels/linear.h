// Linear and Logits: panels are dealt to the workers; each finishes its outputs (bias, LoRA delta, rounding or residual) while they are in cache.

struct LinearCall {
    const Engine* engine;
    const srv_op* op;
    const Weight* weight;
    const Activation* x;
    int64_t x_stride;
    int rows;
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

// Rows that share an adapter: (product + bias) + delta.
template <int Rows>
static void finish_with_delta(const LinearCall& call, const Panel& panel, Vector bias, const SlotBinding& slot, int row, const float* c, int c_stride) {
    const Engine& engine = *call.engine;
    const float* values = engine.lora_values + row * static_cast<int64_t>(engine.lora_stride) + (panel.slice - call.op->first_slice) * kMaxRank;
    Vector delta[Rows];
    expand_panel<Rows>(engine, slot, slot.slices[panel.slice], panel.first - engine.program.slices[panel.slice].output_offset, values, engine.lora_stride, delta);
    for (int r = 0; r < Rows; r++) {
        finish_outputs(call, panel, row + r, add(add(load(c + r * c_stride), bias), delta[r]));
    }
}

static void finish_panel(const LinearCall& call, const Panel& panel, int first_row, int rows, const float* c, int c_stride) {
    Vector bias = zero();
    if (call.bias != nullptr) {
        bias = panel.count == kLanes ? load(call.bias + panel.first) : load_first(call.bias + panel.first, panel.count);
    }

    for (int r = 0; r < rows;) {
        const int slot_index = call.slots == nullptr || panel.slice < 0 ? -1 : call.slots[first_row + r];
        if (slot_index < 0 || call.engine->slots[slot_index].slices[panel.slice].rank_blocks == 0) {
            const Vector sum = load(c + r * c_stride);
            finish_outputs(call, panel, first_row + r, call.bias == nullptr ? sum : add(sum, bias));
            r++;
            continue;
        }

        int same = 1;
        while (same < 4 && r + same < rows && call.slots[first_row + r + same] == slot_index) {
            same++;
        }

        const SlotBinding& slot = call.engine->slots[slot_index];
        const float* from = c + r * c_stride;
        switch (same) {
        case 1: finish_with_delta<1>(call, panel, bias, slot, first_row + r, from, c_stride); break;
        case 2: finish_with_delta<2>(call, panel, bias, slot, first_row + r, from, c_stride); break;
        case 3: finish_with_delta<3>(call, panel, bias, slot, first_row + r, from, c_stride); break;
        default: finish_with_delta<4>(call, panel, bias, slot, first_row + r, from, c_stride); break;
        }

        r += same;
    }
}

static void linear_panels(const LinearCall& call, int first_panel, int panel_end) {
    alignas(64) float c[kRowTile * kColumnPanels * kLanes];
    const Engine& engine = *call.engine;
    const Weight& weight = *call.weight;
    const auto* base = reinterpret_cast<const uint16_t*>(engine.weights.data + weight.offset);
    const Panel* panels = engine.panels + weight.first_panel;
    const int64_t panel_stride = static_cast<int64_t>(weight.pairs) * 2 * kLanes;
    constexpr int kStride = kColumnPanels * kLanes;
    for (int p = first_panel; p < panel_end; p += kColumnPanels) {
        const int count = panel_end - p < kColumnPanels ? panel_end - p : kColumnPanels;
        const uint16_t* w[kColumnPanels];
        for (int j = 0; j < count; j++) {
            w[j] = base + (p + j) * panel_stride;
        }

        for (int row = 0; row < call.rows; row += kRowTile) {
            const int rows = call.rows - row < kRowTile ? call.rows - row : kRowTile;
            multiply(call.x + row * call.x_stride, call.x_stride, rows, w, count, weight.pairs, c, kStride, false);
            for (int j = 0; j < count; j++) {
                finish_panel(call, panels[p + j], row, rows, c + j * kLanes, kStride);
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
