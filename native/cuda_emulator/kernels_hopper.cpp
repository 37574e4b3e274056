// The kernels for sm_90a, compiled for the emulator as kernels.cpp is.
#include "../cuda/kernels_hopper.cu"
