#pragma once
#include <cmath>
#include <limits>
#include <vector>

namespace modr::testing {

/// max|got - want|. Infinite where sizes differ or where either has a NaN, which std::max() would drop.
inline double largest_difference(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(got[i] - want[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    if (difference > largest) largest = difference;
  }
  return largest;
}

}  // namespace modr::testing
