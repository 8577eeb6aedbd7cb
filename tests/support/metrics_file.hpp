#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace modr::testing {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The records of a run's metrics.jsonl.
inline std::vector<nlohmann::json> read_metrics(const std::filesystem::path& run_folder) {
  std::ifstream file(run_folder / "metrics.jsonl");
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(file, line);) records.push_back(nlohmann::json::parse(line));
  return records;
}

/// The same numbers up to `tolerance` (relative), and the same depths and branch counts.
inline void expect_same_run(const std::vector<nlohmann::json>& got, const std::vector<nlohmann::json>& want,
                            double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  ASSERT_FALSE(want.empty()) << "two runs of no step";
  for (std::size_t i = 0; i < got.size(); ++i) {
    for (const char* exact : {"step", "tokens", "label_tokens", "num_steps_no_grad", "num_steps_with_grad"})
      EXPECT_EQ(got[i].at(exact), want[i].at(exact)) << exact << " " << i;
    constexpr const char* counts = "branch_counts";  // of a run with branches
    EXPECT_EQ(got[i].value(counts, nlohmann::json()), want[i].value(counts, nlohmann::json())) << i;
    for (const char* number : {"loss", "grad_norm"}) {
      const double a = got[i][number], b = want[i][number];
      EXPECT_LE(std::abs(a - b), tolerance * std::abs(b)) << number << " of step " << i + 1 << ": " << a << ", " << b;
    }
  }
}

}  // namespace modr::testing
