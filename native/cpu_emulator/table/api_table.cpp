// The table's functions for tests.
#include <cpuid.h>
#include <immintrin.h>
#include <stdio.h>

#include <initializer_list>

#include "../tiles/tiles.h"
#include "hardware_sets.h"
#include "table.h"

namespace {

using namespace srv_table;

bool is_here(Needs needs) {
    const uint32_t sets = hardware_sets();
    const uint32_t integers = hardware_integer_sets();
    switch (needs) {
    case kAvx512: return (sets & (1u << SRV_ISA_AVX512)) != 0;
    case kAvx512Bf16: return (sets & (1u << SRV_ISA_AVX512_BF16)) != 0;
    case kAvx512Vnni: return (integers & (1u << SRV_INTEGER_AVX512_VNNI)) != 0;
    case kAvxVnni: return (integers & (1u << SRV_INTEGER_AVX_VNNI)) != 0;
    default: return false;
    }
}

}  // namespace

int32_t srv_cpu_intrinsics(char* buffer, int32_t bytes) {
    int at = 0;
    for (int i = 0; i < emulated::kTable.count; i++) {
        const Entry& entry = emulated::kTable.entries[i];
        const int room = bytes > at ? bytes - at : 0;
        at += entry.immediate < 0 ? snprintf(buffer + at, static_cast<size_t>(room), "%s\n", entry.name) : snprintf(buffer + at, static_cast<size_t>(room), "%s %d\n", entry.name, entry.immediate);
    }

    return emulated::kTable.count;
}

int32_t srv_cpu_intrinsic(int32_t line, int32_t on_hardware, srv_intrinsic_operands* operands) {
    const Table& table = on_hardware != 0 ? hardware::kTable : emulated::kTable;
    if (line < 0 || line >= table.count || (on_hardware != 0 && !is_here(table.entries[line].needs))) {
        return 0;
    }

    const unsigned control = _mm_getcsr();
    _mm_setcsr(operands->control);
    table.entries[line].run(*operands);
    _mm_setcsr(control);
    return 1;
}

int32_t srv_cpu_tile_product(int32_t on_hardware, uint32_t control, const uint8_t* config, const uint8_t* c, const uint8_t* a, const uint8_t* b, uint8_t* result, int64_t stride) {
    if (on_hardware != 0 && (hardware_sets() & (1u << SRV_ISA_AMX)) == 0) {
        return 0;
    }

    const unsigned before = _mm_getcsr();
    _mm_setcsr(control);
    const bool ran = (on_hardware != 0 ? &hardware::tile_product : &emulated::tile_product)(config, c, a, b, result, stride);
    _mm_setcsr(before);
    return ran ? 1 : 0;
}

const char* srv_cpu_tile_fault(const uint8_t* config, int32_t c, int32_t a, int32_t b) {
    using namespace srv_emulated;
    if (const char* why = why_no_configuration(config)) {
        return why;
    }

    static thread_local Tiles tiles;
    configure(tiles, config);
    for (const int tile : {c, a, b}) {
        if (const char* why = why_no_move(tiles, tile)) {
            return why;
        }
    }

    return why_no_product(tiles, c, a, b);
}
