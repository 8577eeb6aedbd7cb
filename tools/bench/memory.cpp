#include "tools/bench/memory.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include "tensor/run_on.hpp"

namespace modr::tools {

// 5 resets VmHWM (proc(5), clear_refs).
void reset_peak_rss() { std::ofstream("/proc/self/clear_refs") << "5"; }

int64_t peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  return parse_peak_rss(status);
}

std::size_t most_tensor_bytes(Device device) {
  const auto memory = own_memory(device);
  return memory ? memory->at_most : allocator_stats().peak;
}

void reset_most_tensor_bytes(Device device) {
  if (device.is_cuda()) kernels::reset_at_most(cuda_place(device));
  else reset_allocator_peak();
}

int64_t parse_peak_rss(std::istream& status) {
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmHWM:")) continue;
    int64_t kib = 0;
    std::istringstream(line.substr(line.find(':') + 1)) >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace modr::tools
