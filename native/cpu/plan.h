// What is worked out once per step, before the workers start: adapter slots by row and the list of attention tasks.
#pragma once
#include "engine.h"

namespace serving {

// Fills the engine's per-step tables and the job's counts.
void plan_step(Engine& engine, StepJob& job);

}  // namespace serving
