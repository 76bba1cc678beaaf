// A library to preload into one process (LD_PRELOAD), so that its clock can be stepped without root.
//
// The environment variable CLOCK_STEP_FILE names a file of 8 bytes: the seconds to add to the time of day, in the
// machine's byte order. A change of the file takes effect at once. The monotonic clock is unchanged, as when an
// administrator sets the time.
#pragma once

#define CLOCK_STEP_FILE "CLOCK_STEP_FILE"
