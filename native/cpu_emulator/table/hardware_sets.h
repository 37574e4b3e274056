// What the processor really has: cpu/processor.cpp once more, under other names.
#pragma once
#include <cstdint>

namespace srv_table {

uint32_t hardware_sets();
uint32_t hardware_integer_sets();

}  // namespace srv_table
