// A library to preload into one process (LD_PRELOAD), so that its clock can be stepped without root.
//
// CLOCK_STEP_FILE names a file of 8 bytes: how many seconds to add to the time of day, in the machine's byte order.
// A change of the file takes effect at once. The monotonic clock stays as it is, as in a step by an administrator.
#pragma once

#define CLOCK_STEP_FILE "CLOCK_STEP_FILE"
