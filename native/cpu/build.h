// Making an engine: its tables and memory.
#pragma once
#include "engine.h"

namespace serving {

// The kernels of an instruction set, or null when this library was built without them.
const KernelSet* kernels_of(int isa);

// What multiplies integers beside an instruction set: the one that is asked for, or null when it does not run here.
const IntegerKernels* integer_kernels_of(int isa, int integer_isa);

// Copies the program and reserves memory for its weights.
srv_status build_program(Engine& engine, const srv_program& program);

// Takes the arena, the activation buffers and the adapter slots.
srv_status build_pool(Engine& engine, const srv_pool& pool);

// Gives everything back.
void tear_down(Engine& engine);

}  // namespace serving
