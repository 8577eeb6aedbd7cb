#pragma once
// What an evaluation tells: a table for people, summary.json and samples.jsonl for programs.
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/config.hpp"
#include "eval/evaluation.hpp"

namespace modr {

/// Accuracy in percent ± standard error: a row for every task and model, a column for every number of recurrences, the
/// parameters that the model's run trained, and the share of each branch with the most recurrences; below, the mean over tasks, and the speed. With several models
/// the rows of a task stand together. Ends with a newline.
std::string to_table(std::span<const ModelResult> models);

/// Who was evaluated, for summary.json.
struct ReportContext {
  std::vector<std::string> checkpoints;  // of each model
  int num_ranks = 1;
};

/// Makes an evaluation's output folder if it is missing, and throws Error if no file can be written to it: to be called
/// before hours of work.
void make_output_folder(const std::filesystem::path& folder);

/// Writes summary.json (scores with standard errors, and the config) and samples.jsonl (an object an answer: model,
/// task, index, num_steps, prompt, output, extracted, gold, right, too_long, branches, tokens, mean_steps) to
/// config.output, an existing folder. Each file appears whole or not at all. Throws Error.
void write_report(std::span<const ModelResult> models, std::span<const Task> tasks, const EvalConfig& config,
                  const ReportContext& context);

}  // namespace modr
