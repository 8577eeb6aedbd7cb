#pragma once
// How much memory this process has taken.
#include <cstdint>
#include <iosfwd>

#include "base/device.hpp"

namespace modr::tools {

/// Forgets the peak so far where the system lets a process do so, so that the next one is of what comes after.
void reset_peak_rss();
/// The largest resident memory since the process started, or since the last reset, in bytes; 0 where /proc is missing.
int64_t peak_rss_bytes();
/// The same from the text of /proc/PID/status.
int64_t parse_peak_rss(std::istream& status);

/// The most that tensors on a device have taken so far.
std::size_t most_tensor_bytes(Device device);
/// From here on it is of what comes.
void reset_most_tensor_bytes(Device device);

}  // namespace modr::tools
