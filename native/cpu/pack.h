// Writes weights and adapters in the order that products read them.
#pragma once
#include "engine.h"

namespace serving {

// Cuts a weight's outputs into panels; borders are the offsets at which a slice begins or ends. Returns how many there are; panels may be null to count.
int cut_panels(const srv_program& program, int weight, Panel* panels);

// Rows of a matrix into its panels, or elements of a vector.
void pack_rows(const Engine& engine, const Weight& weight, int first_row, const uint16_t* values, int64_t count);

// Elements of a vector of floats.
void pack_floats(const Engine& engine, const Weight& weight, int first, const float* values, int64_t count);

// Bytes of one panel of a matrix.
int64_t panel_bytes(const Weight& weight);

// Rows of integers and their scales into their panels.
void pack_integers(const Engine& engine, const Weight& weight, int first_row, int row_count, const int8_t* values, const uint16_t* scales);

// Rows of a matrix out of its panels, as fp32.
void read_rows(const Engine& engine, const Weight& weight, int first_row, int row_count, float* values);

// An adapter into its pages, and its slot's tables.
srv_status pack_adapter(Engine& engine, int slot, const srv_adapter_slice* slices, int slice_count, const srv_cell_run* runs, int run_count, const int32_t* pages, int page_count);

}  // namespace serving
