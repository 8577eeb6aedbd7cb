#pragma once
#include <cstdint>

namespace modr {

/// Memory of this process in bytes, now and at most so far, as the system counts it; 0 where /proc is missing.
int64_t resident_bytes();
int64_t peak_resident_bytes();

/// What the machine has in bytes, or the control group of this process, if that is less.
int64_t machine_bytes();

}  // namespace modr
