#pragma once
// How much memory this process has taken.
#include <cstdint>
#include <iosfwd>

namespace modr::tools {

/// Forgets the peak so far where the system lets a process do so, so that the next one is of what comes after.
void reset_peak_rss();
/// The largest resident memory since the process started, or since the last reset, in bytes; 0 where /proc is missing.
int64_t peak_rss_bytes();
/// The same from the text of /proc/PID/status.
int64_t parse_peak_rss(std::istream& status);

}  // namespace modr::tools
