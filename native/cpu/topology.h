// What the machine offers: instruction sets and processors.
#pragma once
#include <cstdint>

namespace serving {

// Bit i is set when srv_isa i runs here.
uint32_t detect_instruction_sets();

// Bit i is set when srv_integer_isa i runs here.
uint32_t detect_integer_isas();

// min(cgroup quota, affinity), minus one from 4 processors up; at least 1.
int default_thread_count();

// Processors this process may run on.
int affinity_count();

// Binds the calling thread to the index-th processor of the process's affinity mask.
void pin_to_processor(int index);

}  // namespace serving
