// The kernels that were compiled into this library, by name.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "launch.h"

namespace emulator {

// Null when there is none of that name.
const Kernel* find_kernel(std::string_view name);

std::vector<std::string> kernel_names();

}  // namespace emulator
