// The processors that the machine offers.
#pragma once

namespace serving {

// min(cgroup quota, affinity), minus one from 4 processors up; at least 1.
int default_thread_count();

// Processors this process may run on.
int affinity_count();

// Binds the calling thread to the index-th processor of the process's affinity mask.
void pin_to_processor(int index);

}  // namespace serving
