#include "eval/sample.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace modr {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sample, index, output, extracted, right, too_long, tokens, mean_steps, branches)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Answers, samples, seconds)

std::string pack(const Answers& answers) { return nlohmann::json(answers).dump(); }

Answers unpack(std::string_view text) { return nlohmann::json::parse(text).get<Answers>(); }

void add_counts(std::vector<int64_t>& sum, const std::vector<int64_t>& counts) {
  if (sum.size() < counts.size()) sum.resize(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) sum[i] += counts[i];
}

double standard_error(int64_t right, int64_t n) {
  if (n == 0) return 0;
  const double share = static_cast<double>(right) / static_cast<double>(n);
  return std::sqrt(share * (1 - share) / static_cast<double>(n));
}

}  // namespace modr
