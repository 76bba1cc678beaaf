#pragma once
#include <stddef.h>
#include <stdint.h>

// "Using libFuzzer as a library" (https://llvm.org/docs/LibFuzzer.html): runs the fuzzer with its own command line.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
