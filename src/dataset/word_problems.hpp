#pragma once
// The project's own data set: generated word problems, split into files that share no question.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/word_problem_families.hpp"

namespace modr {

struct WordProblemConfig {
  uint64_t seed = 1;
  int64_t pretrain = 32000;  ///< problems in pretrain.jsonl, shared evenly by its families
  int64_t finetune = 14000;  ///< problems in finetune.jsonl
  int64_t test = 150;        ///< problems in each family's test/<family>.jsonl

  /// Throws Error naming the field where a size is not positive or is beyond what the families can fill.
  void validate() const;
};

/// All problems of a configuration. No question stands in two places, or twice in one.
struct WordProblemSet {
  std::vector<WordProblem> pretrain;
  std::vector<WordProblem> finetune;
  std::vector<std::vector<WordProblem>> tests;  ///< in the order of word_problem_families()
};

/// A family's place in a WordProblemSet.
struct FamilySummary {
  const WordProblemFamily* family = nullptr;
  int64_t pretrain = 0, finetune = 0, test = 0;
  /// Share of the test that the most frequent answer gets right: what a model scores that reads no question.
  double chance = 0;
};

/// Generates the set; the same configuration gives the same set everywhere.
WordProblemSet generate_word_problems(const WordProblemConfig& config);

/// Counts and chance levels, a row a family.
std::vector<FamilySummary> summarize(const WordProblemSet& problems);

/// Writes pretrain.jsonl, finetune.jsonl, test/<family>.jsonl and manifest.json to `folder` and returns the summary.
/// Every file appears whole or not at all, and one that already holds the right bytes is left alone.
std::vector<FamilySummary> write_word_problems(const WordProblemConfig& config, const std::filesystem::path& folder);

}  // namespace modr
