// The instruction sets that this machine's processor has and its operating system lets run.
#pragma once
#include <cstdint>

namespace serving {

// Bit i is set when srv_isa i runs here.
uint32_t detect_instruction_sets();

// Bit i is set when srv_integer_isa i runs here.
uint32_t detect_integer_isas();

}  // namespace serving
