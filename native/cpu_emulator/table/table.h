// The table of intrinsics: a function for each, compiled twice, from the emulation and from the compiler's own.
#pragma once
#include "serving_cpu_emulator.h"

namespace srv_table {

enum Needs { kAvx512, kAvx512Vnni, kAvxVnni, kAvx512Bf16 };

struct Entry {
    const char* name;
    int immediate;  // or -1
    Needs needs;
    void (*run)(srv_intrinsic_operands& operands);
};

struct Table {
    const Entry* entries;
    int count;
};

namespace emulated {
extern const Table kTable;
bool tile_product(const uint8_t* config, const uint8_t* c, const uint8_t* a, const uint8_t* b, uint8_t* result, int64_t stride);
}  // namespace emulated

namespace hardware {
extern const Table kTable;
bool tile_product(const uint8_t* config, const uint8_t* c, const uint8_t* a, const uint8_t* b, uint8_t* result, int64_t stride);
}  // namespace hardware

}  // namespace srv_table
