// The kernels of the ptx table for sm_90a, compiled for the emulator as kernels.cpp is.
#include "../cuda/ptx_table/ptx_table_hopper.cu"
