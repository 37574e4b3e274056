#include "hardware_sets.h"

#define serving serving_hardware
#include "../../cpu/processor.cpp"
#undef serving

namespace srv_table {

uint32_t hardware_sets() { return serving_hardware::detect_instruction_sets(); }
uint32_t hardware_integer_sets() { return serving_hardware::detect_integer_isas(); }

}  // namespace srv_table
