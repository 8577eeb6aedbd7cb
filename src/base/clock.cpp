#include "base/clock.hpp"

#include <fmt/format.h>

#include <cmath>

namespace modr {

std::string format_duration(double seconds) {
  const auto total = static_cast<long>(std::lround(std::max(seconds, 0.0)));
  if (total < 60) return fmt::format("{} s", total);
  if (total < 3600) return fmt::format("{} min {:02} s", total / 60, total % 60);
  return fmt::format("{} h {:02} min", total / 3600, total % 3600 / 60);
}

}  // namespace modr
