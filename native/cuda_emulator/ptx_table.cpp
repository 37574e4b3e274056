// The kernels of the ptx table, compiled for the emulator as kernels.cpp is.
#include "../cuda/ptx_table/ptx_table.cu"
